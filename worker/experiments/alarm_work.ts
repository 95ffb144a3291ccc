// Questions 1 and 2: does work that an alarm started go on after its handler returned, and what does waitUntil change?

import { type Experiment, type Findings, Held, type Lab, sleep, until, yes } from './lab.ts';

async function way({ runtime, upstream }: Lab, waitUntil: boolean): Promise<Findings> {
  const how = waitUntil ? 'with waitUntil' : 'without waitUntil';
  const found: Findings = {};
  const say = (question: string, answer: string) => {
    found[`${how}: ${question}`] = answer;
  };

  const fetches = `fetches ${waitUntil}`;
  const held = new Held(upstream, `/held-${waitUntil}`);
  await runtime.call(fetches, 'arrange', 'fetches', waitUntil, held.url);
  say('a fetch that the handler does not await reaches the upstream', yes(await until(() => held.arrived === 1)));
  const ranAgain = await until(async () => (await runtime.look(fetches)).notes.includes('run 2'), 3_000);
  say('the next alarm runs while that work is still under way', yes(ranAgain && held.arrived === 1));
  held.release();
  const isDone = async () => (await runtime.look(fetches)).notes.includes('went on');
  say('its answer is processed, and what it writes is stored', yes(await until(isDone)));

  const timers = `timers ${waitUntil}`;
  await runtime.call(timers, 'arrange', 'timers', waitUntil);
  const allTimers = async () => (await runtime.look(timers)).notes.includes('timer 5');
  say('a chain of five timers runs to its end', yes(await until(allTimers)));

  for (const [work, last, what, text] of [
    ['rejects', 'until', 'a rejection of the work', 'failed work'],
    ['throwsInTimer', 'timer', 'an exception in a timer', 'failed timer'],
  ] as const) {
    const object = `${work} ${waitUntil}`;
    await runtime.call(object, 'arrange', work, waitUntil);
    await runtime.call(object, 'remember');
    const { instance } = await runtime.look(object);
    if (!(await until(async () => (await runtime.look(object)).notes.includes(last)))) throw new Error(`no ${last}`);
    // A retry would come after 2 to 2.5 s.
    await sleep(3_500);
    const after = await runtime.look(object);
    say(`${what}: runs of the alarm`, String((await runtime.call<number[]>(object, 'seen')).length));
    say(`${what}: the object keeps its memory`, yes(after.instance === instance && after.remembered === 1));
    say(`${what}: the runtime logs it`, yes(runtime.log.includes(`${text}, waitUntil ${waitUntil}`)));
    say(`${what}: what it wrote before stays`, yes(after.notes.includes(last)));
  }
  return found;
}

async function run(lab: Lab): Promise<Findings> {
  const [without, with_] = await Promise.all([way(lab, false), way(lab, true)]);
  await lab.runtime.end();
  await lab.runtime.start();
  const kept = await lab.runtime.look('fetches false');
  const kept2 = await lab.runtime.look('fetches true');
  without['without waitUntil: what the work wrote survives SIGKILL'] = yes(kept.notes.includes('went on'));
  with_['with waitUntil: what the work wrote survives SIGKILL'] = yes(kept2.notes.includes('went on'));
  return { ...without, ...with_ };
}

export const alarmWork: Experiment = { name: 'alarm_work', run };
