// An alarm handler that sets the next alarm, again and again.

import { Subject, entry } from './lab.js';

export default entry;

export class Experiment extends Subject {
  async chain(offset, count) {
    this.offset = offset;
    this.left = count;
    await this.ctx.storage.setAlarm(Date.now() + 5);
  }

  alarm() {
    this.remembered += 1;
    this.left -= 1;
    if (this.left > 0) this.ctx.storage.setAlarm(Date.now() + this.offset);
  }
}
