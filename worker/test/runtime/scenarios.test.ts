// The scenarios of sim/worlds/scenarios, with the compiled object on the real runtime. The simulator plays the same
// files: sim/worlds/tests/scenarios.rs. What the objects record goes to worker/target/records, for `cargo sim verify`.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Bench, withBench } from './bench.ts';
import { keepRecords } from './records.ts';
import { type Scenario, readScenario, scenarios } from './scenario_file.ts';
import { judge, play } from './scenario_play.ts';

const VARS = { PROXY_FETCH_RECORD: 'true' };

const crashes = ({ steps }: Scenario) => steps.some(({ action }) => action.kind === 'crash');
const here = scenarios().filter(({ notHere }) => notHere === undefined);

async function tell(bench: Bench, scenario: Scenario): Promise<void> {
  assert.deepEqual(judge(scenario, await play(bench, scenario)), []);
}

describe('scenarios', { concurrency: true }, () => {
  assert.ok(here.length >= 8, `${here.length} scenarios`);

  describe('on one runtime', { concurrency: true }, () => {
    const calm = here.filter((scenario) => !crashes(scenario));
    let bench: Bench;
    /** Each has an object of its own. */
    let told = 0;
    before(async () => {
      bench = await Bench.open(VARS);
    });
    after(async () => {
      const records = keepRecords('scenarios', bench.runtime.log);
      await bench.dispose();
      assert.equal(records.size, told);
      assert.ok([...records.values()].every((count) => count > 2), [...records.values()].join());
    });
    const telling = (tells: () => Promise<void>) => async () => {
      told += 1;
      await tells();
    };
    for (const scenario of calm) it(scenario.name, telling(() => tell(bench, scenario)));
    it('finds what is not as expected', telling(() => findsDifferences(bench)));
  });

  // A SIGKILL ends the whole runtime.
  for (const scenario of here.filter(crashes)) {
    it(scenario.name, withBench(VARS, async (bench) => {
      await tell(bench, scenario);
      const records = keepRecords(`scenario_${scenario.name}`, bench.runtime.log);
      assert.equal(records.size, 1);
    }));
  }
});

/** `a`, whose first call breaks, and a repeat of it; with one thing changed. */
function changed(from = '', to = ''): Scenario {
  const text = `{
    "about": "A broken connection.",
    "steps": [
      {
        "at_ms": 0, "enqueue": "a", "body": "b", "options": { "retry_delay_ms": 100 },
        "upstream": [{ "breaks": true }, { "status": 200 }]
      },
      { "at_ms": 1000, "repeat": "a" }
    ],
    "expect": {
      "a": { "outcome": "response 200", "attempts": 2, "upstream_calls": 2, "callbacks": [1, 1], "gaps_ms": [100] }
    },
    "at_once": 1
  }`;
  assert.ok(text.includes(from), from);
  return readScenario('story', text.replace(from, to));
}

async function findsDifferences(bench: Bench): Promise<void> {
  // The wrong reply too, since the story is told once.
  const played = await play(bench, changed('"repeat": "a"', '"repeat": "a", "reply": "conflict"'));
  const reply = 'step 1, repeat: the reply is accepted, not conflict';
  assert.deepEqual(judge(changed(), played), [reply]);
  const cases: [string, string, string][] = [
    ['response 200', 'response 201', 'a: the outcome is response 200, not response 201'],
    ['response 200', 'response 201', 'a: the origin is told response 200, not response 201'],
    ['"attempts": 2', '"attempts": 1', 'a: attempts: 2, not 1 to 1'],
    ['"upstream_calls": 2', '"upstream_calls": [3, 4]', 'a: calls at the upstream: 2, not 3 to 4'],
    ['[1, 1]', '0', 'a: callbacks: 1, not 0 to 0'],
    ['"at_once": 1', '"at_once": 2', 'at once at the upstream: 1, not 2 to 2'],
    ['[100]', '[100, 0]', 'a: there is no call 3 at the upstream'],
  ];
  for (const [from, to, problem] of cases) {
    const problems = judge(changed(from, to), played);
    assert.ok(problems.includes(problem), problems.join('; '));
  }
  assert.match(judge(changed('[100]', '[9000]'), played).join(), /a: \d+ ms before call 2, not 9000/);
}

it('refuses what is not known', () => {
  const cases: [string, string, string][] = [
    ['"about"', '"abuot"', 'story.about: is missing'],
    ['"at_once"', '"at_most"', 'story.at_most: is not known'],
    ['"breaks": true', '"status": 200, "delay": 1', 'story.steps[0].upstream.delay: is not known'],
    ['"breaks": true', '"status": 200, "hangs": true', 'an answer is one of status, hangs, breaks'],
    ['"repeat": "a"', '"repeat": "a", "upstream": []', 'story.steps[1].upstream: is not known'],
    ['"repeat": "a"', '"crash": false', 'story.steps[1].crash: is true'],
    ['"repeat": "a"', '"repeat": "b"', 'story.steps[1]: there is no request b'],
    ['"repeat"', '"enqueue"', 'story.steps[1]: a is there already'],
    ['"enqueue": "a"', '"enqueue": "a", "cancel": "a"', 'is not one of enqueue, repeat'],
    ['"at_ms": 0', '"at_ms": -1', '-1 is not a whole number'],
    ['"at_ms": 0', '"at_ms": 9000', '1000 ms is before the step before'],
    ['"a": {', '"b": {', 'is not about the requests that are accepted: a'],
    ['"callbacks": [1, 1], ', '', 'story.expect.a.callbacks: is missing'],
    ['[1, 1]', '[2, 1]', '[2,1] is neither a number nor [least, most]'],
    ['"about"', '"only": { "side": "moon", "why": "?" }, "about"', 'moon is neither sim nor workerd'],
    ['"about"', '"only": { "side": "sim" }, "about"', 'story.only.why: is missing'],
  ];
  for (const [from, to, problem] of cases) {
    assert.throws(() => changed(from, to), (error: Error) => error.message.includes(problem), `${to}: ${problem}`);
  }
});
