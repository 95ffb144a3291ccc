// Is a turn all or nothing, also under SIGKILL, and a savepoint with it?

import { type Experiment, type Findings, type Lab, outcome, sleep, until, yes } from './lab.ts';
import { Refused, type Runtime } from './runtime.ts';

const KILLS = 40;
const FAR = 4_102_444_800_000;

interface Turns {
  whole: number;
  partial: number;
  last: number;
  alarm: number;
  accepted: number[];
}

/** Calls one after the other until the object is gone. */
async function accepting(runtime: Runtime, from: number, answered: number[]): Promise<void> {
  for (let number = from; ; number += 1) {
    const answer = await outcome(runtime.call<number>('accepts', 'accept', number));
    if (typeof answer !== 'number') return;
    answered.push(answer);
  }
}

/** Kills while two objects write turn after turn. */
async function hammered({ another, upstream }: Lab): Promise<Findings> {
  const runtime = await another('atomicity');
  const heard: Record<string, number> = { plain: 0, savepoint: 0 };
  const paths: Record<string, string> = {};
  for (const name of Object.keys(heard)) {
    paths[name] = upstream.on(`/${name}`, (hit, response) => {
      heard[name] = Math.max(heard[name] ?? 0, Number(hit.headers['turn']));
      response.end();
    });
  }
  const found = { partial: 0, lost: 0, alarm: 0, unkept: 0 };
  const answered: number[] = [];
  for (let kill = 0; kill < KILLS; kill += 1) {
    const before = { ...heard };
    for (const name of Object.keys(heard)) {
      await runtime.call(name, 'hammerOn', paths[name], name === 'savepoint');
    }
    const count = answered.length;
    const calls = accepting(runtime, (kill + 1) * 100_000, answered);
    const isUnderWay = () => Object.keys(heard).every((name) => heard[name] !== before[name]);
    if (!(await until(() => isUnderWay() && answered.length > count))) throw new Error('no turn came through');
    // Spread over the course of a turn.
    await sleep(kill % 20);
    await runtime.end();
    await calls;
    await runtime.start();
    for (const name of Object.keys(heard)) {
      const { partial, last, alarm } = await runtime.call<Turns>(name, 'turns');
      found.partial += partial;
      if (last < (heard[name] ?? 0)) found.lost += 1;
      if (alarm !== last) found.alarm += 1;
    }
  }
  const { accepted, partial } = await runtime.call<Turns>('accepts', 'turns');
  const kept = new Set(accepted);
  found.unkept = answered.filter((number) => !kept.has(number)).length;
  found.partial += partial;
  return {
    [`${KILLS} kills while turns of 40 rows are written: turns found with some of their rows`]: String(found.partial),
    [`${KILLS} kills: turns lost whose fetch had left`]: String(found.lost),
    [`${KILLS} kills: turns lost whose reply had left`]: String(found.unkept),
    [`${KILLS} kills: the alarm stored is that of the last turn found`]: yes(found.alarm === 0),
  };
}

async function killedBetween({ another }: Lab): Promise<Findings> {
  const found: Findings = {};
  for (const [method, what] of [
    ['stuck', 'nothing'],
    ['throughMicrotasks', 'a resolved promise'],
    ['throughTimer', 'a timer'],
  ] as const) {
    const runtime = await another('atomicity');
    await runtime.look('o');
    const call = outcome(runtime.call('o', method, 8_000));
    await sleep(2_000);
    await runtime.end();
    await call;
    await runtime.start();
    const { notes } = await runtime.look('o');
    found[`killed between two writes, ${what} between them: the first is`] = notes.includes('first') ? 'kept' : 'lost';
  }
  return found;
}

async function thrown({ runtime }: Lab): Promise<Findings> {
  const threw = await outcome(runtime.call('throws', 'throwsBetween', FAR));
  if (!(threw instanceof Refused)) throw new Error('it did not throw');
  const after = await runtime.look('throws');
  await runtime.call('savepoint', 'setAlarm', FAR + 1);
  const caught = await runtime.call('savepoint', 'rollsBack', FAR + 2);
  if (caught !== 'caught') throw new Error('the savepoint did not throw');
  const rolledBack = await runtime.look('savepoint');
  return {
    'an exception between two writes: the first is': after.notes.includes('first') ? 'kept' : 'lost',
    'an exception after setAlarm: the alarm is': after.alarm === FAR ? 'kept' : 'lost',
    'an exception in a savepoint: its rows are': rolledBack.notes.includes('inside') ? 'kept' : 'rolled back',
    'an exception in a savepoint: its alarm is': rolledBack.alarm === FAR + 1 ? 'rolled back' : 'kept',
    'an exception in a savepoint: what was written before it is': rolledBack.notes.includes('outside') ? 'kept' : 'lost',
  };
}

async function run(lab: Lab): Promise<Findings> {
  const parts = await Promise.all([hammered(lab), killedBetween(lab), thrown(lab)]);
  return Object.assign({}, ...parts);
}

export const atomicity: Experiment = { name: 'atomicity', run };
