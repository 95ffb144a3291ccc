// An alarm handler that fails each time.

import { Subject, entry } from './lab.js';

export default entry;

export class Experiment extends Subject {
  runs = [];

  async arrange() {
    await this.ctx.storage.setAlarm(Date.now() + 20);
  }

  async alarm({ retryCount, isRetry, scheduledTime }) {
    this.runs.push({ at: Date.now(), retryCount, isRetry, scheduledTime });
    this.note(`run ${this.runs.length}`);
    throw new Error('failed');
  }

  async seen() {
    return { runs: this.runs, alarm: await this.ctx.storage.getAlarm() };
  }
}
