// What the object is compared with: put, fetch, callback by RPC, delete. It promises nothing: no limit, no retry, no
// time-out, no deduplication, and nobody goes on with what it has stored.
import { DurableObject } from 'cloudflare:workers';

export class Minimal extends DurableObject {
  async enqueue(id, url, origin) {
    await this.ctx.storage.put(id, { url, origin });
    this.run(id, url, origin);
    return id;
  }

  async run(id, url, origin) {
    const { response, body } = await this.fetched(url);
    const namespace = this.env.ORIGIN;
    await namespace.get(namespace.idFromString(origin)).onResult({ requestId: id, response: new Response(body, response) });
    await this.ctx.storage.delete(id);
  }

  async fetched(url) {
    const response = await fetch(url);
    return { response, body: await response.arrayBuffer() };
  }

  async fill(count, url) {
    for (let at = 0; at < count; at += 100) {
      const rows = Array.from({ length: Math.min(100, count - at) }, (_, n) => [`fill-${at + n}`, { url, origin: '' }]);
      await this.ctx.storage.put(Object.fromEntries(rows));
    }
  }
}

/** With the one promise whose price is waiting: 5 fetches at once. */
export class MinimalFive extends Minimal {
  free = 5;
  waiting = [];

  async fetched(url) {
    if (this.free === 0) await new Promise((resolve) => this.waiting.push(resolve));
    else this.free -= 1;
    try {
      return await super.fetched(url);
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.free += 1;
      else next();
    }
  }
}
