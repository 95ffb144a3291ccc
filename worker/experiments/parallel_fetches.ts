// Question 3: of several parallel fetches that one alarm starts, how many reach the upstream at once?

import { type Experiment, type Findings, Held, type Lab, sleep, until } from './lab.ts';

async function run({ runtime, upstream }: Lab): Promise<Findings> {
  const found: Findings = {};
  for (const count of [1, 5, 6, 7, 20, 50]) {
    const object = `o${count}`;
    const held = new Held(upstream, `/${count}`);
    await runtime.call(object, 'arrange', count, held.url);
    await until(() => held.arrived === count);
    // None is answered yet, so what has arrived is there at once; and no more comes.
    await sleep(200);
    found[`${count} started: at the upstream before any is answered`] = `${held.arrived} of ${count}`;
    const all = await until(async () => {
      held.release();
      return (await runtime.look(object)).remembered === count;
    });
    found[`${count} started: answered in the end`] = all ? `${held.arrived} of ${count}` : 'not all';
  }
  return found;
}

export const parallelFetches: Experiment = { name: 'parallel_fetches', run };
