// The clock in a turn, and the limits that the local runtime enforces.

import { type Experiment, type Findings, type Lab, sleep, yes } from './lab.ts';

interface Limit {
  most: number;
  error: string;
}

const LIMITS = [
  ['blob', 'largest blob in a row, in bytes'],
  ['text', 'largest text in a row, in bytes'],
  ['value', 'largest value of the key-value interface, in bytes'],
  ['parameters', 'most bound parameters of a statement'],
  ['statement', 'longest statement, in bytes'],
  ['argument', 'largest argument of a call to another object, in bytes'],
  ['result', 'largest result of such a call, in bytes'],
  ['timers', 'most timers at once'],
] as const;

/** What of an error's text is its own. */
const kind = (error: string) => /SQLITE_\w+|QuotaExceededError|limited to \w+/.exec(error)?.[0] ?? error;

async function run({ runtime, upstream }: Lab): Promise<Findings> {
  const found: Findings = {};
  const slow = upstream.on('/slow', async (_hit, response) => {
    await sleep(50);
    response.end();
  });
  const [code = 0, , fetched = 0, timer = 0] = await runtime.call<number[]>('o', 'clock', slow);
  found['Date.now() moves while code runs'] = yes(code > 0);
  found['Date.now() moves over a fetch that takes 50 ms'] = yes(fetched >= 45);
  found['Date.now() moves over a timer of 20 ms'] = yes(timer >= 20);
  for (const [method, question] of LIMITS) {
    const { most, error } = await runtime.call<Limit>(method, method);
    found[question] = error === '' ? `no limit up to ${most}` : `${most} (then ${kind(error)})`;
  }
  return found;
}

export const limits: Experiment = { name: 'limits', run };
