import { DurableObject } from 'cloudflare:workers';
import { type ProxyFetchItem, proxyFetch } from 'proxy-fetch';

export class Payments extends DurableObject<Cloudflare.Env> {
  pay(order: string, cents: number): Promise<string> {
    const request = {
      url: `${this.env.REPORTS}/payments`,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ order, cents }),
    };
    return proxyFetch(this, request, 'PAYMENTS', 'onPaid', {
      // A repeat of this call, after a crash for instance, starts nothing.
      requestId: `pay-${order}`,
      timeoutMs: 60_000,
      maxRetries: 5,
      retryDelayMs: 500,
    });
  }

  /** Nobody is called back. */
  log(line: string): Promise<string> {
    return proxyFetch(this, { url: `${this.env.REPORTS}/log`, method: 'POST', body: line }, { atMostOnce: true });
  }

  onPaid({ requestId, response, attempts }: ProxyFetchItem): void {
    this.ctx.storage.kv.put(requestId, { paid: response?.ok === true, attempts });
  }

  state(order: string): { paid: boolean; attempts: number } | undefined {
    return this.ctx.storage.kv.get(`pay-${order}`);
  }
}
