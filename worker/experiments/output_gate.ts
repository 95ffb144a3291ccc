// What leaves an object of a turn whose commit fails, and what becomes of the object? The disk refuses to let a file grow.

import { type Experiment, type Findings, Held, type Lab, outcome, sleep, until, yes } from './lab.ts';
import { Refused } from './runtime.ts';

const MAX_FILE_KIB = 512;
const FAR = 4_102_444_800_000;

interface AlarmRun {
  at: number;
  retryCount: number;
}

async function turn({ another, upstream }: Lab, fails: boolean): Promise<Findings> {
  const runtime = await another('output_gate');
  const held = new Held(upstream, `/turn-${fails}`);
  await runtime.look('peer');
  if (fails) {
    await runtime.end();
    await runtime.start(MAX_FILE_KIB);
  }
  const first = await runtime.call<string>('o', 'keep');
  const told = await outcome(runtime.call('o', 'turn', held.url, FAR));
  await sleep(1_000);
  const left = held.arrived;
  const { notes: calls } = await runtime.look('peer');
  held.release();
  const after = await runtime.look('o');
  const what = fails ? 'the commit fails' : 'the commit succeeds';
  const found: Findings = {};
  const say = (question: string, answer: string) => {
    found[`${what}: ${question}`] = answer;
  };
  say('the reply', told === 'answer' ? 'leaves' : told instanceof Refused ? 'is an error' : 'never comes');
  if (told instanceof Refused) say('the error says durableObjectReset', yes(told.durableObjectReset));
  say('the fetch of the turn', left > 0 ? 'leaves' : 'never leaves');
  say('the call to another object', calls.includes('called') ? 'leaves' : 'never leaves');
  say('rows of the turn', after.notes.includes('turn') ? 'kept' : 'none');
  say('the alarm of the turn', after.alarm === FAR ? 'kept' : 'none');
  say('rows of earlier turns', after.notes.includes('earlier') ? 'kept' : 'lost');
  say('the object', after.instance === first ? 'goes on, with its memory' : 'is constructed anew, without its memory');
  return found;
}

/** A quarter more is the jitter, a second more is for a loaded machine. */
function delay(before: AlarmRun | undefined, after: AlarmRun | undefined, seconds: number): string {
  const wait = (after?.at ?? 0) - (before?.at ?? 0);
  const fits = wait >= seconds * 1_000 - 5 && wait <= seconds * 1_250 + 1_000;
  return fits ? `${seconds} to ${seconds * 1.25} s` : `${wait} ms`;
}

async function alarm({ another }: Lab): Promise<Findings> {
  const runtime = await another('output_gate');
  await runtime.end();
  await runtime.start(MAX_FILE_KIB);
  await runtime.call('o', 'later', 100);
  const runs = () => runtime.call<AlarmRun[]>('peer', 'runs');
  await until(async () => (await runs()).length >= 3, 15_000);
  const [first, second, third] = await runs();
  const failed = await runtime.look('o');
  await runtime.end();
  await runtime.start();
  const done = await until(async () => (await runtime.look('o')).notes.includes('alarm'), 15_000);
  const { alarm: left } = await runtime.look('o');
  const found: Findings = {};
  found['the commit of an alarm handler fails: the same alarm runs again'] = yes(third !== undefined);
  found['the commit of an alarm handler fails: the first retry comes after'] = delay(first, second, 2);
  found['the commit of an alarm handler fails: the second retry comes after'] = delay(second, third, 4);
  const counts = [first, second, third].map((run) => run?.retryCount).join(' ');
  found['the commit of an alarm handler fails: retryCount of the runs'] = counts;
  found['the commit of an alarm handler fails: what it wrote'] = failed.notes.includes('alarm') ? 'kept' : 'none';
  found['once commits succeed: the alarm runs and is deleted'] = yes(done && left === null);
  return found;
}

async function run(lab: Lab): Promise<Findings> {
  const parts = await Promise.all([turn(lab, false), turn(lab, true), alarm(lab)]);
  return Object.assign({}, ...parts);
}

export const outputGate: Experiment = { name: 'output_gate', run };
