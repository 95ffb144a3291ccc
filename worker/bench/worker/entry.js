// The worker of the benchmark on plain workerd: our object, what it is compared with, the caller, and a door for each
// measurement.
import { ProxyFetchDO } from './index.js';
import { Minimal, MinimalFive } from './minimal.js';
import { Caller } from './origin.js';
import { fill, handIn, stats } from './proxy.js';
export { Minimal, MinimalFive, ProxyFetchDO };

const NAME = 'proxy-fetch-global';

export class Origin extends Caller {
  constructor(ctx, env) {
    super(ctx, env);
    this.ways.minimal = (id, url) => env.MINIMAL.getByName('minimal').enqueue(id, url, this.id);
    this.ways.minimal_5 = (id, url) => env.MINIMAL_FIVE.getByName('minimal').enqueue(id, url, this.id);
    this.ways.ours = (id, url) => handIn(env, NAME, { url, request_id: id, callback: this.callback });
  }

  handInList(ids, url) {
    return handIn(this.env, NAME, ids.map((request_id) => ({ url, request_id, callback: this.callback })));
  }
}

const doors = {
  latencies: async (origin, p) => origin.latencies(p.kind, +p.count, +p.callers, p.url, p.tag),
  burst: async (origin, p) => origin.burst(p.kind, +p.count, p.url, p.tag),
  accept: async (origin, p) => (await origin.accept(p.kind, +p.count, p.url, p.tag)) ?? null,
  delivered: async (origin, p) => origin.delivered(p.tag),
};

export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === '/') return new Response('ok');
    const p = Object.fromEntries(searchParams);
    const door = pathname.slice(1);
    if (Object.hasOwn(doors, door)) return Response.json(await doors[door](env.ORIGIN.getByName('origin'), p));
    const minimal = env.MINIMAL.getByName('minimal');
    if (door === 'stats') return stats(env, NAME);
    if (door === 'fill') {
      await (p.kind === 'minimal' ? minimal.fill(+p.count, p.url) : fill(env, NAME, +p.count, p.url));
      return Response.json(null);
    }
    if (door === 'first') {
      await (p.kind === 'minimal' ? minimal.enqueue('first', p.url, '') : handIn(env, NAME, { url: p.url, request_id: 'first' }));
      return Response.json(null);
    }
    return new Response('unknown', { status: 404 });
  },
};
