// Turns of many writes, which a kill may hit anywhere.

import { Subject, entry, sleep } from './lab.js';

export default entry;

const ROWS = 40;

export class Experiment extends Subject {
  constructor(ctx, env) {
    super(ctx, env);
    this.sql.exec('CREATE TABLE IF NOT EXISTS rows (turn INTEGER, n INTEGER, filler TEXT)');
  }

  writeRows(turn, from, to) {
    const filler = 'x'.repeat(500);
    for (let n = from; n < to; n += 1) this.sql.exec('INSERT INTO rows VALUES (?, ?, ?)', turn, n, filler);
  }

  /** Turn after turn, for ever: rows, the alarm in their middle, rows. */
  async hammer(url, inSavepoint) {
    const last = this.sql.exec('SELECT coalesce(max(turn), 0) AS turn FROM rows WHERE turn > 0').one().turn;
    for (let turn = last + 1; ; turn += 1) {
      const write = () => {
        this.writeRows(turn, 0, ROWS / 2);
        this.ctx.storage.setAlarm(FAR + turn);
        this.writeRows(turn, ROWS / 2, ROWS);
      };
      if (inSavepoint) this.ctx.storage.transactionSync(write);
      else write();
      // Leaves only when the turn is durable: what the upstream has heard of must be there after a kill.
      await fetch(url, { headers: { turn: String(turn) } });
    }
  }

  /** One turn of several rows for a caller. */
  accept(number) {
    this.writeRows(-number, 0, ROWS);
    return number;
  }

  hammerOn(url, inSavepoint) {
    void this.hammer(url, inSavepoint);
  }

  /** Complete and partial turns, the last of them, and the turn whose alarm is stored. */
  async turns() {
    const counts = this.sql.exec('SELECT turn, count(*) AS n FROM rows GROUP BY turn ORDER BY turn').toArray();
    const accepted = counts.filter(({ turn }) => turn < 0).map(({ turn }) => -turn);
    const alarm = await this.ctx.storage.getAlarm();
    return {
      whole: counts.filter(({ n }) => n === ROWS).length,
      partial: counts.filter(({ n }) => n !== ROWS).length,
      last: Math.max(0, counts.at(-1)?.turn ?? 0),
      accepted,
      alarm: alarm === null ? 0 : alarm - FAR,
    };
  }

  async throwsBetween(at) {
    this.note('first');
    this.ctx.storage.setAlarm(at);
    throw new Error('thrown');
  }

  rollsBack(at) {
    this.note('outside');
    try {
      this.ctx.storage.transactionSync(() => {
        this.note('inside');
        this.ctx.storage.setAlarm(at);
        throw new Error('thrown');
      });
    } catch {
      return 'caught';
    }
  }

  setAlarm(at) {
    return this.ctx.storage.setAlarm(at);
  }

  /** The thread is kept between two writes of one turn, so that a kill can hit just there. */
  stuck(ms) {
    this.note('first');
    const end = Date.now() + ms;
    while (Date.now() < end);
    this.note('second');
  }

  /** A microtask lies between the writes: the same turn for the platform, though not for its contract. */
  async throughMicrotasks(ms) {
    this.note('first');
    await null;
    await Promise.resolve();
    const end = Date.now() + ms;
    while (Date.now() < end);
    this.note('second');
  }

  /** Real input and output lies between the writes. */
  async throughTimer(ms) {
    this.note('first');
    await sleep(10);
    const end = Date.now() + ms;
    while (Date.now() < end);
    this.note('second');
  }

  async alarm() {
    this.note('alarm');
  }
}

/** Alarms that never come: the year 2100, in ms. */
const FAR = 4_102_444_800_000;
