// The worker of the benchmark for the Queue variant, under `wrangler dev`: two queues, which differ in the time that a
// batch waits for company.
import { ProxyFetchDO, ProxyFetchQueue } from './index.js';
import { Caller } from './origin.js';
export { ProxyFetchDO };

export class Origin extends Caller {
  constructor(ctx, env) {
    super(ctx, env);
    this.ways.queue_0 = (id, url) => this.send(env.QUEUE_0, id, url);
    this.ways.queue_1 = (id, url) => this.send(env.QUEUE_1, id, url);
  }

  send(queue, request_id, url) {
    const message = ProxyFetchQueue.message(JSON.stringify({ url, request_id, callback: this.callback }), this.env);
    return queue.send(message, { contentType: 'bytes' });
  }
}

export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === '/') return new Response('ok');
    const p = Object.fromEntries(searchParams);
    const origin = env.ORIGIN.getByName('origin');
    if (pathname === '/latencies') return Response.json(await origin.latencies(p.kind, +p.count, +p.callers, p.url, p.tag));
    if (pathname === '/burst') return Response.json(await origin.burst(p.kind, +p.count, p.url, p.tag));
    return new Response('unknown', { status: 404 });
  },

  queue(batch, env) {
    return ProxyFetchQueue.consume(batch, env);
  },
};
