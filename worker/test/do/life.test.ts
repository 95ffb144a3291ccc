// The life of a request that an object hands over: what is sent, and what its handler gets.

import { env } from 'cloudflare:workers';
import { runInDurableObject } from 'cloudflare:test';
import { type ProxyFetchOptions, type ProxyFetchRequest, proxyFetch, proxyFetchQueue, status } from 'proxy-fetch';
import { describe, expect, inject, it, vi } from 'vitest';
import { itemOf } from './calling.ts';
import type { Kept } from './origin.ts';

const upstream = inject('upstream');
const echo = inject('echo');

/** Hands a request over as the object `main`, and waits for its item. */
async function fetched(request: ProxyFetchRequest, options?: ProxyFetchOptions): Promise<Kept> {
  const id = await runInDurableObject(env.ORIGIN.getByName('main'), (origin) =>
    proxyFetch(origin, request, 'ORIGIN', 'onResult', options ?? {}),
  );
  return itemOf('main', id);
}

interface Hit {
  headers: Record<string, string>;
}

async function hits(path: string): Promise<Hit[]> {
  return (await fetch(`${upstream}/hits`, { method: 'POST', body: path })).json();
}

describe('a request', () => {
  it('ends in its handler, with a real Response', async () => {
    const item = await fetched(`${upstream}/life`);
    expect(item.keys).toEqual(['attempts', 'durationMs', 'requestId', 'response']);
    expect(item.response).toMatchObject({ status: 200, text: 'answer of /life' });
    expect(item.attempts).toBe(1);
    expect(item.durationMs).toBeGreaterThanOrEqual(0);
    expect(await hits('/life')).toHaveLength(1);
  });

  it('ends with an error that has a name, or with a response of whatever status', async () => {
    const late = await fetched(`${upstream}/hang`, { timeoutMs: 200, maxRetries: 0 });
    expect(late.keys).toEqual(['attempts', 'durationMs', 'error', 'requestId']);
    expect(late).toMatchObject({ code: 'timed_out', attempts: 1 });
    expect(late.message).toContain('timed_out');
    const down = await fetched(`${upstream}/down`, { maxRetries: 1, retryDelayMs: 100 });
    expect(down).toMatchObject({ attempts: 2, response: { status: 500, text: 'down' } });
    const once = await fetched(`${upstream}/down`, { retryOn5xx: false });
    expect(once).toMatchObject({ attempts: 1, response: { status: 500 } });
  });

  it('may have nobody to call back', async () => {
    const id = await runInDurableObject(env.ORIGIN.getByName('silent'), (origin) =>
      proxyFetch(origin, `${upstream}/silent`, { requestId: 'silent-1' }),
    );
    expect(id).toBe('silent-1');
    await vi.waitFor(async () => {
      const how = await status({ env }, id);
      expect(how).toMatchObject({ state: 'finished', outcome: 'response', response: { status: 200 }, attempts: 1 });
    });
    expect(await hits('/silent')).toHaveLength(1);
    expect(await env.ORIGIN.getByName('silent').kept(id)).toEqual([]);
  });

  it('is the same one when its id is repeated', async () => {
    const twice = [1, 2].map(() => fetched(`${upstream}/twice`, { requestId: 'twice-1' }));
    const [one, other] = await Promise.all(twice);
    expect(one?.requestId).toBe('twice-1');
    expect(other).toEqual(one);
    expect(await hits('/twice')).toHaveLength(1);
  });
});

describe('what is sent', () => {
  const bytes = Uint8Array.of(0, 255, 0xc3, 0x28, 10);
  const form = new FormData();
  form.set('name', 'value');
  const POST = { url: echo, method: 'POST' };
  const TEXT = 'text/plain;charset=UTF-8';
  const FORM = 'application/x-www-form-urlencoded;charset=UTF-8';
  const JSON_TYPE = { 'Content-Type': 'application/json' };
  const cases: [string, () => ProxyFetchRequest, string | RegExp, string | RegExp][] = [
    ['a text', () => ({ ...POST, body: 'grüße\n"\\' }), 'grüße\n"\\', TEXT],
    ['control characters', () => ({ ...POST, body: '\u0001'.repeat(300) }), '\u0001'.repeat(300), TEXT],
    ['half a pair, as fetch sends it', () => ({ ...POST, body: 'half a pair: \ud800' }), 'half a pair: \ufffd', TEXT],
    ['a byte order mark', () => ({ ...POST, body: Uint8Array.of(0xef, 0xbb, 0xbf, 120) }), '\ufeffx', 'none'],
    ['parameters', () => ({ ...POST, body: new URLSearchParams({ a: 'ä' }) }), 'a=%C3%A4', FORM],
    ['a form', () => ({ ...POST, body: form }), /name="name"\s+value/, /^multipart\/form-data; ?boundary=/],
    ['a blob', () => ({ ...POST, body: new Blob(['blob'], { type: 'text/css' }) }), 'blob', 'text/css'],
    ['a stream', () => ({ ...POST, body: new Blob(['stream']).stream() }), 'stream', 'none'],
    ['an own content type', () => ({ ...POST, body: '{}', headers: JSON_TYPE }), '{}', 'application/json'],
    ['a Request', () => new Request(echo, { method: 'PUT', body: 'put' }), 'put', TEXT],
    ['a URL', () => new URL(echo), '', 'none'],
  ];
  it.each(cases)('%s', async (_, request, text, type) => {
    // Made inside: a body belongs to the object that it was made in.
    const [id, method] = await runInDurableObject(env.ORIGIN.getByName('echo'), async (origin) => {
      const made = request();
      const method = typeof made === 'string' || made instanceof URL ? 'GET' : made.method;
      return [await proxyFetch(origin, made, 'ORIGIN', 'onResult'), method] as const;
    });
    const { response } = await itemOf('echo', id);
    if (text instanceof RegExp) expect(response?.text).toMatch(text);
    else expect(response?.text).toBe(text);
    if (type instanceof RegExp) expect(response?.sentType).toMatch(type);
    else expect(response?.sentType).toBe(type);
    expect(response?.sentMethod).toBe(method);
  });

  it.each([
    ['object', proxyFetch],
    ['queue', proxyFetchQueue],
  ])('bytes that are no text, and headers, by the %s', async (variant, send) => {
    const requestId = `bytes-${variant}`;
    const view = new DataView(bytes.buffer, 1, 3);
    const request = { ...POST, body: view, headers: [['X-Mark', variant]] as [string, string][] };
    await runInDurableObject(env.ORIGIN.getByName('bytes'), (origin) =>
      send(origin, request, 'ORIGIN', 'onResult', { requestId }),
    );
    const { response } = await itemOf('bytes', requestId);
    expect(response?.hex).toBe('ffc328');
    expect(response?.mark).toBe(variant);
  });
});
