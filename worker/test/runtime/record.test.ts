// Records what two objects do under a workload with everything in it: retries, failing upstreams and callbacks, cancels,
// repeats, refusals, and SIGKILLs. `cargo sim verify worker/target/records/workload.log` takes the same turns again.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Bench, withBench } from './bench.ts';
import { keepRecords, killRecorded } from './records.ts';

const REQUESTS = 200;
const OBJECTS = ['proxy-fetch-global', 'proxy-fetch-other'];
const OPTIONS = { retry_delay_ms: 100, max_retry_delay_ms: 100, max_retries: 3, timeout_ms: 2000 };
/** The runtime is killed when so many were handed in. */
const KILLS = [70, 140, REQUESTS];

type Request = Record<string, unknown>;

/** What requests meet, in turns. */
function kinds(bench: Bench): ((n: number) => Request)[] {
  const { upstream } = bench;
  const met = new Map<string, number>();
  /** How often the upstream has seen this request, this time too. */
  const nth = (id: unknown) => {
    const count = (met.get(String(id)) ?? 0) + 1;
    met.set(String(id), count);
    return count;
  };
  const quick = upstream.url('/quick?delay=5');
  const flaky = upstream.on('/flaky', ({ headers }, response) => {
    response.writeHead(nth(headers['idempotency-key']) < 3 ? 503 : 200).end('at last');
  });
  const down = upstream.on('/down', (_, response) => void response.writeHead(500).end());
  const hangs = upstream.on('/hangs', () => {});
  const breaks = upstream.on('/breaks', ({ headers }, response) => {
    if (nth(headers['idempotency-key']) === 1) response.destroy();
    else response.end('whole');
  });
  const limited = upstream.on('/limited', ({ headers }, response) => {
    if (nth(headers['idempotency-key']) === 1) response.writeHead(429, { 'retry-after': '1' }).end();
    else response.end('in time');
  });
  const large = upstream.on('/large', (_, response) => void response.end(Buffer.alloc(1_100_000)));
  return [
    () => ({ url: quick }),
    () => ({ url: flaky }),
    () => ({ url: down, options: { ...OPTIONS, max_retries: 1 } }),
    () => ({ url: hangs, options: { ...OPTIONS, max_retries: 1, timeout_ms: 200 } }),
    () => ({ url: breaks }),
    () => ({ url: limited }),
    () => ({ url: large }),
    () => ({ url: quick, callback: bench.callback('onThrow') }),
    () => ({ url: quick, callback: bench.callback('/refuse') }),
    () => ({ url: quick, callback: null }),
    (n) => ({ url: quick, method: 'POST', body: { base64: Buffer.from([0, n, 255]).toString('base64') } }),
    () => ({ url: quick, options: { ...OPTIONS, max_retries: 11 } }),
    () => ({ url: hangs, options: { ...OPTIONS, at_most_once: true, timeout_ms: 200 } }),
  ];
}

it('records what objects do, for the simulator', withBench({ PROXY_FETCH_RECORD: 'true' }, async (bench) => {
  const { runtime } = bench;
  const kind = kinds(bench);
  const restart = async () => {
    await killRecorded(runtime);
    await runtime.start();
  };
  const statuses = new Map<number, number>();
  const called = ({ status }: { status: number }) => void statuses.set(status, (statuses.get(status) ?? 0) + 1);
  let calls: Promise<void>[] = [];
  for (let n = 0; n < REQUESTS; n += 1) {
    const object = OBJECTS[n % OBJECTS.length];
    const request: Request = { request_id: `r-${n}`, options: OPTIONS, ...kind[n % kind.length]?.(n) };
    const path = `/v1/fetches/r-${n}`;
    calls.push((async () => {
      called(await bench.submit(request, object));
      if (n % 7 === 0) called(await bench.submit(request, object));
      if (n % 11 === 0) called(await bench.submit({ ...request, url: 'https://example.com/' }, object));
      if (n % 9 === 0) called(await bench.call('DELETE', path, undefined, object));
      if (n % 5 === 0) called(await bench.call('GET', path, undefined, object));
    })());
    if (KILLS.includes(n + 1)) {
      await Promise.all(calls);
      calls = [];
      await sleep(150);
      await restart();
    } else if (n % 4 === 3) {
      await sleep(3);
    }
  }
  for (const status of [200, 202, 409, 422]) assert.ok((statuses.get(status) ?? 0) > 5, `${status}: ${statuses.get(status)}`);
  for (const object of OBJECTS) {
    await bench.until(async () => {
      const { json } = await bench.call('GET', '/v1/stats', undefined, object);
      return json.live === 0 ? true : undefined;
    });
  }
  const endings = (await bench.items()).map(({ error, response, threw }) => error?.code ?? (threw ? 'threw' : `${response?.status}`));
  for (const ending of ['200', '500', 'timed_out', 'unknown', 'body_too_large', 'cancelled', 'threw']) {
    assert.ok(endings.includes(ending), `no request ended so: ${ending}`);
  }
  // The next incarnation records all rows that these have left.
  await restart();
  for (const object of OBJECTS) await bench.call('GET', '/v1/stats', undefined, object);
  const records = await bench.until(async () => {
    const found = keepRecords('workload', runtime.log);
    return found.size === OBJECTS.length ? found : undefined;
  });
  for (const [object, count] of records) assert.ok(count > 100, `${object}: ${count} records`);
  assert.equal(runtime.log.split('proxy-fetch: a commit was refused').length, 1);
  console.log(`${[...records.values()].join(' and ')} records`);
}));
