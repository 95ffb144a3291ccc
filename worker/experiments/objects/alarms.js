// The one alarm in every position: set, moved, read and deleted, from calls and from its own handler.

import { Subject, entry, sleep } from './lab.js';

export default entry;

export class Experiment extends Subject {
  runs = [];

  /** What the handler will do, run by run. */
  plan(...steps) {
    this.steps = steps;
  }

  async set(offset) {
    const at = Date.now() + offset;
    await this.ctx.storage.setAlarm(at);
    return at;
  }

  /** Two alarms from one turn. */
  async setTwice(first, second) {
    const now = Date.now();
    this.ctx.storage.setAlarm(now + first);
    await this.ctx.storage.setAlarm(now + second);
    return now + second;
  }

  get() {
    return this.ctx.storage.getAlarm();
  }

  async alarm({ retryCount, scheduledTime }) {
    const run = { at: Date.now(), retryCount, scheduledTime, ended: 0 };
    this.runs.push(run);
    const { storage } = this.ctx;
    for (const step of (this.steps ?? []).splice(0, 1).flat()) {
      if (step === 'throw') throw new Error('failed');
      if (step === 'get') run.alarm = await storage.getAlarm();
      if (step === 'delete') await storage.deleteAlarm();
      if (step.set !== undefined) storage.setAlarm(Date.now() + step.set);
      if (step.sleep !== undefined) await sleep(step.sleep);
    }
    run.ended = Date.now();
  }

  seen() {
    return this.runs;
  }
}
