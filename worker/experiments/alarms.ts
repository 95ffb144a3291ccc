// The one alarm: never early; set, moved, read and deleted, from calls and from its own handler.

import { type Experiment, type Findings, type Lab, sleep, until, yes } from './lab.ts';
import type { Runtime } from './runtime.ts';

interface Run {
  at: number;
  ended: number;
  retryCount: number;
  scheduledTime: number;
  alarm?: number | null;
}

const CHAIN_LENGTH = 300;

class Alarmed {
  static readonly all: Alarmed[] = [];
  readonly name: string;
  readonly #runtime: Runtime;

  constructor(runtime: Runtime, name: string) {
    this.#runtime = runtime;
    this.name = name;
    Alarmed.all.push(this);
  }

  plan(...steps: unknown[]): Promise<void> {
    return this.#runtime.call(this.name, 'plan', ...steps);
  }

  set(offset: number): Promise<number> {
    return this.#runtime.call(this.name, 'set', offset);
  }

  setTwice(first: number, second: number): Promise<number> {
    return this.#runtime.call(this.name, 'setTwice', first, second);
  }

  get(): Promise<number | null> {
    return this.#runtime.call(this.name, 'get');
  }

  runs(): Promise<Run[]> {
    return this.#runtime.call(this.name, 'seen');
  }

  /** The runs once there are so many. */
  async ran(count: number, withinMs = 10_000): Promise<Run[]> {
    await until(async () => (await this.runs()).length >= count, withinMs);
    return this.runs();
  }
}

async function fromCalls(alarmed: (name: string) => Alarmed): Promise<Findings> {
  const found: Findings = {};
  const past = alarmed('past');
  await past.plan(['get']);
  const setAt = await past.set(-3_600_000);
  const [late] = await past.ran(1);
  found['set an hour in the past: it runs at once'] = yes(late !== undefined && late.at - (setAt + 3_600_000) < 2_000);
  const clamped = late !== undefined && late.scheduledTime >= setAt + 3_600_000 - 1_000;
  found['set an hour in the past: the time it is told'] = clamped ? 'when it was set' : 'the past';

  const later = alarmed('later');
  const first = await later.set(1_500);
  const second = await later.set(3_000);
  const laterRuns = await later.ran(1);
  await sleep(500);
  const onlyNew = (await later.runs()).length === 1 && (laterRuns[0]?.at ?? 0) >= second && second > first;
  found['moved later: it runs'] = onlyNew ? 'once, at the later time' : 'at the old time too';

  const earlier = alarmed('earlier');
  await earlier.set(60_000);
  await earlier.set(200);
  found['moved earlier: it runs'] = (await earlier.ran(1, 5_000)).length === 1 ? 'once, at the earlier time' : 'not yet';

  const same = alarmed('same');
  await same.setTwice(300, 300);
  await same.ran(1);
  await sleep(500);
  found['set twice to one time: runs'] = String((await same.runs()).length);

  const during = alarmed('during');
  await during.plan([{ sleep: 800 }], []);
  await during.set(50);
  await during.ran(1);
  await during.set(50);
  const [slow, next] = await during.ran(2);
  const waited = slow !== undefined && next !== undefined && next.at >= slow.ended && slow.ended > 0;
  found['set while the handler runs: the next run waits for its end'] = yes(waited);
  return found;
}

async function fromHandler(alarmed: (name: string) => Alarmed): Promise<Findings> {
  const found: Findings = {};
  const reads = alarmed('reads');
  await reads.plan(['get'], [{ set: 60_000 }, 'get']);
  await reads.set(50);
  const [bare] = await reads.ran(1);
  found['getAlarm in the handler'] = bare?.alarm === null ? 'null' : 'the alarm that runs';
  await reads.set(50);
  const [, withNext] = await reads.ran(2);
  found['getAlarm in the handler, after it set the next'] = withNext?.alarm ? 'the next' : 'null';
  found['the alarm stored after a handler that set none'] = (await readsNone(alarmed)) ? 'none' : 'one';

  const replaces = alarmed('replaces');
  await replaces.plan([{ set: 300 }, 'throw'], []);
  await replaces.set(50);
  const [failed, replacement] = await replaces.ran(2, 5_000);
  const delay = (replacement?.at ?? 0) - (failed?.at ?? 0);
  const place = delay >= 300 && delay < 1_900 ? 'at the time that was set' : `${delay} ms later`;
  found['set in a handler that then throws: the next run is'] = place;
  found['set in a handler that then throws: its retryCount'] = String(replacement?.retryCount);
  await sleep(3_000);
  found['set in a handler that then throws: runs in all'] = String((await replaces.runs()).length);

  const deletes = alarmed('deletes');
  await deletes.plan(['delete', 'throw'], []);
  await deletes.set(50);
  await deletes.ran(1);
  await sleep(4_000);
  found['deleted in a handler that then throws: runs in all'] = String((await deletes.runs()).length);
  return found;
}

async function readsNone(alarmed: (name: string) => Alarmed): Promise<boolean> {
  const plain = alarmed('plain');
  await plain.set(50);
  await plain.ran(1);
  return until(async () => (await plain.get()) === null);
}

/** An alarm set from outside while the one before waits to be retried. */
async function whileItBacksOff(alarmed: (name: string) => Alarmed): Promise<Findings> {
  const hidden = alarmed('hidden');
  await hidden.plan(['throw'], ['throw'], [], []);
  await hidden.set(50);
  const [, failed] = await hidden.ran(2);
  // The second retry is due 4 to 5 s after the second failure.
  const setAt = await hidden.set(100);
  await hidden.ran(3);
  await sleep(1_000);
  const runs = await hidden.runs();
  const third = runs[2];
  const delay = (third?.at ?? 0) - (failed?.at ?? 0);
  const when = delay >= 3_900 ? 'only when the retry was due' : 'at its time';
  return {
    'set by a call while a failed one waits for its retry: it runs': third && third.at >= setAt ? when : 'not',
    'set by a call while a failed one waits for its retry: runs in all': String(runs.length),
    'set by a call while a failed one waits for its retry: its retryCount': String(third?.retryCount),
  };
}

/** Chains of alarms, each set in the handler of the one before. One at a time: a busy runtime is slower than 1 ms. */
async function chains({ another }: Lab): Promise<Findings> {
  const runtime = await another('alarm_chain');
  const length = async (name: string) => (await runtime.look(name)).remembered;
  /** Whether it ends, or makes no step in half a second. */
  const stops = async (name: string, withinMs: number) => {
    let before = -1;
    return until(async () => {
      const now = await length(name);
      const still = now === before;
      before = now;
      if (!still) await sleep(500);
      return still;
    }, withinMs);
  };
  const found: Findings = {};
  const lengths: number[] = [];
  for (const name of ['next 1', 'next 2', 'next 3']) {
    await runtime.call(name, 'chain', 1, CHAIN_LENGTH);
    await stops(name, 20_000);
    lengths.push(await length(name));
  }
  const whole = lengths.every((steps) => steps === CHAIN_LENGTH);
  found[`each set to Date.now() + 1 in the handler before: a chain of ${CHAIN_LENGTH}`] = whole ? 'runs to its end' : 'stops';

  await runtime.call('now', 'chain', 0, Number.MAX_SAFE_INTEGER);
  const dead = await stops('now', 40_000);
  const question = 'each set to Date.now() in the handler before: a chain without end';
  found[question] = dead ? 'stops' : 'goes on for 40 s';
  const isPast = async () => {
    const { alarm } = await runtime.look('now');
    return alarm === null ? 'none' : alarm < Date.now() - 400 ? 'a time in the past' : 'a time to come';
  };
  found[`${question}: what is stored then`] = await isPast();
  await runtime.end();
  await runtime.start();
  await sleep(2_000);
  found[`${question}: what is stored 2 s after a restart`] = await isPast();
  return found;
}

async function run(lab: Lab): Promise<Findings> {
  Alarmed.all.length = 0;
  const alarmed = (name: string) => new Alarmed(lab.runtime, name);
  const parts = await Promise.all([fromCalls(alarmed), fromHandler(alarmed), whileItBacksOff(alarmed)]);
  const found: Findings = Object.assign({}, ...parts);
  const runs = (await Promise.all(Alarmed.all.map((each) => each.runs()))).flat();
  found['of all these runs, before the time it was told'] = runs.every((each) => each.at >= each.scheduledTime)
    ? 'none'
    : 'some';
  return { ...found, ...(await chains(lab)) };
}

export const alarms: Experiment = { name: 'alarms', run };
