// A cold start: from the first request to a runtime that has just started on a used disk, until it is accepted.

import { Collected, type Spread, rotated, shown, shownSpread, spread } from './figures.ts';
import { type Lab, ask, newRuntime } from './lab.ts';
import { table } from './table.ts';
import { Wire } from './wire.ts';

const ROWS = 10_000;

interface Case {
  name: string;
  kind: 'bare' | 'minimal' | 'ours';
  rows: number;
}

const CASES: Case[] = [
  { name: 'bare request', kind: 'bare', rows: 0 },
  { name: 'minimal object, nothing stored', kind: 'minimal', rows: 0 },
  { name: `minimal object, ${ROWS.toLocaleString('en')} keys`, kind: 'minimal', rows: ROWS },
  { name: 'our object, nothing stored', kind: 'ours', rows: 0 },
  { name: `our object, ${ROWS.toLocaleString('en')} live requests`, kind: 'ours', rows: ROWS },
];

export interface ColdRow {
  name: string;
  startMs: Spread;
  firstMs: Spread;
}

async function first(lab: Lab, { kind, rows }: Case): Promise<{ startMs: number; firstMs: number }> {
  const runtime = newRuntime(lab.stage);
  const url = lab.upstream.url('/hold');
  try {
    await runtime.start();
    // Five of them wait for the upstream, the others for these; the alarm lies 30 s ahead, so that nothing wakes the
    // object before the first request.
    if (rows > 0) await ask(runtime, 'fill', { kind, count: rows, url });
    if (rows > 0 && kind === 'ours') {
      const { live } = (await ask(runtime, 'stats')) as { live: number };
      if (live !== rows) throw new Error(`${live} live requests, not ${rows}`);
    }
    await runtime.kill();
    const start = performance.now();
    await runtime.start();
    const startMs = performance.now() - start;
    const wire = await Wire.open(runtime.url);
    const asked = performance.now();
    await wire.get(kind === 'bare' ? '/' : `/first?${new URLSearchParams({ kind, url })}`);
    const firstMs = performance.now() - asked;
    wire.close();
    return { startMs, firstMs };
  } finally {
    await runtime.dispose();
  }
}

export async function cold(lab: Lab, rounds: number): Promise<ColdRow[]> {
  const found = new Collected();
  for (let round = 0; round < rounds; round += 1) {
    for (const each of rotated(CASES, round)) {
      const { startMs, firstMs } = await first(lab, each);
      found.add(`start ${each.name}`, startMs);
      found.add(`first ${each.name}`, firstMs);
    }
  }
  return CASES.map(({ name }) => ({
    name,
    startMs: spread(found.of(`start ${name}`)),
    firstMs: spread(found.of(`first ${name}`)),
  }));
}

export function coldText(rows: ColdRow[]): string {
  const bare = rows[0]?.firstMs.median ?? NaN;
  const lines = rows.map(({ name, startMs, firstMs }) => [
    name,
    shownSpread(firstMs),
    shown(firstMs.median - bare),
    shownSpread(startMs),
  ]);
  return `## Cold start

Workerd is killed and started again on the same disk; then one request is handed in. The start of the process, which
compiles the wasm, comes before and is shown beside.

${table(['', 'first request accepted, ms', 'over a bare one, ms', 'start of the process, ms'], lines)}`;
}
