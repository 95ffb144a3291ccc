// The object on the real runtime: the life of a request, and what bounds it. One runtime, many requests at once.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { Bench } from './bench.ts';
import { freePort } from './workerd.ts';

let bench: Bench;
before(async () => {
  bench = await Bench.open();
});
after(() => bench.dispose());

const QUICK = { retry_delay_ms: 100, max_retry_delay_ms: 100 };
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
/** Tests share the runtime; an object of its own keeps the slots of one test from the others. */
const own = (name: string) => `object-${name}`;

describe('the object', { concurrency: true }, () => {
  it('fetches and calls back with a real Response', async () => {
    const url = bench.upstream.on('/life', ({ headers, method, body }, response) => {
      response.writeHead(201, { 'content-type': 'text/plain', 'x-answer': 'yes', connection: 'keep-alive' });
      response.end(`${method} ${headers['x-ask']} ${headers['idempotency-key'] !== undefined} ${headers['cf-x']} ${body}`);
    });
    const headers = { 'x-ask': 'why', 'cf-x': 'dropped', connection: 'x-hop', 'x-hop': 'dropped' };
    const accepted = await bench.submit({ url, method: 'POST', headers, body: 'péché', request_id: 'life' });
    assert.deepEqual(accepted, { status: 202, json: { request_id: 'life' } });
    const item = await bench.itemOf('life');
    assert.equal(item.attempts, 1);
    assert.ok(item.durationMs >= 0 && item.durationMs < 10_000);
    assert.equal(item.error, undefined);
    assert.equal(item.response?.status, 201);
    assert.equal(item.response?.text, 'POST why true undefined péché');
    const names = item.response?.headers.map(([name]) => name) ?? [];
    assert.ok(names.includes('x-answer') && !names.includes('connection'), names.join());
    assert.equal(bench.upstream.hitsOf('/life')[0]?.headers['x-hop'], undefined);
    const status = await bench.call('GET', '/v1/fetches/life');
    assert.deepEqual([status.json.state, status.json.outcome, status.json.response.status], ['finished', 'response', 201]);
  });

  it('carries bytes that are no text, both ways', async () => {
    const url = bench.upstream.on('/bytes', (_, response) => void response.end(Buffer.from([0, 255, 254])));
    await bench.submit({ url, method: 'PUT', body: { base64: '/wD+' }, request_id: 'bytes' });
    assert.equal((await bench.itemOf('bytes')).response?.bytes, 3);
  });

  it('reads what is compressed, and hands on what it was', async () => {
    const url = bench.upstream.on('/gzip', (_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' });
      response.end(gzipSync('plain text'));
    });
    await bench.submit({ url, request_id: 'gzip' });
    assert.equal((await bench.itemOf('gzip')).response?.text, 'plain text');
  });

  it('hands on an empty answer and one to HEAD', async () => {
    const url = bench.upstream.on('/empty', ({ method }, response) => {
      response.writeHead(method === 'HEAD' ? 200 : 204, method === 'HEAD' ? { 'content-length': '9999999' } : {});
      response.end();
    });
    await bench.submit({ url, request_id: 'empty' });
    await bench.submit({ url, method: 'HEAD', request_id: 'head' });
    const [empty, head] = await bench.itemsOf(['empty', 'head']);
    assert.deepEqual([empty?.response?.status, empty?.response?.bytes], [204, 0]);
    assert.deepEqual([head?.response?.status, head?.response?.bytes], [200, 0]);
  });

  it('retries 5xx, and 429 as late as it asks', async () => {
    const url = bench.upstream.on('/retry', (_, response, nth) => {
      if (nth === 1) response.writeHead(503);
      if (nth === 2) response.writeHead(429, { 'retry-after': '1' });
      response.end(`try ${nth}`);
    });
    await bench.submit({ url, request_id: 'retry', options: { ...QUICK, max_retry_delay_ms: 2000 } });
    const item = await bench.itemOf('retry');
    assert.deepEqual([item.attempts, item.response?.text], [3, 'try 3']);
    const hits = bench.upstream.hitsOf('/retry');
    assert.ok((hits[1]?.at ?? 0) - (hits[0]?.at ?? 0) >= 95, 'the backoff');
    assert.ok((hits[2]?.at ?? 0) - (hits[1]?.at ?? 0) >= 995, 'Retry-After');
    assert.equal(new Set(hits.map(({ headers }) => headers['idempotency-key'])).size, 1);
  });

  it('hands on the last answer when no attempt is left, and other failures at once', async () => {
    const down = bench.upstream.on('/down', (_, response) => void response.writeHead(502).end('down'));
    const lost = bench.upstream.on('/lost', (_, response) => void response.writeHead(404).end('lost'));
    await bench.submit({ url: down, request_id: 'down', options: { ...QUICK, max_retries: 1 } });
    await bench.submit({ url: lost, request_id: 'lost' });
    const [one, two] = await bench.itemsOf(['down', 'lost']);
    assert.deepEqual([one?.attempts, one?.response?.status, one?.response?.text], [2, 502, 'down']);
    assert.deepEqual([two?.attempts, two?.response?.status], [1, 404]);
  });

  it('names why there is no response', async () => {
    const hang = bench.upstream.on('/hang', () => {});
    const trickle = bench.upstream.on('/trickle', (_, response) => void response.write('a'));
    const cut = bench.upstream.on('/cut', (_, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => response.destroy());
    });
    const none = { ...QUICK, max_retries: 0 };
    const refused = await freePort();
    const cases: [string, string, string, number][] = [
      ['hang', hang, 'timed_out', 300],
      ['trickle', trickle, 'timed_out', 300],
      ['cut', cut, 'body_broken', 20_000],
      ['refused', `http://127.0.0.1:${refused}/`, 'connection_broken', 20_000],
    ];
    for (const [id, url, , timeout_ms] of cases) {
      await bench.submit({ url, request_id: id, options: { ...none, timeout_ms } }, own('named'));
    }
    for (const [id, , code] of cases) {
      const item = await bench.itemOf(id);
      assert.deepEqual([item.response, item.error?.code], [undefined, code], id);
    }
  });

  it('refuses a body over the bound, declared or not, and compressed', async () => {
    const big = Buffer.alloc(1_048_577, 'x');
    const declared = bench.upstream.on('/declared', (_, response) => {
      response.writeHead(200, { 'content-length': big.length });
      response.end(big);
    });
    const chunked = bench.upstream.on('/chunked', (_, response) => void response.write(big, () => response.end()));
    const bomb = bench.upstream.on('/bomb', (_, response) => {
      const bytes = gzipSync(big);
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': bytes.length });
      response.end(bytes);
    });
    const fits = bench.upstream.on('/fits', (_, response) => void response.end(big.subarray(1)));
    const cases: [string, string][] = [['declared', declared], ['chunked', chunked], ['bomb', bomb], ['fits', fits]];
    for (const [id, url] of cases) await bench.submit({ url, request_id: id }, own('bodies'));
    for (const id of ['declared', 'chunked', 'bomb']) {
      const item = await bench.itemOf(id);
      assert.deepEqual([item.error?.code, item.attempts], ['body_too_large', 1], id);
    }
    assert.equal((await bench.itemOf('fits')).response?.bytes, 1_048_576);
  });

  it('follows redirects, and keeps credentials with their origin', async () => {
    const other = bench.upstream.on('/other', ({ headers }, response) => void response.end(`${headers.authorization}`));
    const there = other.replace('127.0.0.1', 'localhost');
    const first = bench.upstream.on('/first', (_, response) => void response.writeHead(302, { location: there }).end());
    const loop = bench.upstream.on('/loop', (_, response) => void response.writeHead(307, { location: '/loop' }).end());
    const bad = bench.upstream.on('/bad', (_, response) => void response.writeHead(301, { location: 'ftp://x' }).end());
    await bench.submit({ url: first, headers: { authorization: 'secret' }, request_id: 'first' });
    await bench.submit({ url: loop, request_id: 'loop' });
    await bench.submit({ url: bad, request_id: 'bad' });
    const [ok, loops, ftp] = await bench.itemsOf(['first', 'loop', 'bad']);
    assert.equal(ok?.response?.text, 'undefined');
    assert.deepEqual([loops?.error?.code, ftp?.error?.code], ['bad_redirect', 'bad_redirect']);
    assert.equal(bench.upstream.hitsOf('/loop').length, 21);
  });

  it('calls a path of an origin, with JSON', async () => {
    const url = bench.upstream.url('/by-path');
    await bench.submit({ url, request_id: 'by-path', callback: bench.callback('/results') });
    const item = await bench.itemOf('by-path');
    assert.equal(item.path, '/results');
    const { response, ...rest } = item.json as any;
    assert.deepEqual([rest.outcome, rest.attempts, response.status, response.body], ['response', 1, 200, 'answer of /by-path']);
  });

  it('ends a request whose callback fails', async () => {
    const url = bench.upstream.url('/uncalled');
    const cases: [string, Record<string, string>][] = [
      ['throws', bench.callback('onThrow')],
      ['refuses', bench.callback('/refuse')],
      ['missing', bench.callback('missing')],
      ['gone', bench.callback('x', 'GONE')],
    ];
    for (const [id, callback] of cases) await bench.submit({ url, request_id: id, callback }, own('uncalled'));
    for (const [id] of cases) {
      const state = await bench.until(async () => {
        const { json } = await bench.call('GET', `/v1/fetches/${id}`, undefined, own('uncalled'));
        return json.state === 'finished' ? json : undefined;
      });
      assert.equal(state.outcome, 'response', id);
    }
    assert.equal((await bench.items()).filter(({ requestId }) => requestId === 'throws').length, 1);
  });

  it('gives up a callback that never returns, after 30 s', async () => {
    await bench.submit({ url: bench.upstream.url('/hung'), request_id: 'hung', callback: bench.callback('onHang') }, own('hung'));
    const finished = await bench.until(async () => {
      const { json } = await bench.call('GET', '/v1/fetches/hung', undefined, own('hung'));
      return json.state === 'finished' ? json : undefined;
    }, 60_000);
    assert.equal(finished.outcome, 'response');
  });

  it('is called again from within a callback', async () => {
    await bench.tellOrigin(bench.upstream.url('/again'));
    await bench.submit({ url: bench.upstream.url('/once'), request_id: 'once', callback: bench.callback('onAgain') });
    assert.equal((await bench.itemOf('once-again')).response?.text, 'answer of /again');
  });

  it('fetches without calling anybody', async () => {
    await bench.call('POST', '/v1/fetches', { url: bench.upstream.url('/forget'), request_id: 'forget' });
    await bench.until(async () => {
      const { json } = await bench.call('GET', '/v1/fetches/forget');
      return json.state === 'finished' ? true : undefined;
    });
    assert.equal(bench.upstream.hitsOf('/forget').length, 1);
    assert.ok(!(await bench.items()).some(({ requestId }) => requestId === 'forget'));
  });

  it('cancels what waits and what runs', async () => {
    let closed = 0;
    const url = bench.upstream.on('/slow', (_, response) => void response.on('close', () => (closed += 1)));
    const ids = Array.from({ length: 6 }, (_, n) => `slow-${n}`);
    for (const request_id of ids) await bench.submit({ url, request_id }, own('cancel'));
    for (const id of ids) {
      const answer = await bench.call('DELETE', `/v1/fetches/${id}`, undefined, own('cancel'));
      assert.deepEqual(answer, { status: 200, json: { request_id: id, outcome: 'cancelled' } });
    }
    for (const item of await bench.itemsOf(ids)) assert.equal(item.error?.code, 'cancelled');
    const again = await bench.call('DELETE', '/v1/fetches/slow-0', undefined, own('cancel'));
    assert.equal(again.status, 200, 'a repeat gets the same answer');
    await bench.submit({ url: bench.upstream.url('/done'), request_id: 'done' }, own('cancel'));
    await bench.itemOf('done');
    const late = await bench.call('DELETE', '/v1/fetches/done', undefined, own('cancel'));
    assert.deepEqual([late.status, late.json.code], [409, 'too_late']);
    assert.equal((await bench.call('DELETE', '/v1/fetches/nobody', undefined, own('cancel'))).status, 404);
    await bench.until(async () => (closed === bench.upstream.hitsOf('/slow').length ? true : undefined));
  });

  it('takes a repeat for the same, and refuses another request of the same id', async () => {
    const request = { url: bench.upstream.url('/dedupe'), request_id: 'dedupe' };
    const answers = await Promise.all(Array.from({ length: 5 }, () => bench.submit(request)));
    for (const answer of answers) assert.equal(answer.status, 202);
    await bench.itemOf('dedupe');
    assert.equal((await bench.submit(request)).status, 202);
    const other = await bench.submit({ ...request, url: bench.upstream.url('/other-url') });
    assert.deepEqual([other.status, other.json.code, other.json.field], [409, 'conflict', 'request_id']);
    await sleep(300);
    assert.equal(bench.upstream.hitsOf('/dedupe').length, 1);
    assert.equal((await bench.items()).filter(({ requestId }) => requestId === 'dedupe').length, 1);
  });

  it('takes many in one call, each with its answer', async () => {
    const url = bench.upstream.url('/many');
    const callback = bench.callback();
    const requests = [
      { url, request_id: 'many-1', callback },
      { url: 'nonsense', request_id: 'many-2' },
      { url: 7 },
      { url, request_id: 'many-4', callback },
    ];
    const { status, json } = await bench.call('POST', '/v1/fetches', requests);
    assert.equal(status, 200);
    const short = json.map((answer: any) => answer.request_id ?? `${answer.code} ${answer.field}`);
    assert.deepEqual(short, ['many-1', 'invalid url', 'malformed url', 'many-4']);
    await bench.itemsOf(['many-1', 'many-4']);
  });

  it('never has more than 5 at the upstream, and gets 200 requests done', async () => {
    let atOnce = 0;
    let most = 0;
    const url = bench.upstream.on('/five', async (_, response) => {
      atOnce += 1;
      most = Math.max(most, atOnce);
      await sleep(10);
      atOnce -= 1;
      response.end('five');
    });
    const ids = Array.from({ length: 200 }, (_, n) => `five-${n}`);
    const answers = await Promise.all(ids.map((request_id) => bench.submit({ url, request_id }, own('five'))));
    assert.ok(answers.every(({ status }) => status === 202));
    const items = await bench.itemsOf(ids, 60_000);
    assert.ok(items.every((item) => item.response?.text === 'five'));
    assert.equal(bench.upstream.hitsOf('/five').length, 200);
    assert.equal(most, 5);
  });

  it('refuses bad input with the field and its bound, and stores nothing', async () => {
    const url = bench.upstream.url('/never');
    const cases: [unknown, number, string | undefined][] = [
      ['{', 400, undefined],
      ['', 400, undefined],
      [[], 400, undefined],
      [{ url, surprise: 1 }, 400, 'surprise'],
      [{ url: 'file:///etc/passwd' }, 422, 'url'],
      [{ url: `${url}${'x'.repeat(9000)}` }, 422, 'url'],
      [{ url, method: 'CONNECT' }, 422, 'method'],
      [{ url, request_id: 'a b' }, 422, 'request_id'],
      [{ url, request_id: 'x'.repeat(129) }, 422, 'request_id'],
      [{ url, headers: { 'x-a': 'b\r\nx-evil: 1' } }, 422, 'headers'],
      [{ url, headers: { 'bad name': 'b' } }, 422, 'headers'],
      [{ url, body: 'a' }, 422, 'body'],
      [{ url, method: 'POST', body: 'a'.repeat(1_048_577) }, 422, 'body'],
      [{ url, options: { timeout_ms: 99 } }, 422, 'options.timeout_ms'],
      [{ url, options: { max_retries: 11 } }, 422, 'options.max_retries'],
      [{ url, options: { retry_delay_ms: 500, max_retry_delay_ms: 400 } }, 422, 'options.max_retry_delay_ms'],
      [{ url, callback: bench.callback('notAllowed') }, 403, 'callback'],
      [{ url, callback: bench.callback('onResult', 'OTHER') }, 403, 'callback'],
      [{ url, callback_url: 'https://example.com/' }, 403, 'callback_url'],
    ];
    for (const [body, status, field] of cases) {
      const answer = await bench.call('POST', '/v1/fetches', body, own('bad'));
      assert.equal(answer.status, status, JSON.stringify(answer.json));
      if (field !== undefined) assert.ok(answer.json.field?.startsWith(field), JSON.stringify(answer.json));
      assert.ok(answer.json.detail.length > 0 && answer.json.code.length > 0);
    }
    assert.equal((await bench.call('POST', '/v1/fetches', 'x'.repeat(7_000_000), own('bad'))).status, 413);
    assert.equal((await bench.call('GET', '/nothing', undefined, own('bad'))).status, 404);
    assert.equal((await bench.call('PUT', '/v1/fetches', '{}', own('bad'))).status, 405);
    assert.equal((await bench.call('GET', '/v1/fetches/%zz', undefined, own('bad'))).status, 400);
    const stats = await bench.call('GET', '/v1/stats', undefined, own('bad'));
    assert.equal(stats.json.live, 0);
    assert.equal(bench.upstream.hitsOf('/never').length, 0);
  });
});
