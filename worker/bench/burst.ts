// 1,000 requests of one origin at once, at an upstream that answers at once: how fast, at what cost, and how many meet
// at the upstream.

import { Collected, type Spread, rotated, shown, shownSpread, spread } from './figures.ts';
import { type Kind, type Lab, NAMES, burst, cpuMs, settled, sleep } from './lab.ts';
import { table } from './table.ts';

export const COUNT = 1_000;
const KINDS: Kind[] = ['direct', 'direct_5', 'minimal', 'minimal_5', 'ours', 'ours_array', 'queue_0'];
const MAX_AT_ONCE = 5;
/** Who would meet others at the upstream, if its answers took time. */
const MEETING: Kind[] = ['minimal', 'ours', 'ours_array'];
const MEETING_COUNT = 300;
const MEETING_DELAY_MS = 20;

export interface BurstRow {
  kind: Kind;
  perSecond: Spread;
  /** Of the whole runtime: the origin, who stands between, and the fetches. Missing for the Queue variant, whose broker runs in it. */
  cpuMsEach?: Spread;
  /** Among requests that take their time there. */
  maxAtUpstream?: number;
}

export async function bursts(lab: Lab, rounds: number): Promise<BurstRow[]> {
  const { runtime, wrangler, upstream } = lab;
  const found = new Collected();
  for (let round = 0; round < rounds; round += 1) {
    for (const kind of rotated(KINDS, round)) {
      await settled(runtime);
      const [before, served] = [cpuMs(runtime.pid), upstream.served];
      const ms = await burst(kind === 'queue_0' ? wrangler : runtime, kind, COUNT, upstream.after(0));
      // What is written a little later belongs to it.
      await sleep(250);
      found.add(`rate ${kind}`, (COUNT / ms) * 1000);
      found.add(`cpu ${kind}`, (cpuMs(runtime.pid) - before) / COUNT);
      const requests = upstream.served - served;
      if (requests !== COUNT) throw new Error(`${NAMES[kind]}: the upstream had ${requests} requests of ${COUNT}`);
    }
  }
  const most = new Map<Kind, number>();
  for (const kind of MEETING) {
    await settled(runtime);
    upstream.takeMaxAtOnce();
    await burst(runtime, kind, MEETING_COUNT, upstream.after(MEETING_DELAY_MS));
    const max = upstream.takeMaxAtOnce();
    if (kind.startsWith('ours') && max > MAX_AT_ONCE) throw new Error(`${NAMES[kind]}: ${max} at once at the upstream`);
    most.set(kind, max);
  }
  return KINDS.map((kind) => {
    const cpu = kind === 'queue_0' ? {} : { cpuMsEach: spread(found.of(`cpu ${kind}`)) };
    const max = most.get(kind);
    const meeting = max === undefined ? {} : { maxAtUpstream: max };
    return { kind, perSecond: spread(found.of(`rate ${kind}`)), ...cpu, ...meeting };
  });
}

export function burstText(rows: BurstRow[]): string {
  const minimal = rows.find(({ kind }) => kind === 'minimal')?.perSecond.median ?? NaN;
  const lines = rows.map(({ kind, perSecond, cpuMsEach, maxAtUpstream }) => [
    NAMES[kind],
    shownSpread(perSecond),
    `${shown(perSecond.median / minimal)} ×`,
    cpuMsEach === undefined ? '–' : shownSpread(cpuMsEach),
    maxAtUpstream === undefined ? '' : `${maxAtUpstream}`,
  ]);
  return `## ${COUNT.toLocaleString('en')} requests at once, 0 ms upstream

CPU is that of the whole runtime, with the origin's part and the fetches' in it: the direct fetch shows what of it is
neither ours nor the minimal object's, and what the upstream can do. The most at the upstream are counted with
${MEETING_COUNT} requests at once that take ${MEETING_DELAY_MS} ms there.

${table(['variant', 'per second', 'to minimal', 'CPU ms each', 'most at the upstream'], lines)}`;
}
