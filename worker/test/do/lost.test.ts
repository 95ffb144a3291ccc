// A lost reply is asked for again with the same id; what is refused is not.

import { env } from 'cloudflare:workers';
import { cancel, proxyFetch, proxyFetchQueue, status } from 'proxy-fetch';
import { describe, expect, inject, it } from 'vitest';
import { type Call, errorOf, inside, itemOf, watched } from './calling.ts';

const upstream = inject('upstream');

const idsOf = ({ requests }: Call) => requests.map(({ request_id }) => request_id);

/** An answer of the object to several, each a status or an id. */
function answers(each: (number | string)[], code = 'store_failed'): Response {
  return Response.json(
    each.map((one) => (typeof one === 'string' ? { request_id: one } : { status: one, code, detail: 'by the test' })),
  );
}

describe('a lost reply', () => {
  it('is asked for again with the same id, from a new stub, and fetched once', async () => {
    let left = 2;
    const { calls, env: broken } = watched(async (_, forward) => {
      const response = await forward();
      await response.text();
      left -= 1;
      if (left >= 0) throw new Error('Network connection lost.');
      return answers(['lost-1']);
    });
    const began = performance.now();
    const id = await inside('lost', broken, (caller) =>
      proxyFetch(caller, `${upstream}/lost`, 'ORIGIN', 'onResult', { requestId: 'lost-1' }),
    );
    expect(id).toBe('lost-1');
    expect(calls.map(idsOf)).toEqual([['lost-1'], ['lost-1'], ['lost-1']]);
    // 50 ms and 100 ms; timers may be early by a fraction.
    expect(performance.now() - began).toBeGreaterThanOrEqual(148);
    expect(await itemOf('lost', id)).toMatchObject({ attempts: 1, response: { status: 200 } });
    const hits = await fetch(`${upstream}/hits`, { method: 'POST', body: '/lost' });
    expect(await hits.json()).toHaveLength(1);
  });

  it('keeps an id that nobody gave', async () => {
    let left = 1;
    const { calls, env: broken } = watched(async (_, forward) => {
      left -= 1;
      if (left >= 0) throw new Error('Network connection lost.');
      return forward();
    });
    const id = await inside('lost', broken, (caller) => proxyFetch(caller, `${upstream}/unnamed`));
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(calls.map(idsOf)).toEqual([[id], [id]]);
  });

  it('is an error after three tries, which says that it may have been taken', async () => {
    const { calls, env: broken } = watched(async () => {
      throw new Error('Network connection lost.');
    });
    const error = await inside('lost', broken, (caller) =>
      errorOf(proxyFetch(caller, `${upstream}/never`, 'ORIGIN', 'onResult', { requestId: 'lost-3' })),
    );
    expect(error).toMatchObject({ code: 'lost', requestId: 'lost-3', mayHaveBeenAccepted: true });
    expect(error.detail).toContain('Network connection lost.');
    expect(calls).toHaveLength(3);
  });

  it('is not asked for again if the object is overloaded', async () => {
    const { calls, env: broken } = watched(async () => {
      throw Object.assign(new Error('Durable Object is overloaded.'), { overloaded: true, retryable: true });
    });
    const error = await inside('lost', broken, (caller) => errorOf(proxyFetch(caller, `${upstream}/never`)));
    expect(error).toMatchObject({ code: 'lost', mayHaveBeenAccepted: true });
    expect(calls).toHaveLength(1);
  });

  it('may be one of several: only that one is asked for again', async () => {
    const replies = [['a', 503, 409, 503], [503, 'd'], ['b']];
    const { calls, env: broken } = watched(async () => {
      const reply = replies.shift();
      if (reply === undefined) throw new Error('a fourth try');
      return answers(reply);
    });
    const ended = await inside('lost', broken, (caller) =>
      Promise.all(
        ['a', 'b', 'c', 'd'].map(async (requestId) => {
          const call = proxyFetch(caller, `${upstream}/never`, 'ORIGIN', 'onResult', { requestId });
          return call.catch(async () => (await errorOf(call)).status);
        }),
      ),
    );
    expect(ended).toEqual(['a', 'b', 409, 'd']);
    expect(calls.map(idsOf)).toEqual([['a', 'b', 'c', 'd'], ['b', 'd'], ['b']]);
  });

  it('is a 503 of the whole call too, but not a full queue', async () => {
    const full = watched(async () => answers([503], 'queue_full'));
    const refused = await inside('lost', full.env, (caller) => errorOf(proxyFetch(caller, `${upstream}/never`)));
    expect(refused).toMatchObject({ code: 'queue_full', status: 503, mayHaveBeenAccepted: false });
    expect(full.calls).toHaveLength(1);
    const reset = watched(async () => new Response('the object was reset', { status: 503 }));
    const lost = await inside('lost', reset.env, (caller) => errorOf(proxyFetch(caller, `${upstream}/never`)));
    expect(lost).toMatchObject({ code: 'lost', status: 503, mayHaveBeenAccepted: true });
    expect(reset.calls).toHaveLength(3);
  });

  it('of a question is asked for again too', async () => {
    let left = 0;
    const { calls, env: broken } = watched(async (_, forward) => {
      left -= 1;
      if (left >= 0) throw new Error('Network connection lost.');
      return forward();
    });
    await inside('lost', broken, async (caller) => {
      const id = await proxyFetch(caller, `${upstream}/hang`);
      left = 2;
      expect((await status(caller, id)).state).toBe('in_flight');
      left = 1;
      await cancel(caller, id);
      left = 3;
      expect(await errorOf(status(caller, id))).toMatchObject({ code: 'lost', requestId: id });
    });
    expect(calls.map(({ method }) => method).join(' ')).toBe('POST GET GET GET DELETE DELETE GET GET GET');
  });
});

describe('a send to the queue that fails', () => {
  it('is made again with the same message, and is an error after three tries', async () => {
    const sent: string[] = [];
    let left = 2;
    const broken = {
      ...env,
      PROXY_FETCH_DO: undefined,
      PROXY_FETCH_QUEUE: {
        async sendBatch(batch: { body: Uint8Array }[]) {
          sent.push(batch.map(({ body }) => btoa(String.fromCharCode(...body))).join());
          left -= 1;
          if (left >= 0) throw new Error('Queue is overloaded. Please back off.');
        },
      },
    };
    const id = await inside('lost', broken, (caller) => proxyFetchQueue(caller, `${upstream}/never`, { requestId: 'sent' }));
    expect(id).toBe('sent');
    expect(sent).toHaveLength(3);
    // Its ULID too.
    expect(new Set(sent).size).toBe(1);
    left = 3;
    const error = await inside('lost', broken, (caller) => errorOf(proxyFetch(caller, `${upstream}/never`)));
    expect(error).toMatchObject({ code: 'lost', mayHaveBeenAccepted: true });
    expect(sent).toHaveLength(6);
  });
});
