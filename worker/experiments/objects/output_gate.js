// Turns that write much, answer and let messages out, on a disk that may refuse the commit.

import { Subject, entry } from './lab.js';

export default entry;

/** Outlives the object: only the process ends it. */
const alarmRuns = [];

export class Experiment extends Subject {
  constructor(ctx, env) {
    super(ctx, env);
    this.sql.exec('CREATE TABLE IF NOT EXISTS big (filler BLOB)');
  }

  /** More than the disk may take, less than what SQLite would write before the commit. */
  writeMuch() {
    for (let n = 0; n < 15; n += 1) this.sql.exec('INSERT INTO big VALUES (?)', new Uint8Array(100_000));
  }

  keep() {
    this.note('earlier');
    this.remembered = 1;
    return this.instance;
  }

  turn(url, alarmAt) {
    this.note('turn');
    this.ctx.storage.setAlarm(alarmAt);
    this.writeMuch();
    void this.send(url);
    return 'answer';
  }

  async send(url) {
    await Promise.all([fetch(url), this.env.SUBJECT.getByName('peer').note('called')]);
    this.note('sent');
  }

  later(offset) {
    return this.ctx.storage.setAlarm(Date.now() + offset);
  }

  async alarm({ retryCount }) {
    alarmRuns.push({ at: Date.now(), retryCount });
    this.note('alarm');
    this.writeMuch();
  }

  runs() {
    return alarmRuns;
  }
}
