// Objects that nobody calls any more, with different kinds of work pending.

import { Subject, entry, sleep } from './lab.js';

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname !== '/client/holds') return entry.fetch(request, env);
    // A client that keeps its stub while it waits for something else.
    const [object, url, other] = await request.json();
    const stub = env.SUBJECT.getByName(object);
    await stub.work(url, 'fetch');
    await fetch(other);
    return Response.json({ value: await stub.life() });
  },
};

export class Experiment extends Subject {
  async work(url, kind) {
    this.note('started');
    if (kind === 'heartbeat') await this.beat();
    if (kind === 'waitUntil') this.ctx.waitUntil(this.carry(url));
    else if (kind === 'timers') void this.tick();
    else if (kind !== 'idle') void this.carry(url);
    return this.instance;
  }

  /** The caller waits for the answer too. */
  async called(url) {
    await fetch(url);
    return this.instance;
  }

  life() {
    return this.instance;
  }

  async carry(url) {
    try {
      await fetch(url);
    } finally {
      this.note('finally');
    }
  }

  async tick() {
    for (let i = 0; i < 150; i += 1) await sleep(1_000);
    this.note('last tick');
  }

  beat() {
    this.ctx.storage.setAlarm(Date.now() + 30_000);
  }

  alarm() {
    this.beat();
  }
}
