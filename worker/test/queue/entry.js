// The Queue variant under test: an origin that keeps what it is told, and a door for the tests.
import { DurableObject } from 'cloudflare:workers';
import { ProxyFetchDO, ProxyFetchQueue } from '../../build/index.js';
export { ProxyFetchDO };

export class Origin extends DurableObject {
  async onResult({ requestId, response, error, attempts, durationMs }) {
    const item = { requestId, error, attempts, durationMs };
    if (response !== undefined) item.response = { status: response.status, text: await response.text() };
    const items = this.ctx.storage.kv.get('items') ?? [];
    this.ctx.storage.kv.put('items', [...items, item]);
  }

  items() {
    return this.ctx.storage.kv.get('items') ?? [];
  }
}

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname === '/id') return Response.json(env.ORIGIN.idFromName('main').toString());
    if (pathname === '/items') return Response.json(await env.ORIGIN.getByName('main').items());
    if (pathname === '/send') {
      try {
        const message = ProxyFetchQueue.message(await request.text(), env);
        await env.PROXY_FETCH_QUEUE.send(message, { contentType: 'bytes' });
        return Response.json({ sent: message.byteLength });
      } catch (error) {
        return new Response(error.message, { status: 422 });
      }
    }
    if (pathname === '/garbage') {
      await env.PROXY_FETCH_QUEUE.send(await request.text(), { contentType: 'text' });
      return Response.json({});
    }
    return new Response('unknown', { status: 404 });
  },

  queue(batch, env) {
    return ProxyFetchQueue.consume(batch, env);
  },
};
