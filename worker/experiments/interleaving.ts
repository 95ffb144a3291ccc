// Which events come between others: calls there and back, calls while a handler awaits, calls while it does not.

import { type Experiment, type Findings, Held, type Lab, outcome, sleep, until, yes } from './lab.ts';

async function run({ runtime, upstream }: Lab): Promise<Findings> {
  const found: Findings = {};
  const seen = (object: string) => runtime.call<string[]>(object, 'seen');

  const back = await outcome(runtime.call<string>('a', 'thereAndBack', 'a', 'b'), 5_000);
  found['a call to another object that calls back before it answers'] =
    back === 'called back, called back' ? 'is answered' : 'hangs';
  await runtime.call('c', 'alarmIn', 'c', 'd');
  const ends = await until(async () => (await seen('c')).includes('alarm ends'), 5_000);
  found['the same from an alarm handler'] = ends ? 'is answered' : 'hangs';

  const forAlarm = new Held(upstream, '/alarm');
  await runtime.call('e', 'alarmIn', '', '', forAlarm.url);
  await until(() => forAlarm.arrived === 1);
  const during = await outcome(runtime.call<string>('e', 'mark', 'between'), 5_000);
  found['a call while an alarm handler awaits a fetch'] = during === 'between' ? 'is answered' : 'waits';
  forAlarm.release();

  /** What comes of a call that arrives while another is under way. */
  const between = async (object: string, method: string, argument: unknown, held?: Held) => {
    await seen(object);
    const first = runtime.call(object, method, argument);
    if (held) await until(() => held.arrived === 1);
    else if (method === 'sleeps') await until(async () => (await seen(object)).includes('begin'));
    else await sleep(100);
    const second = runtime.call(object, 'mark', 'between');
    await outcome(second, 1_000);
    held?.release();
    await Promise.all([first, second]);
    const order = (await seen(object)).join();
    return order === 'begin,between,end' ? 'comes between' : 'waits for its end';
  };
  const plain = new Held(upstream, '/plain');
  found['a call while another awaits a fetch'] = await between('f', 'awaitsFetch', plain.url, plain);
  found['a call while another awaits a timer'] = await between('g', 'sleeps', 1_000);
  found['a call while another runs code and awaits nothing'] = await between('h', 'keeps', 600);
  found['a call while another awaits only storage'] = await between('i', 'awaitsStorage', 600);
  const blocked = new Held(upstream, '/blocked');
  found['a call while blockConcurrencyWhile awaits a fetch'] = await between('j', 'blocks', blocked.url, blocked);

  const order = await runtime.call<number[]>('k', 'inOrder', 'l', 100);
  found['100 calls through one stub at once arrive in their order'] = yes(order.every((mark, i) => mark === i));
  return found;
}

export const interleaving: Experiment = { name: 'interleaving', run };
