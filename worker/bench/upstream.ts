// The upstream's other side: starts its thread, and reads its counters.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

/** Where the counters stand: requests under way, the most of these, and answers. */
export const [AT_ONCE, MAX_AT_ONCE, SERVED] = [0, 1, 2];

export class Upstream {
  #counters = new Int32Array(new SharedArrayBuffer(12));
  #thread: Worker | undefined;
  #port = 0;

  async start(): Promise<void> {
    this.#thread = new Worker(new URL('./upstream_thread.ts', import.meta.url), { workerData: this.#counters.buffer });
    const [{ port }] = (await once(this.#thread, 'message')) as [{ port: number }];
    this.#port = port;
  }

  /** The address of what answers after this time. */
  after(delayMs: number): string {
    return this.url(`/?delay=${delayMs}`);
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.#port}${path}`;
  }

  get served(): number {
    return Atomics.load(this.#counters, SERVED);
  }

  /** The most at once since this was called last. */
  takeMaxAtOnce(): number {
    return Atomics.exchange(this.#counters, MAX_AT_ONCE, 0);
  }

  async dispose(): Promise<void> {
    await this.#thread?.terminate();
  }
}
