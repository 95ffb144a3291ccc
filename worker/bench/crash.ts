// A SIGKILL of the runtime right after 1,000 requests were accepted: how many are delivered without any new call.

import { Collected, type Spread, shownSpread, spread } from './figures.ts';
import { type Kind, type Lab, NAMES, ask, newRuntime, sleep } from './lab.ts';
import { table } from './table.ts';

const COUNT = 1_000;
const KINDS: Kind[] = ['minimal', 'ours'];
/** So that hardly any are delivered before the SIGKILL. */
const DELAY_MS = 20;
/** Nothing was delivered for so long: nothing will be. Longer than any retry is put off. */
const STILL_MS = 8_000;

export interface CrashRow {
  kind: Kind;
  /** Handlers called for different requests, before or after the SIGKILL. */
  delivered: Spread;
  /** Of these, with a good response. */
  answered: Spread;
  /** From the new start of the runtime until the last delivery. */
  lastMs: Spread;
}

interface Delivered {
  handled: number;
  answered: number;
}

async function crash(lab: Lab, kind: Kind): Promise<Delivered & { lastMs: number }> {
  const runtime = newRuntime(lab.stage);
  try {
    await runtime.start();
    await ask(runtime, 'accept', { kind, count: COUNT, url: lab.upstream.after(DELAY_MS), tag: 'crash' });
    await runtime.kill();
    const start = Date.now();
    await runtime.start();
    // Only the origin is asked, who tells nobody.
    let last: Delivered = { handled: -1, answered: -1 };
    let lastAt = Date.now();
    while (last.handled < COUNT && Date.now() - lastAt < STILL_MS) {
      const now = (await ask(runtime, 'delivered', { tag: 'crash' })) as Delivered;
      if (now.handled !== last.handled) lastAt = Date.now();
      last = now;
      await sleep(50);
    }
    return { ...last, lastMs: lastAt - start };
  } finally {
    await runtime.dispose();
  }
}

export async function crashes(lab: Lab, rounds: number): Promise<CrashRow[]> {
  const found = new Collected();
  for (let round = 0; round < rounds; round += 1) {
    // Side by side, since most of it is waiting.
    const ends = await Promise.all(KINDS.map(async (kind) => ({ kind, ...(await crash(lab, kind)) })));
    for (const { kind, handled, answered, lastMs } of ends) {
      if (kind === 'ours' && handled !== COUNT) throw new Error(`${handled} of ${COUNT} accepted requests were delivered`);
      found.add(`delivered ${kind}`, handled);
      found.add(`answered ${kind}`, answered);
      found.add(`last ${kind}`, lastMs);
    }
  }
  return KINDS.map((kind) => ({
    kind,
    delivered: spread(found.of(`delivered ${kind}`)),
    answered: spread(found.of(`answered ${kind}`)),
    lastMs: spread(found.of(`last ${kind}`)),
  }));
}

export function crashText(rows: CrashRow[]): string {
  const lines = rows.map(({ kind, delivered, answered, lastMs }) => [
    NAMES[kind],
    shownSpread(delivered),
    shownSpread(answered),
    shownSpread(lastMs),
  ]);
  const head = ['variant', 'delivered', 'with a response', 'last one after, ms'];
  return `## After a SIGKILL

Workerd is killed once ${COUNT.toLocaleString('en')} requests are accepted, and started again; nobody calls.

${table(head, lines)}`;
}
