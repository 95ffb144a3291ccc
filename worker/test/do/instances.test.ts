// Which instance a request goes to; what can be asked of it; which variant is taken.

import { env } from 'cloudflare:workers';
import { runInDurableObject } from 'cloudflare:test';
import { cancel, instance, proxyFetch, stats, status } from 'proxy-fetch';
import { describe, expect, inject, it, vi } from 'vitest';
import rust from '../../src/client.rs?raw';
import { errorOf, inside, itemOf, watched } from './calling.ts';

const upstream = inject('upstream');

describe('instances', () => {
  it('are computed with the numbers of the Rust client', () => {
    for (const part of ['0x811c_9dc5_u32', '0x0100_0193', 'hash ^ u32::from(byte)', 'hash % shards.max(1)']) {
      expect(rust).toContain(part);
    }
  });

  // As `client::instance` of the Rust client prints them; the last two are published values of FNV-1a.
  it.each([
    [4, 'main', 'proxy-fetch-0'],
    [4, 'user-7', 'proxy-fetch-2'],
    [1, 'user-7', 'proxy-fetch-0'],
    [0, 'user-7', 'proxy-fetch-0'],
    [64, '', 'proxy-fetch-5'],
    [64, 'grüße', 'proxy-fetch-24'],
    [0xffff_ffff, 'a', `proxy-fetch-${0xe40c_292c}`],
    [0xffff_ffff, 'foobar', `proxy-fetch-${0xbf9c_f968}`],
  ])('instance(%i, %j) is %s, as in Rust', (shards, key, name) => {
    expect(instance(shards, key)).toBe(name);
  });

  it('are really several', async () => {
    const { calls, env: seen } = watched();
    const keys = Array.from({ length: 40 }, (_, nth) => `user-${nth}`);
    const ids = await inside('spread', seen, (caller) =>
      Promise.all(keys.map((key) => proxyFetch(caller, `${upstream}/spread`, 'ORIGIN', 'onResult', { shards: 3, key }))),
    );
    expect(calls.map(({ name }) => name).sort()).toEqual(['proxy-fetch-0', 'proxy-fetch-1', 'proxy-fetch-2']);
    for (const [nth, id] of ids.entries()) {
      expect((await itemOf('spread', id)).response?.status).toBe(200);
      const key = keys[nth] ?? '';
      expect((await status({ env }, id, { shards: 3, key })).state).toBe('finished');
      const elsewhere = instance(3, key) === 'proxy-fetch-0' ? 'proxy-fetch-1' : 'proxy-fetch-0';
      expect(await errorOf(status({ env }, id, { instance: elsewhere }))).toMatchObject({ code: 'not_found', status: 404 });
    }
  });

  it("go by the object's own id, if no key is given", async () => {
    const { calls, env: seen } = watched();
    const own = await inside('own', seen, async (caller) => {
      await proxyFetch(caller, `${upstream}/own`, { shards: 1_000 });
      return String(caller.ctx.id);
    });
    expect(calls.map(({ name }) => name)).toEqual([instance(1_000, own)]);
    expect(await errorOf(proxyFetch({ env }, upstream, { shards: 2 }))).toMatchObject({ code: 'invalid', field: 'key' });
  });
});

describe('what can be asked', () => {
  it('status, stats and cancel', async () => {
    const at = { instance: 'asked' };
    await runInDurableObject(env.ORIGIN.getByName('asked'), async (origin) => {
      const before = Date.now();
      const ids = await Promise.all(
        Array.from({ length: 6 }, (_, nth) =>
          proxyFetch(origin, `${upstream}/hang`, 'ORIGIN', 'onResult', { ...at, requestId: `asked/${nth}?#%` }),
        ),
      );
      const [first = '', last = ''] = [ids[0], ids[5]];
      const running = await status(origin, first, at);
      expect(running).toMatchObject({ requestId: first, state: 'in_flight', attempts: 1 });
      expect(running.acceptedAt.getTime()).toBeGreaterThanOrEqual(before);
      expect(running.expiresAt.getTime() - running.acceptedAt.getTime()).toBe(30 * 60 * 1_000);
      expect(running).not.toHaveProperty('finishedAt');
      const waiting = await status(origin, last, at);
      expect(waiting).toMatchObject({ state: 'queued', attempts: 0 });
      expect(waiting.notBefore).toBeInstanceOf(Date);
      const now = await stats(origin, at);
      expect(now).toMatchObject({ live: 6, inFlight: 5, fetching: 5 });
      expect(now.alarm?.getTime()).toBeGreaterThan(before);
      expect(now.epoch).toBeGreaterThan(0);

      for (const id of ids.toReversed()) await cancel(origin, id, at);
      // Once more: the same answer.
      await cancel(origin, first, at);
      const nobody = await errorOf(cancel(origin, 'nobody', at));
      expect(nobody).toMatchObject({ status: 404, code: 'not_found', requestId: 'nobody' });
    });
    const item = await itemOf('asked', 'asked/5?#%');
    expect(item).toMatchObject({ code: 'cancelled', attempts: 0 });
    // A request ends when its handler has returned.
    await vi.waitFor(async () => expect((await stats({ env }, at)).live).toBe(0));
    const ended = await status({ env }, 'asked/0?#%', at);
    expect(ended).toMatchObject({ state: 'finished', outcome: 'cancelled' });
    expect(ended.finishedAt).toBeInstanceOf(Date);
  });

  it('too late', async () => {
    const id = await runInDurableObject(env.ORIGIN.getByName('late'), (origin) =>
      proxyFetch(origin, `${upstream}/late`, 'ORIGIN', 'onResult'),
    );
    await itemOf('late', id);
    expect(await errorOf(cancel({ env }, id))).toMatchObject({ status: 409, code: 'too_late', requestId: id });
  });
});

describe('the variant', () => {
  it('is the object if both bindings exist, else the queue; the item is the same', async () => {
    const sent: number[] = [];
    const PROXY_FETCH_QUEUE = {
      sendBatch(batch: MessageSendRequest[]) {
        sent.push(batch.length);
        return env.PROXY_FETCH_QUEUE.sendBatch(batch);
      },
    };
    const { calls, env: seen } = watched();
    const call = (environment: object) =>
      inside('variant', environment, (caller) => proxyFetch(caller, `${upstream}/variant`, 'ORIGIN', 'onResult'));
    const both = await itemOf('variant', await call({ ...seen, PROXY_FETCH_QUEUE }));
    expect([calls.length, sent.length]).toEqual([1, 0]);
    const queued = await itemOf('variant', await call({ ...env, PROXY_FETCH_DO: undefined, PROXY_FETCH_QUEUE }));
    expect([calls.length, sent.length]).toEqual([1, 1]);
    const same = ({ requestId: _, durationMs, ...item }: typeof both) => ({ ...item, durationMs: typeof durationMs });
    expect(same(queued)).toEqual(same(both));
    expect(queued.keys).toEqual(['attempts', 'durationMs', 'requestId', 'response']);
  });
});
