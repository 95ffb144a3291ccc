// Runs every experiment against the real runtime, side by side, and writes what was found.
//
//     node experiments/run.ts [file] [experiment…]
//
// The file is experiments/observed.json unless another is named. Its answers are words, not timings: two runs write the
// same bytes. `cargo test -p proxy-fetch-sim --test experiments` puts them beside the simulator's answers.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { alarmRetries } from './alarm_retries.ts';
import { alarmWork } from './alarm_work.ts';
import { alarms } from './alarms.ts';
import { atomicity } from './atomicity.ts';
import { eviction } from './eviction.ts';
import { goingAway } from './going_away.ts';
import { interleaving } from './interleaving.ts';
import { type Findings, conduct } from './lab.ts';
import { limits } from './limits.ts';
import { outputGate } from './output_gate.ts';
import { parallelFetches } from './parallel_fetches.ts';

// What only waits runs beside all else; of the others one after the other, lest they disturb each other's time.
const WAITING = [alarmRetries, eviction];
const WORKING = [alarmWork, parallelFetches, goingAway, atomicity, outputGate, alarms, limits, interleaving];

const [file = join(import.meta.dirname, 'observed.json'), ...only] = process.argv.slice(2);
const isWanted = ({ name }: { name: string }) => only.length === 0 || only.includes(name);

const observed: Record<string, Findings> = {};
for (const { name } of [...WORKING, ...WAITING].filter(isWanted)) observed[name] = {};

async function inTurn(): Promise<void> {
  for (const experiment of WORKING.filter(isWanted)) observed[experiment.name] = await conduct(experiment);
}

await Promise.all([
  inTurn(),
  ...WAITING.filter(isWanted).map(async (experiment) => {
    observed[experiment.name] = await conduct(experiment);
  }),
]);
writeFileSync(file, `${JSON.stringify(observed, null, 2)}\n`);
const count = Object.values(observed).reduce((sum, findings) => sum + Object.keys(findings).length, 0);
console.log(`${Object.keys(observed).length} experiments, ${count} findings: ${file}`);
