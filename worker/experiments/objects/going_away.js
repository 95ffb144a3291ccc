// An object with work in flight, and the ways in which it may go.

import TRAP from 'trap.wasm';
import { Subject, entry, sleep } from './lab.js';

export default entry;

export class Experiment extends Subject {
  wasm = new WebAssembly.Instance(TRAP).exports;

  /** Stores a row and maybe an alarm, then leaves a fetch in flight. */
  async work(url, alarmAt) {
    this.note('started');
    this.remembered = this.wasm.count();
    if (alarmAt) await this.ctx.storage.setAlarm(alarmAt);
    void this.carry(url);
    return this.instance;
  }

  /** Its alarm handler will await the fetch. */
  async awaitInAlarm(url) {
    await this.ctx.storage.put('await', url);
    await this.ctx.storage.setAlarm(Date.now() + 20);
  }

  async carry(url) {
    try {
      await fetch(url);
      this.note('continued');
    } catch (error) {
      this.note('caught');
      throw error;
    } finally {
      this.note('finally');
    }
  }

  count() {
    return this.wasm.count();
  }

  async abort() {
    this.note('before the end');
    this.ctx.abort('told to');
  }

  async throws() {
    this.note('before the end');
    throw new Error('thrown');
  }

  async trap() {
    this.note('before the end');
    this.wasm.trap();
  }

  /** The caller waits for it. */
  async slowly(ms) {
    await sleep(ms);
    return 'done';
  }

  constructor(ctx, env) {
    super(ctx, env);
    this.note(`constructed at ${Date.now()}`);
  }

  async alarm() {
    this.note(`alarm at ${Date.now()}`);
    const url = await this.ctx.storage.get('await');
    if (!url) return;
    // Only the first incarnation waits.
    await this.ctx.storage.delete('await');
    await fetch(url);
  }
}
