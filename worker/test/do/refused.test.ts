// What is refused, and by which name.

import { env } from 'cloudflare:workers';
import { runInDurableObject } from 'cloudflare:test';
import { type ProxyFetchOptions, cancel, proxyFetch, proxyFetchQueue, status } from 'proxy-fetch';
import { describe, expect, inject, it } from 'vitest';
import { errorOf, inside, watched } from './calling.ts';

const upstream = inject('upstream');

describe('refused', () => {
  const POST = { url: `${upstream}/x`, method: 'POST' };
  it.each([
    ['a URL', 'nonsense', {}, { status: 422, code: 'invalid', field: 'url' }],
    ['a method', { url: upstream, method: 'BREW' }, {}, { status: 422, code: 'invalid', field: 'method' }],
    ['a body', { ...POST, body: 'x'.repeat(1_048_577) }, {}, { status: 422, code: 'invalid', field: 'body' }],
    ['an id', `${upstream}/x`, { requestId: '' }, { status: 422, code: 'invalid', field: 'request_id', requestId: '' }],
    ['an option', `${upstream}/x`, { maxRetries: 11 }, { status: 422, code: 'invalid', field: 'options.max_retries' }],
    ['no number', `${upstream}/x`, { timeoutMs: NaN }, { status: 422, code: 'invalid', field: 'options.timeout_ms' }],
    ['a half', `${upstream}/x`, { retryDelayMs: 0.5 }, { status: 422, code: 'invalid', field: 'options.retry_delay_ms' }],
    ['no instances', `${upstream}/x`, { shards: -1 }, { status: 422, code: 'invalid', field: 'shards' }],
    ['two ways to an instance', `${upstream}/x`, { shards: 2, instance: 'x' }, { code: 'invalid', field: 'instance' }],
    ['a key without shards', `${upstream}/x`, { key: 'x' }, { code: 'invalid', field: 'key' }],
  ])('%s', async (_, request, options: ProxyFetchOptions, expected) => {
    const error = await runInDurableObject(env.ORIGIN.getByName('refused'), (origin) =>
      errorOf(proxyFetch(origin, request, 'ORIGIN', 'onResult', options)),
    );
    expect(error).toMatchObject({ ...expected, mayHaveBeenAccepted: false });
    expect(error.detail).toContain(expected.field);
  });

  it('a callback that is not on the list', async () => {
    const caller = (ctx: DurableObjectState) => ({ ctx, env, onOther: () => {}, onResult: () => {} });
    await runInDurableObject(env.ORIGIN.getByName('refused'), async (_, ctx) => {
      const method = await errorOf(proxyFetch(caller(ctx), `${upstream}/x`, 'ORIGIN', 'onOther'));
      expect(method).toMatchObject({ status: 403, code: 'not_allowed', field: 'callback' });
      const binding = await errorOf(proxyFetch(caller(ctx), `${upstream}/x`, 'NOWHERE', 'onResult'));
      expect(binding).toMatchObject({ status: 403, code: 'not_allowed', field: 'callback' });
    });
  });

  it('another request under the same id', async () => {
    await runInDurableObject(env.ORIGIN.getByName('refused'), async (origin) => {
      const requestId = 'conflict';
      await proxyFetch(origin, `${upstream}/x`, { requestId });
      const error = await errorOf(proxyFetch(origin, `${upstream}/y`, { requestId }));
      expect(error).toMatchObject({ status: 409, code: 'conflict', field: 'request_id', requestId });
    });
  });

  it('what the queue cannot keep', async () => {
    await runInDurableObject(env.ORIGIN.getByName('refused'), async (origin) => {
      const once = await errorOf(proxyFetchQueue(origin, `${upstream}/x`, 'ORIGIN', 'onResult', { atMostOnce: true }));
      expect(once).toMatchObject({ status: 403, code: 'not_allowed', field: 'options.at_most_once' });
      const large = await errorOf(proxyFetchQueue(origin, { ...POST, body: 'x'.repeat(120_001) }, { requestId: 'large' }));
      expect(large).toMatchObject({ status: 422, code: 'invalid', field: 'body', requestId: 'large' });
    });
  });

  it('a callback to who has no such method, and to who is no object', async () => {
    const { calls, env: seen } = watched();
    await inside('refused', seen, async (caller) => {
      // As JavaScript may call it.
      const untyped = proxyFetch as (...args: unknown[]) => Promise<string>;
      const method = await errorOf(untyped(caller, `${upstream}/x`, 'ORIGIN', 'onNothing'));
      expect(method).toMatchObject({ code: 'not_an_object' });
      expect(method.detail).toContain('onNothing');
    });
    const plain = { env: seen, onResult: () => {} };
    expect(await errorOf(proxyFetch(plain, `${upstream}/x`, 'ORIGIN', 'onResult'))).toMatchObject({ code: 'not_an_object' });
    const bare = await errorOf(proxyFetch({}, `${upstream}/x`));
    expect(bare).toMatchObject({ code: 'not_an_object' });
    expect(calls).toHaveLength(0);
  });
});

describe('without the binding', () => {
  const { PROXY_FETCH_DO: _, PROXY_FETCH_QUEUE: __, ...neither } = env;

  it('of either variant, the error names both', async () => {
    const error = await errorOf(proxyFetch({ env: neither }, `${upstream}/x`));
    expect(error.code).toBe('no_binding');
    expect(error.detail).toMatch(/PROXY_FETCH_DO.*PROXY_FETCH_QUEUE/);
  });

  it('of the object, nothing can be asked', async () => {
    const caller = { env: { ...neither, PROXY_FETCH_QUEUE: env.PROXY_FETCH_QUEUE } };
    for (const ask of [status, cancel]) {
      const error = await errorOf(ask(caller, 'x'));
      expect(error.code).toBe('no_binding');
      expect(error.detail).toMatch(/PROXY_FETCH_DO.*PROXY_FETCH_QUEUE/);
    }
  });
});
