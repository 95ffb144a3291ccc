// Two objects that call each other, and events that arrive while another is under way.

import { Subject, entry, sleep, spin } from './lab.js';

export default entry;

export class Experiment extends Subject {
  log = [];

  mark(what) {
    this.log.push(what);
    return what;
  }

  seen() {
    return this.log;
  }

  peer(name) {
    return this.env.SUBJECT.getByName(name);
  }

  /** Calls another, which calls back before it answers. */
  async thereAndBack(me, other) {
    const answer = await this.peer(other).andBack(me);
    return `${answer}, ${this.log.join()}`;
  }

  andBack(me) {
    return this.peer(me).mark('called back');
  }

  async alarmIn(me, other, url) {
    this.plan = { me, other, url };
    await this.ctx.storage.setAlarm(Date.now() + 20);
  }

  async alarm() {
    const { me, other, url } = this.plan;
    this.log.push('alarm begins');
    if (url) await fetch(url);
    else this.log.push(await this.thereAndBack(me, other));
    this.log.push('alarm ends');
  }

  async awaitsFetch(url) {
    this.log.push('begin');
    await fetch(url);
    this.log.push('end');
  }

  /** Nothing is awaited. */
  keeps(ms) {
    this.log.push('begin');
    spin(ms);
    this.log.push('end');
  }

  async awaitsStorage(times) {
    this.log.push('begin');
    for (let i = 0; i < times; i += 1) {
      await this.ctx.storage.put('key', i);
      await this.ctx.storage.get('key');
      spin(1);
    }
    this.log.push('end');
  }

  async blocks(url) {
    await this.ctx.blockConcurrencyWhile(async () => {
      this.log.push('begin');
      await fetch(url);
      this.log.push('end');
    });
  }

  /** Many calls from one stub, none awaited before the next. */
  async inOrder(other, count) {
    const stub = this.peer(other);
    await Promise.all(Array.from({ length: count }, (_, i) => stub.mark(i)));
    return this.peer(other).seen();
  }

  async sleeps(ms) {
    this.log.push('begin');
    await sleep(ms);
    this.log.push('end');
  }
}
