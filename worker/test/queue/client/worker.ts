// A TypeScript worker that has the package as a dependency, under three configurations: with both bindings, with the
// queue's only, with neither.

import { DurableObject } from 'cloudflare:workers';
import { type ProxyFetchItem, proxyFetch } from 'proxy-fetch';
import queue from './queue.ts';

export { ProxyFetchDO } from 'proxy-fetch';

interface Env {
  ORIGIN: DurableObjectNamespace<Origin>;
  /** The workers of the other configurations. */
  QUEUE_ONLY?: Fetcher;
  NEITHER?: Fetcher;
}

export class Origin extends DurableObject<Env> {
  async call(url: string): Promise<{ requestId: string } | { error: string }> {
    try {
      return { requestId: await proxyFetch(this, url, 'ORIGIN', 'onResult') };
    } catch (error) {
      return { error: String(error) };
    }
  }

  async onResult(item: ProxyFetchItem): Promise<void> {
    const { requestId, response, attempts, durationMs } = item;
    this.ctx.storage.kv.put('items', [
      ...this.items(),
      {
        requestId,
        fields: Object.keys(item).sort(),
        types: [typeof attempts, typeof durationMs, response instanceof Response],
        attempts,
        status: response?.status,
        text: await response?.text(),
      },
    ]);
  }

  items(): object[] {
    return this.ctx.storage.kv.get<object[]>('items') ?? [];
  }
}

export default {
  async fetch(request, env) {
    const [, worker = '', what] = new URL(request.url).pathname.split('/');
    const other = worker === 'queue-only' ? env.QUEUE_ONLY : worker === 'neither' ? env.NEITHER : undefined;
    if (other !== undefined) return other.fetch(`https://own/own/${what}`, { method: 'POST', body: await request.text() });
    const origin = env.ORIGIN.getByName('main');
    return Response.json(what === 'items' ? await origin.items() : await origin.call(await request.text()));
  },
  // The page's example.
  queue: queue.queue,
} satisfies ExportedHandler<Env & Cloudflare.Env>;
