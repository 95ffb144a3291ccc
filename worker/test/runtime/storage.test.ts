// What the object finds when it starts: old rows, damaged rows, rows of another version; and what its settings say.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { type Bench, withBench } from './bench.ts';

/** Row keys begin with the number of their table. */
const REQUESTS = 1;
const QUARANTINE = 4;

/** The object's database; the runtime must be down. */
function database(bench: Bench): DatabaseSync {
  const folder = join(bench.runtime.disk, 'ProxyFetchDO');
  const [file] = readdirSync(folder).filter((name) => name.endsWith('.sqlite') && name !== 'metadata.sqlite');
  if (file === undefined) throw new Error('no database');
  return new DatabaseSync(join(folder, file));
}

/** Hands in one that is held and 6 more (5 run, 2 wait), and kills the runtime. */
async function interrupt(bench: Bench): Promise<string[]> {
  const url = bench.upstream.on('/held', () => {});
  const ids = Array.from({ length: 7 }, (_, n) => `held-${n}`);
  const options = { retry_delay_ms: 100, max_retry_delay_ms: 100 };
  for (const request_id of ids) assert.equal((await bench.submit({ url, request_id, options })).status, 202);
  await bench.until(async () => (bench.upstream.hitsOf('/held').length === 5 ? true : undefined));
  await bench.runtime.kill();
  bench.upstream.on('/held', (_, response) => void response.end('at last'));
  return ids;
}

describe('what is stored', { concurrency: true }, () => {
  it('ends as expired what is 30 minutes old', withBench({}, async (bench) => {
    const ids = await interrupt(bench);
    await bench.runtime.start();
    // Its alarm, stored for the 30 s of the heartbeat, wakes it in a world that is 31 minutes older.
    await bench.get(`/chaos/skewMs/${31 * 60_000}`);
    for (const item of await bench.itemsOf(ids)) assert.equal(item.error?.code, 'expired');
    assert.equal(bench.upstream.hitsOf('/held').length, 5, 'none was sent again');
  }));

  it('goes on after SIGTERM, and wakes by itself', withBench({}, async (bench) => {
    const ids = await interrupt(bench);
    await bench.runtime.start();
    await bench.runtime.terminate();
    await bench.runtime.start();
    for (const item of await bench.itemsOf(ids)) assert.equal(item.response?.text, 'at last');
  }));

  it('ends a damaged request as unreadable, and leaves rows of another version alone', withBench({}, async (bench) => {
    const ids = await interrupt(bench);
    const db = database(bench);
    const keys = (db.prepare('SELECT key FROM proxy_fetch_rows ORDER BY key').all() as { key: Uint8Array }[])
      .map(({ key }) => key)
      .filter((key) => key[0] === REQUESTS);
    const set = (key: Uint8Array | undefined, hex: string) =>
      db.prepare('UPDATE proxy_fetch_rows SET value = ? WHERE key = ?').run(Buffer.from(hex, 'hex'), key ?? null);
    set(keys[0], '01ffff');
    set(keys[1], '63aabb');
    const payload = Buffer.from(keys[2]?.subarray(1) ?? []);
    db.prepare('UPDATE proxy_fetch_payloads SET value = ? WHERE key = ?').run(Buffer.from('01ffff', 'hex'), payload);
    db.close();
    await bench.runtime.start();
    const rest = [ids[0], ...ids.slice(3)] as string[];
    const [damaged, ...others] = await bench.itemsOf(rest);
    assert.equal(damaged?.error?.code, 'unreadable');
    for (const item of others) assert.equal(item.response?.text, 'at last');
    const unreadable = await bench.until(async () => {
      const { json } = await bench.call('GET', `/v1/fetches/${ids[2]}`);
      return json.state === 'finished' ? json : undefined;
    });
    assert.deepEqual([unreadable.outcome, unreadable.error], ['failed', 'unreadable_request']);
    await bench.runtime.kill();
    const after = database(bench);
    const found = after.prepare('SELECT hex(key) AS key, hex(value) AS value FROM proxy_fetch_rows').all();
    after.close();
    const hex = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('hex').toUpperCase();
    assert.ok(found.some((row) => row['key'] === hex(keys[1]) && row['value'] === '63AABB'), 'kept as it was');
    const quarantined = found.filter((row) => String(row['key']).startsWith(`0${QUARANTINE}`));
    assert.deepEqual(quarantined.map((row) => row['value']), ['01FFFF']);
  }));

  it('recovers from a panic in the wasm instance', withBench({}, async (bench) => {
    const url = bench.upstream.on('/slow', (_, response) => void setTimeout(() => response.end('slow'), 300));
    const options = { retry_delay_ms: 100, max_retry_delay_ms: 100 };
    for (const request_id of ['a', 'b']) await bench.submit({ url, request_id, options });
    await bench.get('/chaos/random/true');
    const panicked = await fetch(`${bench.runtime.url}/proxy/proxy-fetch-global/v1/fetches`, {
      method: 'POST',
      body: JSON.stringify({ url, request_id: 'c', callback: bench.callback() }),
    });
    assert.equal(panicked.status, 500);
    assert.match(bench.runtime.log, /Rust panic/);
    // The caller repeats it; that call finds the object reset, and the two others interrupted.
    assert.equal((await bench.submit({ url, request_id: 'c', options })).status, 202);
    for (const item of await bench.itemsOf(['a', 'b', 'c'])) assert.equal(item.response?.text, 'slow');
    const { json } = await bench.call('GET', '/v1/stats');
    assert.equal(json.epoch, 2);
  }));

  it('is woken by any call after its alarm handler failed seven times', { timeout: 240_000 }, withBench({}, async (bench) => {
    const url = bench.upstream.on('/fails', (_, response, nth) => void response.writeHead(nth === 1 ? 503 : 200).end());
    await bench.get('/chaos/alarmFails/true');
    const options = { retry_delay_ms: 100, max_retry_delay_ms: 100 };
    await bench.submit({ url, request_id: 'late', options }, 'one', 'chaotic');
    // 2 + 4 + … + 64 s, and up to a quarter more.
    await bench.until(async () => {
      const { alarmRuns } = (await bench.get('/chaos/show')) as { alarmRuns: number };
      return alarmRuns >= 7 ? true : undefined;
    }, 200_000);
    await bench.get('/chaos/alarmFails/false');
    assert.equal(bench.upstream.hitsOf('/fails').length, 1);
    const { json } = await bench.call('GET', '/v1/fetches/late', undefined, 'one', 'chaotic');
    assert.equal(json.request_id, 'late');
    const item = await bench.itemOf('late');
    assert.deepEqual([item.attempts, item.response?.status], [2, 200]);
  }));

  it('refuses more than it may hold', withBench({ PROXY_FETCH_MAX_LIVE: '3' }, async (bench) => {
    const url = bench.upstream.on('/held', () => {});
    for (const request_id of ['a', 'b', 'c']) assert.equal((await bench.submit({ url, request_id })).status, 202);
    const { status, json } = await bench.submit({ url, request_id: 'd' });
    assert.deepEqual([status, json.code], [503, 'queue_full']);
    assert.match(json.detail, /3 requests/);
  }));

  it('forgets no id early: it refuses others, and says when there is room', withBench({ PROXY_FETCH_MAX_KNOWN: '2' }, async (bench) => {
    const url = bench.upstream.on('/quick', (_, response) => void response.writeHead(200).end());
    const options = { at_most_once: true };
    for (const request_id of ['a', 'b']) assert.equal((await bench.submit({ url, request_id, options })).status, 202);
    await bench.itemsOf(['a', 'b']);
    for (const request_id of ['c', 'd', 'e']) {
      const { status, json } = await bench.submit({ url, request_id, options });
      assert.deepEqual([status, json.code], [503, 'queue_full']);
      assert.ok(json.retry_after_ms > 200_000 && json.retry_after_ms <= 300_000, JSON.stringify(json));
    }
    assert.equal((await bench.submit({ url, request_id: 'a', options })).status, 202);
    assert.equal(bench.upstream.hitsOf('/quick').length, 2);
  }));

  it('refuses private addresses, literal and named', withBench({ PROXY_FETCH_ALLOW_PRIVATE_ADDRESSES: 'false' }, async (bench) => {
    for (const host of ['127.0.0.1', '[::1]', 'localhost', '10.1.2.3', '169.254.169.254', '0x7f.1', 'a.internal']) {
      const { status, json } = await bench.submit({ url: `http://${host}:${bench.upstream.port}/` });
      assert.deepEqual([status, json.code, json.field], [403, 'not_allowed', 'url'], host);
    }
  }));

  it('says which setting is wrong', withBench({ PROXY_FETCH_MAX_LIVE: 'many' }, async (bench) => {
    const { status, json } = await bench.submit({ url: 'https://example.com/' });
    assert.deepEqual([status, json.code], [500, 'unusable']);
    assert.match(json.detail, /PROXY_FETCH_MAX_LIVE: "many" is no number from 1 to 1000000/);
  }));
});
