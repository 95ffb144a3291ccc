// An alarm that starts many fetches in one turn.

import { Subject, entry } from './lab.js';

export default entry;

export class Experiment extends Subject {
  async arrange(count, url) {
    this.plan = { count, url };
    await this.ctx.storage.setAlarm(Date.now() + 20);
  }

  alarm() {
    const { count, url } = this.plan;
    for (let i = 0; i < count; i += 1) void this.one(url);
  }

  async one(url) {
    await (await fetch(url)).text();
    this.remembered += 1;
  }
}
