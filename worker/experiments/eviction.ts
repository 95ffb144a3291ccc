// Question 4, idleness: how long does an object stay in memory without an event, and does pending work keep it there?

import { type Experiment, type Findings, Held, type Lab, outcome, sleep, until, yes } from './lab.ts';
import type { Runtime } from './runtime.ts';

/** Eviction comes 70 to 140 s after the last event; a loaded machine may need some more. */
const LONG_ENOUGH_MS = 150_000;

const STAYS = 'is still in memory';

const KINDS = [
  ['idle', 'nothing pending'],
  ['fetch', 'a fetch pending, not awaited by any handler'],
  ['waitUntil', 'a fetch pending, under waitUntil'],
  ['timers', 'a timer pending every second'],
  ['heartbeat', 'a fetch pending, and an alarm every 30 s'],
] as const;

/** What has become of an object with nothing to do that nobody calls for so long. */
async function quiet(runtime: Runtime, seconds: number): Promise<string> {
  const object = `quiet for ${seconds} s`;
  const first = await runtime.call<string>(object, 'work', '', 'idle');
  await sleep(seconds * 1_000);
  return (await runtime.look(object)).instance === first ? STAYS : 'is evicted';
}

async function run({ runtime, upstream }: Lab): Promise<Findings> {
  const began = Date.now();
  const subjects = await Promise.all(
    KINDS.map(async ([kind, what]) => {
      const held = new Held(upstream, `/${kind}`);
      return { kind, what, held, first: await runtime.call<string>(kind, 'work', held.url, kind) };
    }),
  );
  const ofClient = new Held(upstream, '/of-client');
  const other = new Held(upstream, '/other');
  const client = outcome(runtime.call<string>('client', 'holds', 'with client', ofClient.url, other.url), 400_000);
  const ofCall = new Held(upstream, '/of-call');
  const call = outcome(runtime.call<string>('called', 'called', ofCall.url), 400_000);
  if (!(await until(() => ofClient.arrived === 1 && ofCall.arrived === 1))) throw new Error('a fetch did not leave');

  const [five, twenty] = await Promise.all([quiet(runtime, 5), quiet(runtime, 20)]);
  await sleep(60_000 - (Date.now() - began));
  const all = [...subjects.map((subject) => subject.held), ofClient, ofCall];
  const early = all.filter((held) => held.abandoned > 0).length;
  await sleep(LONG_ENOUGH_MS - (Date.now() - began));

  const found: Findings = {
    'nothing pending: after 5 s without a call the object': five,
    'nothing pending: after 20 s without a call the object': twenty,
    'a fetch is cut off within 60 s of the last event': yes(early > 0),
  };
  for (const { kind, what, held, first } of subjects) {
    const cutOff = held.abandoned === 1;
    const { instance, notes } = await runtime.look(kind);
    found[`${what}: after 150 s without a call the object`] = instance === first ? STAYS : 'is evicted';
    if (kind === 'fetch' || kind === 'waitUntil' || kind === 'heartbeat') {
      found[`${what}: the fetch`] = cutOff ? 'is cut off' : 'is still pending';
      found[`${what}: a finally after the await`] = notes.includes('finally') ? 'runs' : 'does not run';
    }
    if (kind === 'timers') found[`${what}: the last of 150 timers`] = notes.includes('last tick') ? 'runs' : 'never runs';
  }
  const clientCutOff = ofClient.abandoned === 1;
  found['a client that holds its stub: the fetch pending'] = clientCutOff ? 'is cut off' : 'is still pending';
  const callCutOff = ofCall.abandoned === 1;
  found['a caller that waits for its call: the fetch pending'] = callCutOff ? 'is cut off' : 'is still pending';
  for (const held of [other, ofCall, ofClient]) held.release();
  found['a caller that waits for its call'] = typeof (await call) === 'string' ? 'is answered' : 'fails';
  const { instance } = await runtime.look('with client');
  found['a client that holds its stub: the object'] = (await client) === instance ? STAYS : 'is evicted';
  return found;
}

export const eviction: Experiment = { name: 'eviction', run };
