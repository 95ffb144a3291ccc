// The clock, and what the runtime accepts.

import { Subject, entry, sleep } from './lab.js';

export default entry;

/** The largest number up to `high` that is accepted, and what the next one meets, if `high` is not accepted. */
async function largest(high, attempt) {
  const refusal = async (number) => {
    try {
      await attempt(number);
      return '';
    } catch (error) {
      return `${error.name}: ${error.message}`;
    }
  };
  if ((await refusal(high)) === '') return { most: high, error: '' };
  let low = 0;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if ((await refusal(middle)) === '') low = middle;
    else high = middle;
  }
  return { most: low, error: await refusal(high) };
}

export class Experiment extends Subject {
  constructor(ctx, env) {
    super(ctx, env);
    this.sql.exec('CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, value BLOB)');
  }

  blob() {
    return largest(64 * 1024 * 1024, (bytes) => {
      this.sql.exec('INSERT OR REPLACE INTO rows VALUES (1, ?)', new Uint8Array(bytes));
    });
  }

  text() {
    return largest(64 * 1024 * 1024, (bytes) => {
      this.sql.exec('INSERT OR REPLACE INTO rows VALUES (1, ?)', 'x'.repeat(bytes));
    });
  }

  value() {
    return largest(64 * 1024 * 1024, (bytes) => this.ctx.storage.kv.put('key', new Uint8Array(bytes)));
  }

  parameters() {
    return largest(40_000, (count) => {
      const list = Array.from({ length: count }, () => '?').join(',');
      this.sql.exec(`SELECT 1 WHERE 1 IN (${list})`, ...Array.from({ length: count }, () => 0));
    });
  }

  statement() {
    return largest(2_000_000, (bytes) => {
      this.sql.exec(`SELECT '${'x'.repeat(bytes - "SELECT ''".length)}'`);
    });
  }

  timers() {
    return largest(20_000, (count) => {
      const timers = [];
      try {
        while (timers.length < count) timers.push(setTimeout(() => {}, 600_000));
      } finally {
        for (const timer of timers) clearTimeout(timer);
      }
    });
  }

  take(bytes) {
    return bytes.byteLength;
  }

  give(bytes) {
    return new Uint8Array(bytes);
  }

  argument() {
    return largest(40 * 1024 * 1024, (bytes) => this.env.SUBJECT.getByName('peer').take(new Uint8Array(bytes)));
  }

  result() {
    return largest(40 * 1024 * 1024, (bytes) => this.env.SUBJECT.getByName('peer').give(bytes));
  }

  /** How far the clock goes while code runs, and over each kind of await. */
  async clock(url) {
    const times = [Date.now()];
    for (let i = 0, x = 0; i < 100_000_000; i += 1) x += i % 7;
    times.push(Date.now());
    await null;
    times.push(Date.now());
    await fetch(url);
    times.push(Date.now());
    await sleep(20);
    times.push(Date.now());
    return times.slice(1).map((time, i) => time - times[i]);
  }
}
