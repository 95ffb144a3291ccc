// From an origin object's call until its handler has the response; and the unit, one bare request to a worker.

import { Collected, type Spread, medianOfWholeMs, quantile, rotated, shown, shownSpread, spread } from './figures.ts';
import { type Kind, type Lab, NAMES, latencies, latenciesFromOutside, settled } from './lab.ts';
import { table } from './table.ts';
import { bareTimes } from './wire.ts';

const DELAYS_MS = [0, 20, 100] as const;
const CALLERS = [1, 8, 32] as const;
const KINDS: Kind[] = ['direct', 'ours', 'minimal', 'minimal_5', 'queue_0', 'queue_1'];

/** Requests of one round, by callers and by delay. */
const COUNTS: Record<number, Record<number, number>> = {
  1: { 0: 200, 20: 80, 100: 40 },
  8: { 0: 400, 20: 240, 100: 80 },
  32: { 0: 640, 20: 320, 100: 160 },
};
/** A queue that waits a second is asked less often: each caller so many times. */
const WAVES_OF_QUEUE_1 = 3;
/** Fewer say nothing about the slowest of a hundred. */
const MIN_SAMPLES_OF_P99 = 100;

export interface LatencyRow {
  kind: Kind;
  delayMs: number;
  callers: number;
  /** Of the rounds' medians. */
  p50Ms: Spread;
  /** Of all rounds together; missing if there are too few samples. */
  p99Ms?: number;
  samples: number;
  /** What comes on top of the upstream's delay, in bare requests. */
  addedUnits: number;
  /** What comes on top of a direct fetch, in bare requests. */
  overDirectUnits: number;
}

export interface Latency {
  unitMs: Spread;
  rows: LatencyRow[];
}

/** One caller needs no limit, and has none that it would feel. */
function isMeasured(kind: Kind, callers: number): boolean {
  return kind !== 'minimal_5' || callers > 1;
}

function count(lab: Lab, kind: Kind, delayMs: number, callers: number): number {
  if (kind === 'queue_1') return callers * (lab.quick ? 1 : WAVES_OF_QUEUE_1);
  const full = COUNTS[callers]?.[delayMs] ?? 0;
  return lab.quick ? Math.max(2 * callers, Math.round(full / 8)) : full;
}

/** The latencies of one block, and their median. */
async function block(lab: Lab, kind: Kind, delayMs: number, callers: number): Promise<{ times: number[]; p50: number }> {
  const { runtime, wrangler, upstream } = lab;
  const [requests, url] = [count(lab, kind, delayMs, callers), upstream.after(delayMs)];
  if (kind.startsWith('queue') || callers > 1) {
    const host = kind.startsWith('queue') ? wrangler : runtime;
    const times = await latencies(host, kind, requests, callers, url);
    return { times, p50: medianOfWholeMs(times) };
  }
  const times = await latenciesFromOutside(runtime, kind, requests, url);
  return { times, p50: quantile(times, 0.5) };
}

export async function latency(lab: Lab, rounds: number): Promise<Latency> {
  const { runtime } = lab;
  const units: number[] = [];
  const medians = new Collected();
  const all = new Collected();
  for (let round = 0; round < rounds; round += 1) {
    for (const delayMs of DELAYS_MS) {
      for (const callers of CALLERS) {
        units.push(quantile(await bareTimes(runtime.url, 200), 0.5));
        for (const kind of rotated(KINDS, round)) {
          if (!isMeasured(kind, callers)) continue;
          const { times, p50 } = await block(lab, kind, delayMs, callers);
          const key = `${kind} ${delayMs} ${callers}`;
          medians.add(key, p50);
          all.add(key, ...times);
          if (kind === 'ours') await settled(runtime);
        }
      }
    }
  }
  const unitMs = spread(units);
  const rows: LatencyRow[] = [];
  for (const delayMs of DELAYS_MS) {
    for (const callers of CALLERS) {
      const direct = spread(medians.of(`direct ${delayMs} ${callers}`)).median;
      for (const kind of KINDS) {
        if (!isMeasured(kind, callers)) continue;
        const key = `${kind} ${delayMs} ${callers}`;
        const samples = all.of(key);
        const p50Ms = spread(medians.of(key));
        rows.push({
          kind,
          delayMs,
          callers,
          p50Ms,
          ...(samples.length < MIN_SAMPLES_OF_P99 ? {} : { p99Ms: quantile(samples, 0.99) }),
          samples: samples.length,
          addedUnits: (p50Ms.median - delayMs) / unitMs.median,
          overDirectUnits: (p50Ms.median - direct) / unitMs.median,
        });
      }
    }
  }
  return { unitMs, rows };
}

export function latencyText({ unitMs, rows }: Latency): string {
  const lines = rows.map((row) => [
    NAMES[row.kind],
    `${row.delayMs} ms`,
    `${row.callers}`,
    shownSpread(row.p50Ms),
    row.p99Ms === undefined ? '–' : shown(row.p99Ms),
    `${row.samples}`,
    shown(row.addedUnits),
    row.kind === 'direct' ? '' : shown(row.overDirectUnits),
  ]);
  const head = ['variant', 'upstream', 'callers', 'p50 ms', 'p99 ms', 'samples', 'added, units', 'over direct, units'];
  return `## Latency

From an object's call until its handler has the response. A unit is one bare request to a worker: ${shownSpread(unitMs)} ms.
p50 is the median of the rounds' medians (least to most), p99 is of all samples together. "Added" is p50 less the
upstream's delay, whose timer is itself up to 1 ms late; "over direct" is p50 less that of the direct fetch. The runtime's
clock counts whole milliseconds: the object's own with one caller is timed from outside, less the time of an empty call
of the origin; all others by that clock.

${table(head, lines)}

Ours never has more than 5 requests at the upstream, by contract. With 32 callers that alone takes 32 / 5 × the upstream's
delay for each: 128 ms at 20 ms, 640 ms at 100 ms. A direct fetch and the minimal object know no such limit; "5 at once"
gives the minimal object the same one. The queue takes batches of 10, one after the other, and fetches 5 of a batch at
once.`;
}
