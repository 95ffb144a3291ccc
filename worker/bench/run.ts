// The benchmark: everything is measured in one run, in turn within each round. `PROXY_FETCH_BENCH=quick` asks for a first
// impression in a minute; `PROXY_FETCH_BENCH_ROUNDS` for another number of rounds; `PROXY_FETCH_BENCH_JSON` for a file
// with the figures. What must hold whatever the speed (5 at the upstream, nothing lost) ends the run if it does not.

import { writeFileSync } from 'node:fs';
import { burstText, bursts } from './burst.ts';
import { cold, coldText } from './cold.ts';
import { crashText, crashes } from './crash.ts';
import { fsyncText, fsyncs } from './fsyncs.ts';
import { type Kind, type Lab, Wrangler, burst, latencies, newRuntime, settled } from './lab.ts';
import { latency, latencyText } from './latency.ts';
import { Stage } from './stage.ts';
import { Upstream } from './upstream.ts';

const mode = process.env['PROXY_FETCH_BENCH'] ?? 'full';
if (mode !== 'full' && mode !== 'quick') throw new Error(`PROXY_FETCH_BENCH is ${mode}, neither full nor quick`);
const quick = mode === 'quick';
const rounds = Number(process.env['PROXY_FETCH_BENCH_ROUNDS'] ?? (quick ? 2 : 5));
if (!Number.isInteger(rounds) || rounds < 1) throw new Error('PROXY_FETCH_BENCH_ROUNDS is no number of rounds');

/** Code that has run before runs faster. */
async function warm({ runtime, wrangler, upstream }: Lab): Promise<void> {
  const url = upstream.after(0);
  for (const kind of ['direct', 'minimal', 'minimal_5', 'ours'] as Kind[]) {
    await latencies(runtime, kind, 100, 1, url);
    await burst(runtime, kind, 500, url);
  }
  await burst(runtime, 'ours_array', 500, url);
  await settled(runtime);
  for (const kind of ['queue_0', 'queue_1'] as Kind[]) await latencies(wrangler, kind, 20, 10, url);
}

const stage = new Stage();
const lab: Lab = { stage, upstream: new Upstream(), runtime: newRuntime(stage), wrangler: new Wrangler(), quick };
try {
  await lab.upstream.start();
  await Promise.all([lab.runtime.start(), lab.wrangler.start(stage)]);
  await warm(lab);
  const figures: Record<string, unknown> = { rounds, mode };
  const wasm = stage.wasmBytes();
  figures['wasm'] = wasm;
  console.log(`# proxy-fetch on workerd: ${rounds} rounds\n`);
  console.log(`The compiled code is ${wasm.raw.toLocaleString('en')} bytes of wasm, ${wasm.gzipped.toLocaleString('en')} gzipped.\n`);

  const section = async <T>(name: string, measured: Promise<T>, text: (found: T) => string) => {
    const found = await measured;
    figures[name] = found;
    console.log(`${text(found)}\n`);
  };
  await section('latency', latency(lab, rounds), latencyText);
  await section('burst', bursts(lab, rounds), burstText);
  await section('fsyncs', fsyncs(lab, quick ? 1 : 3), fsyncText);
  await section('cold', cold(lab, rounds), coldText);
  await section('crash', crashes(lab, quick ? 1 : 3), crashText);

  const file = process.env['PROXY_FETCH_BENCH_JSON'];
  if (file !== undefined) writeFileSync(file, `${JSON.stringify(figures, undefined, 2)}\n`);
} finally {
  await lab.wrangler.dispose();
  await lab.runtime.dispose();
  await lab.upstream.dispose();
  stage.dispose();
}
