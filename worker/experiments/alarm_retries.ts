// How often, and after what delays, is an alarm whose handler throws run again, and what becomes of it?

import { type Experiment, type Findings, type Lab, sleep, until, yes } from './lab.ts';

interface Seen {
  runs: { at: number; retryCount: number; isRetry: boolean; scheduledTime: number }[];
  alarm: number | null;
}

const RUNS = 7;
const MAX_FILE_KIB = 512;
/** 2 + 4 + … + 64 s, a quarter more for the jitter, and time for a loaded machine. */
const LONG_ENOUGH_MS = 157_500 + 30_000;
/** What a loaded machine may add to a delay. */
const SLACK_MS = 1_000;
/** Clocks of timers and of Date.now() differ by their rounding. */
const ROUNDING_MS = 5;

/** The handler is well, but the disk refuses its commit. */
async function ofCommits({ another }: Lab): Promise<Findings> {
  const runtime = await another('output_gate');
  await runtime.end();
  await runtime.start(MAX_FILE_KIB);
  await runtime.call('o', 'later', 100);
  const all = await until(async () => {
    await sleep(500);
    return (await runtime.call<unknown[]>('peer', 'runs')).length >= RUNS;
  }, LONG_ENOUGH_MS);
  if (!all) throw new Error('no seventh run of the handler whose commit fails');
  await sleep(1_000);
  const { alarm } = await runtime.look('o');
  return { 'if it is the commit that fails: the alarm stored after seven runs': alarm === null ? 'none' : 'one' };
}

async function ofHandlers({ runtime }: Lab): Promise<Findings> {
  await runtime.call('o', 'arrange');
  const seen = () => runtime.call<Seen>('o', 'seen');
  const found: Findings = {};
  const all = await until(async () => {
    const { runs } = await seen();
    await sleep(500);
    return runs.length >= RUNS;
  }, LONG_ENOUGH_MS);
  if (!all) throw new Error(`no seventh run: ${JSON.stringify(await seen())}`);
  // An eighth run would come after 128 s; the alarm that is stored tells at once.
  await sleep(1_000);
  const { runs, alarm } = await seen();
  for (let i = 1; i < runs.length; i += 1) {
    const delay = (runs[i]?.at ?? 0) - (runs[i - 1]?.at ?? 0);
    const base = 2_000 * 2 ** (i - 1);
    const fits = delay >= base - ROUNDING_MS && delay <= base * 1.25 + SLACK_MS;
    found[`retry ${i} comes after`] = fits ? `${base / 1_000} to ${(base * 1.25) / 1_000} s` : `${delay} ms`;
  }
  found['retryCount of the runs'] = runs.map((each) => each.retryCount).join(' ');
  found['isRetry of the runs'] = runs.map((each) => yes(each.isRetry)).join(' ');
  const times = new Set(runs.map((each) => each.scheduledTime));
  found['scheduledTime of a retry is that of the first run'] = yes(times.size === 1);
  found['runs in all'] = String(runs.length);
  found['the alarm stored after the last'] = alarm === null ? 'none' : 'one';
  const { notes } = await runtime.look('o');
  found['what the failing runs wrote stays'] = yes(notes.length === RUNS);
  return found;
}

async function run(lab: Lab): Promise<Findings> {
  const [handlers, commits] = await Promise.all([ofHandlers(lab), ofCommits(lab)]);
  return { ...handlers, ...commits };
}

export const alarmRetries: Experiment = { name: 'alarm_retries', run };
