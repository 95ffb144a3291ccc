// The object whose calls are measured: from its call until its handler has the whole response.
import { DurableObject } from 'cloudflare:workers';

export class Caller extends DurableObject {
  /** Variant to a function that hands one request in: `(id, url)`. */
  ways = { direct: (id, url) => this.direct(id, url), direct_5: (id, url) => this.direct(id, url) };
  waiting = new Map();

  constructor(ctx, env) {
    super(ctx, env);
    ctx.storage.sql.exec('CREATE TABLE IF NOT EXISTS delivered (id TEXT PRIMARY KEY, answered INTEGER) WITHOUT ROWID');
  }

  get id() {
    return this.ctx.id.toString();
  }

  get callback() {
    return { binding: 'ORIGIN', object: this.id, method: 'onResult' };
  }

  async onResult({ requestId, response }) {
    if (response !== undefined) await response.arrayBuffer();
    const done = this.waiting.get(requestId);
    if (requestId.startsWith('crash-')) {
      const answered = response?.ok === true ? 1 : 0;
      this.ctx.storage.sql.exec('INSERT OR IGNORE INTO delivered VALUES (?, ?)', requestId, answered);
    } else if (done === undefined) {
      throw new Error(`nobody waits for ${requestId}`);
    }
    this.waiting.delete(requestId);
    done?.resolve(response);
  }

  async direct(id, url) {
    const response = await fetch(url);
    await response.arrayBuffer();
    this.waiting.get(id).resolve(response);
    this.waiting.delete(id);
  }

  result(id) {
    const done = Promise.withResolvers();
    this.waiting.set(id, done);
    return done.promise;
  }

  /** Resolves when the handler has been called. */
  async whole(kind, id, url) {
    const result = this.result(id);
    await this.ways[kind](id, url);
    const response = await result;
    if (response?.ok !== true) throw new Error(`${id} has no good response`);
  }

  /** The time of each of `count` requests, by so many callers, each of which has one under way. */
  async latencies(kind, count, callers, url, tag) {
    const times = [];
    let next = 0;
    const call = async () => {
      while (next < count) {
        const id = `${tag}-${next++}`;
        const start = performance.now();
        await this.whole(kind, id, url);
        times.push(performance.now() - start);
      }
    };
    await Promise.all(Array.from({ length: callers }, call));
    return times;
  }

  /** The time of all of them, handed in at once; `direct_5` is held to 5 here. */
  async burst(kind, count, url, tag) {
    const start = performance.now();
    if (kind === 'direct_5') {
      await this.latencies('direct', count, 5, url, tag);
    } else if (kind === 'ours_array') {
      const ids = Array.from({ length: count }, (_, n) => `${tag}-${n}`);
      const results = ids.map((id) => this.result(id));
      const lists = [];
      for (let at = 0; at < count; at += 100) lists.push(ids.slice(at, at + 100));
      await Promise.all(lists.map((list) => this.handInList(list, url)));
      const responses = await Promise.all(results);
      if (!responses.every((response) => response?.ok === true)) throw new Error('a response is missing');
    } else {
      await Promise.all(Array.from({ length: count }, (_, n) => this.whole(kind, `${tag}-${n}`, url)));
    }
    return performance.now() - start;
  }

  /** Resolves when all are accepted; nobody waits for their results. */
  async accept(kind, count, url, tag) {
    await Promise.all(Array.from({ length: count }, (_, n) => this.ways[kind](`${tag}-${n}`, url)));
  }

  delivered(tag) {
    const query = 'SELECT COUNT(*) AS handled, COALESCE(SUM(answered), 0) AS answered FROM delivered WHERE id GLOB ?';
    return this.ctx.storage.sql.exec(query, `${tag}-*`).one();
  }
}
