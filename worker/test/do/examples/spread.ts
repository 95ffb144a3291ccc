import { DurableObject } from 'cloudflare:workers';
import { type ProxyFetchItem, type ProxyFetchStatus, cancel, proxyFetch, stats, status } from 'proxy-fetch';

/** Among four instances: 20 fetches at once. */
const SPREAD = { shards: 4 };

export class Spread extends DurableObject<Cloudflare.Env> {
  order(url: string): Promise<string> {
    return proxyFetch(this, url, 'SPREAD', 'onResult', SPREAD);
  }

  how(requestId: string): Promise<ProxyFetchStatus> {
    return status(this, requestId, SPREAD);
  }

  /** Then `onResult` gets the error `cancelled`. */
  giveUp(requestId: string): Promise<void> {
    return cancel(this, requestId, SPREAD);
  }

  async waiting(): Promise<number> {
    return (await stats(this, SPREAD)).live;
  }

  onResult({ requestId, error }: ProxyFetchItem): void {
    this.ctx.storage.kv.put(requestId, error?.code ?? 'response');
  }

  outcome(requestId: string): string | undefined {
    return this.ctx.storage.kv.get<string>(requestId);
  }
}
