// Keeps what objects recorded (PROXY_FETCH_RECORD) in worker/target/records, for `cargo sim verify`.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Runtime } from './workerd.ts';

const FOLDER = join(import.meta.dirname, '..', '..', 'target', 'records');
const MARK = 'proxy-fetch record ';

/** Kills the runtime. Of what it printed, a last line that was cut short goes. */
export async function killRecorded(runtime: Runtime): Promise<void> {
  await runtime.kill();
  // Its pipe may hold more when it has ended.
  for (let length = -1; length < runtime.log.length; await sleep(50)) length = runtime.log.length;
  runtime.log = runtime.log.slice(0, runtime.log.lastIndexOf('\n') + 1);
}

/** Writes the records of a log to a file of this name; says how many there are, by object. */
export function keepRecords(name: string, log: string): Map<string, number> {
  const records = log.split('\n').filter((line) => line.includes(MARK));
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(join(FOLDER, `${name}.log`), records.map((line) => `${line}\n`).join(''));
  const counts = new Map<string, number>();
  for (const line of records) {
    const object = line.split(MARK)[1]?.split(' ')[0] ?? '';
    counts.set(object, (counts.get(object) ?? 0) + 1);
  }
  return counts;
}
