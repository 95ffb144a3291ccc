import { DurableObject } from 'cloudflare:workers';
import { type ProxyFetchItem, proxyFetchAll } from 'proxy-fetch';

export class Many extends DurableObject<Cloudflare.Env> {
  async orderAll(urls: string[]): Promise<{ taken: string[]; refused: string[] }> {
    const answers = await proxyFetchAll(this, urls, 'MANY', 'onResult');
    return {
      taken: answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : [])),
      refused: answers.flatMap((answer) => (answer.status === 'rejected' ? String(answer.reason) : [])),
    };
  }

  onResult({ requestId }: ProxyFetchItem): void {
    this.ctx.storage.kv.put(requestId, true);
  }

  ended(): number {
    return [...this.ctx.storage.kv.list()].length;
  }
}
