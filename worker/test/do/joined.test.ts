// Calls of one turn are one call to the object; each has its own answer.

import { env } from 'cloudflare:workers';
import { runInDurableObject } from 'cloudflare:test';
import { proxyFetch, proxyFetchAll, proxyFetchQueue } from 'proxy-fetch';
import { describe, expect, inject, it } from 'vitest';
import { errorOf, inside, itemOf, watched } from './calling.ts';

const upstream = inject('upstream');

describe('calls of one turn', () => {
  it('go 100 at a time, and all are fetched', async () => {
    const { calls, env: seen } = watched();
    const wanted = Array.from({ length: 250 }, (_, nth) => `joined-${nth}`);
    const ids = await inside('joined', seen, (caller) =>
      Promise.all(wanted.map((requestId) => proxyFetch(caller, `${upstream}/joined`, 'ORIGIN', 'onResult', { requestId }))),
    );
    expect(ids).toEqual(wanted);
    expect(calls.map(({ requests }) => requests.length)).toEqual([100, 100, 50]);
    expect(calls.flatMap(({ requests }) => requests.map(({ request_id }) => request_id))).toEqual(wanted);
    for (const id of wanted) expect((await itemOf('joined', id)).response?.text).toBe('answer of /joined');
  });

  it('each have their own answer', async () => {
    const { calls, env: seen } = watched();
    const answers = await inside('mixed', seen, (caller) =>
      Promise.all([
        proxyFetch(caller, `${upstream}/mixed`, { requestId: 'mixed-1' }),
        errorOf(proxyFetch(caller, 'ftp://example.com/', { requestId: 'mixed-2' })),
        errorOf(proxyFetch(caller, `${upstream}/mixed`, { timeoutMs: 1 })),
        proxyFetch(caller, `${upstream}/mixed`, { requestId: 'mixed-4' }),
      ]),
    );
    const refused = [{ field: 'url', requestId: 'mixed-2' }, { field: 'options.timeout_ms' }];
    expect(answers).toMatchObject(['mixed-1', ...refused, 'mixed-4']);
    expect(calls).toHaveLength(1);
  });

  it('part by instance, by object, and by turn', async () => {
    const { calls, env: seen } = watched();
    const by = async (name: string) =>
      inside(name, seen, async (caller) => {
        await Promise.all([
          proxyFetch(caller, `${upstream}/part`),
          proxyFetch(caller, `${upstream}/part`, { instance: 'other' }),
          proxyFetch(caller, `${upstream}/part`),
        ]);
        await proxyFetch(caller, `${upstream}/part`);
      });
    await Promise.all([by('part-1'), by('part-2')]);
    const sizes = calls.map(({ name, requests }) => `${name} ${requests.length}`).sort();
    expect(sizes).toEqual([
      ...['other 1', 'other 1'],
      ...['proxy-fetch-global 1', 'proxy-fetch-global 1', 'proxy-fetch-global 2', 'proxy-fetch-global 2'],
    ]);
  });

  it('part by whom they are made', async () => {
    const worlds = [watched(), watched()];
    await inside('whom', {}, async ({ ctx }) => {
      const callers = worlds.map(({ env }) => ({ ctx: { id: ctx.id }, env }));
      await Promise.all(callers.map((caller) => proxyFetch(caller, `${upstream}/whom`)));
    });
    expect(worlds.map(({ calls }) => calls.length)).toEqual([1, 1]);
  });

  it('leave in that turn, together with what else the object writes in it', async () => {
    const { calls, env: seen } = watched();
    await inside('turn', seen, async (caller) => {
      const call = proxyFetch(caller, `${upstream}/turn`);
      await Promise.resolve();
      expect(calls).toHaveLength(1);
      await call;
    });
  });

  it('part where together they would be too large', async () => {
    const { calls, env: seen } = watched();
    const large = { url: `${upstream}/large`, method: 'POST', body: 'x'.repeat(500_000) };
    await inside('large', seen, (caller) => Promise.all([1, 2, 3].map(() => proxyFetch(caller, large))));
    expect(calls.map(({ requests }) => requests.length)).toEqual([2, 1]);
  });

  it('to the queue are few batches', async () => {
    const batches: number[] = [];
    const PROXY_FETCH_QUEUE = {
      sendBatch(batch: MessageSendRequest[]) {
        batches.push(batch.length);
        return env.PROXY_FETCH_QUEUE.sendBatch(batch);
      },
    };
    const ids = await inside('batch', { ...env, PROXY_FETCH_QUEUE }, (caller) =>
      Promise.all(Array.from({ length: 120 }, () => proxyFetchQueue(caller, `${upstream}/batch`, 'ORIGIN', 'onResult'))),
    );
    expect(batches).toEqual([100, 20]);
    for (const id of ids) expect((await itemOf('batch', id)).response?.text).toBe('answer of /batch');
  });
});

it('proxyFetchAll tells of each', async () => {
  const answers = await runInDurableObject(env.ORIGIN.getByName('all'), (origin) =>
    proxyFetchAll(origin, [`${upstream}/all`, 'nonsense', `${upstream}/all`], 'ORIGIN', 'onResult', { maxRetries: 0 }),
  );
  expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  const ids = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  for (const id of ids) expect((await itemOf('all', id)).response?.status).toBe(200);
});
