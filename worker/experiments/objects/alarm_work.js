// An alarm handler that starts work and returns without awaiting it, with waitUntil or without.

import { Subject, entry, sleep } from './lab.js';

export default entry;

export class Experiment extends Subject {
  runs = [];

  /** The next alarm starts this work. */
  async arrange(work, waitUntil, url) {
    this.plan = { work, waitUntil, url };
    await this.ctx.storage.setAlarm(Date.now() + 20);
  }

  async alarm({ retryCount }) {
    const { work, waitUntil, url } = this.plan;
    this.runs.push(retryCount);
    this.note(`run ${this.runs.length}`);
    // The second alarm does nothing: it shows whether the platform waits for the work of the first.
    if (this.runs.length > 1) return;
    const promise = this[work](url ?? `waitUntil ${waitUntil}`);
    if (waitUntil) this.ctx.waitUntil(promise);
    if (work === 'fetches') await this.ctx.storage.setAlarm(Date.now() + 50);
  }

  async fetches(url) {
    const response = await fetch(url);
    this.note(`got ${await response.text()}`);
    await sleep(20);
    this.note('went on');
  }

  async timers() {
    for (let i = 1; i <= 5; i += 1) {
      await sleep(40);
      this.note(`timer ${i}`);
    }
  }

  async rejects(how) {
    this.note('before');
    await sleep(20);
    this.note('until');
    throw new Error(`failed work, ${how}`);
  }

  async throwsInTimer(how) {
    setTimeout(() => {
      this.note('timer');
      throw new Error(`failed timer, ${how}`);
    }, 20);
  }

  remember() {
    this.remembered += 1;
  }

  seen() {
    return this.runs;
  }
}
