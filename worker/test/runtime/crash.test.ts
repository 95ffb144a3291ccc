// SIGKILL of the runtime, at each point of a request's life: nothing that was accepted is lost, and the stored alarm
// wakes the object by itself. PROXY_FETCH_KILLS says how often (default 200).

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { withBench } from './bench.ts';

const KILLS = Number(process.env['PROXY_FETCH_KILLS'] ?? 200);
/** After so many kills everything that was accepted must have reached its origin, without any call to the proxy. */
const ROUND = 25;
const OPTIONS = { retry_delay_ms: 100, max_retry_delay_ms: 100, max_retries: 10, timeout_ms: 5000 };

const POINTS = ['after the reply', 'in the fetch', 'in the callback', 'at any time'] as const;

it(`survives ${KILLS} SIGKILLs`, withBench({}, async (bench) => {
  const { upstream, runtime } = bench;
  const seen = new Map<string, () => void>();
  const arrived = (id: string) => new Promise<void>((resolve) => seen.set(id, resolve));
  const held = upstream.on('/held', (hit, response) => {
    seen.get(String(hit.headers['x-id']))?.();
    setTimeout(() => response.end('held'), 40);
  });
  upstream.on('/called', (_, response) => {
    for (const resolve of seen.values()) resolve();
    setTimeout(() => response.end(), 40);
  });
  await bench.tellOrigin(upstream.url('/called'));

  const accepted: string[] = [];
  for (let kill = 0; kill < KILLS; kill += 1) {
    const point = POINTS[kill % POINTS.length] as (typeof POINTS)[number];
    const id = `kill-${kill}`;
    const isHeld = point === 'in the fetch' || point === 'at any time';
    const request = {
      url: isHeld ? held : upstream.url('/quick'),
      headers: { 'x-id': id },
      request_id: id,
      options: OPTIONS,
      callback: bench.callback(point === 'in the callback' ? 'onSlow' : 'onResult'),
    };
    const there = arrived(id);
    const { status } = await bench.submit(request);
    assert.equal(status, 202);
    accepted.push(id);
    if (point === 'in the fetch' || point === 'in the callback') await there;
    if (point === 'at any time') await new Promise((resolve) => setTimeout(resolve, (kill * 7) % 60));
    await runtime.kill();
    seen.clear();
    await runtime.start();
    if ((kill + 1) % ROUND === 0 || kill + 1 === KILLS) await bench.itemsOf(accepted, 30_000);
  }

  const items = await bench.items();
  const ended = Map.groupBy(items, ({ requestId }) => requestId);
  assert.equal(ended.size, accepted.length, 'each accepted request has ended, and nothing else has');
  const outcomes = Map.groupBy(items, ({ error, response }) => error?.code ?? `response ${response?.status}`);
  for (const outcome of outcomes.keys()) assert.ok(['response 200', 'interrupted'].includes(outcome), outcome);
  const twice = [...ended.values()].filter((list) => list.length > 1).length;
  const interrupted = outcomes.get('interrupted')?.length ?? 0;
  console.log(`${accepted.length} accepted, ${twice} called back more than once, ${interrupted} interrupted`);
}));
