// Question 4: what becomes of work in flight when the object goes away? (Idleness has its own experiment: eviction.)

import { type Experiment, type Findings, Held, type Lab, outcome, sleep, until, yes } from './lab.ts';
import type { Look } from './runtime.ts';

/** The object's own ends. */
const ENDS = [
  ['abort', 'ctx.abort()'],
  ['throws', 'an exception in a handler'],
  ['trap', 'a trap in wasm'],
] as const;

async function endOfObject(lab: Lab, method: string, name: string): Promise<Findings> {
  const { runtime, upstream } = lab;
  const object = `by ${method}`;
  const held = new Held(upstream, `/${method}`);
  const first = await runtime.call<string>(object, 'work', held.url, Date.now() + 2_500);
  if (!(await until(() => held.arrived === 1))) throw new Error('the fetch did not leave');
  const slow = outcome(runtime.call(object, 'slowly', 1_000));
  await sleep(300);
  const told = await outcome(runtime.call(object, method));
  const others = await slow;
  await sleep(200);
  const abandoned = held.abandoned === 1;
  held.release();
  await sleep(300);
  const after = await runtime.look(object);
  const woken = await until(async () => (await runtime.look(object)).notes.some((note) => note.startsWith('alarm at ')), 5_000);
  const found: Findings = {};
  const say = (question: string, answer: string) => {
    found[`${name}: ${question}`] = answer;
  };
  say('what its caller is told', told instanceof Error ? 'an error' : 'nothing');
  say('another call that waits', others === 'done' ? 'is answered' : 'fails');
  say('the object', after.instance === first ? 'goes on, with its memory' : 'is constructed anew, without its memory');
  say('rows of earlier turns', after.notes.includes('started') ? 'kept' : 'lost');
  say('rows of the turn that ended so', after.notes.includes('before the end') ? 'kept' : 'lost');
  say('the fetch in flight', abandoned ? 'is cut off' : 'goes on');
  say('the code after the await', after.notes.includes('continued') ? 'runs' : 'never runs');
  say('its catch or finally', after.notes.some((n) => n === 'caught' || n === 'finally') ? 'runs' : 'never runs');
  say('the stored alarm runs by itself', yes(woken));
  if (method === 'trap') {
    const count = await runtime.call<number>(object, 'count');
    say('the memory of the wasm instance', count === 1 ? 'is new' : 'is as the trap left it, and it can be called');
  }
  return found;
}

async function endOfProcess(lab: Lab, signal: 'SIGKILL' | 'SIGTERM'): Promise<Findings> {
  const { upstream } = lab;
  const runtime = await lab.another('going_away');
  const held = new Held(upstream, `/${signal}`);
  const due = Date.now() + 4_000;
  await runtime.call('with alarm', 'work', held.url, due);
  await runtime.call('without alarm', 'work', held.url);
  if (!(await until(() => held.arrived === 2))) throw new Error('the fetches did not leave');
  const inHandler = new Held(upstream, `/${signal}-in-handler`);
  await runtime.call('in its handler', 'awaitInAlarm', inHandler.url);
  if (!(await until(() => inHandler.arrived === 1))) throw new Error('the alarm did not run');
  const slow = outcome(runtime.call('with alarm', 'slowly', 1_500));
  await sleep(300);
  const ended = outcome(runtime.end(signal), 10_000);
  const others = await slow;
  const gone = await ended;
  const abandoned = held.abandoned === 2;
  held.release();
  await runtime.end();
  // The alarm becomes due while nothing runs.
  await sleep(due + 200 - Date.now());
  await runtime.start();
  const restarted = Date.now();
  await sleep(2_000);
  const lookedAt = Date.now();
  const after = await runtime.look('with alarm');
  const other = await runtime.look('without alarm');
  const found: Findings = {};
  const say = (question: string, answer: string) => {
    found[`${signal}: ${question}`] = answer;
  };
  say('the process is gone within 10 s, though a fetch is in flight', yes(gone !== 'pending'));
  say('another call that waits', others === 'done' ? 'is answered' : 'fails');
  say('the fetch in flight', abandoned ? 'is cut off' : 'goes on');
  say('rows of earlier turns', after.notes.includes('started') ? 'kept' : 'lost');
  say('the code after the await', after.notes.includes('continued') ? 'runs' : 'never runs');
  say('its catch or finally', after.notes.some((n) => n === 'caught' || n === 'finally') ? 'runs' : 'never runs');
  const times = ({ notes }: Look, what: string) =>
    notes.filter((note) => note.startsWith(`${what} at `)).map((note) => Number(note.slice(what.length + 4)));
  const [ranAt = Infinity] = times(after, 'alarm');
  const [, constructedAt = Infinity] = times(other, 'constructed');
  say('after the restart, the stored alarm runs by itself', yes(ranAt < lookedAt));
  say('after the restart, it runs within 1 s', yes(ranAt - restarted < 1_000));
  const runs = times(await runtime.look('in its handler'), 'alarm').length;
  say('after the restart, an alarm whose handler had not ended runs again', yes(runs === 2));
  say('after the restart, an object without an alarm is constructed by itself', yes(constructedAt < lookedAt));
  return found;
}

async function run(lab: Lab): Promise<Findings> {
  const found: Findings = {};
  const ends = await Promise.all([
    endOfProcess(lab, 'SIGKILL'),
    endOfProcess(lab, 'SIGTERM'),
    ...ENDS.map(([method, name]) => endOfObject(lab, method, name)),
  ]);
  return Object.assign(found, ...ends);
}

export const goingAway: Experiment = { name: 'going_away', run };
