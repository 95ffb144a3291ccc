// The Queue variant under `wrangler dev`: miniflare's broker, which keeps messages in memory.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Upstream } from '../runtime/upstream.ts';
import { freePort } from '../runtime/workerd.ts';

interface Item {
  requestId: string;
  attempts: number;
  error?: { code: string };
  response?: { status: number; text: string };
}

const WRANGLER = join(import.meta.dirname, '..', '..', 'node_modules', 'wrangler', 'bin', 'wrangler.js');
const upstream = new Upstream();
const state = mkdtempSync(join(tmpdir(), 'proxy-fetch-wrangler-'));
let child: ChildProcess;
let url = '';
let log = '';
let originId = '';

before(async () => {
  await upstream.start();
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  const config = join(import.meta.dirname, 'wrangler.jsonc');
  const flags = ['--config', config, '--port', `${port}`, '--inspector-port', '0', '--ip', '127.0.0.1', '--persist-to', state];
  child = spawn(process.execPath, [WRANGLER, 'dev', ...flags, '--show-interactive-dev-session=false'], {
    env: { ...process.env, WRANGLER_SEND_METRICS: 'false', CI: '1', NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own: wrangler starts the runtime as a child of its own.
    detached: true,
  });
  const ready = new Promise<void>((resolve, reject) => {
    const hear = (chunk: Buffer) => {
      log += chunk.toString();
      if (log.includes('Ready on')) resolve();
    };
    child.stdout?.on('data', hear);
    child.stderr?.on('data', hear);
    child.on('exit', (code) => reject(new Error(`wrangler ended (${code}): ${log}`)));
    setTimeout(() => reject(new Error(`wrangler is not ready: ${log}`)), 60_000).unref();
  });
  await ready;
  originId = (await (await fetch(`${url}/id`)).json()) as string;
});

after(async () => {
  child.removeAllListeners('exit');
  const ended = once(child, 'exit');
  if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
  await ended;
  await upstream.dispose();
  rmSync(state, { recursive: true, force: true });
});

async function send(request: Record<string, unknown>): Promise<{ status: number; text: string }> {
  const callback = { binding: 'ORIGIN', object: originId, method: 'onResult' };
  const response = await fetch(`${url}/send`, { method: 'POST', body: JSON.stringify({ callback, ...request }) });
  return { status: response.status, text: await response.text() };
}

async function itemsOf(ids: string[], withinMs = 30_000): Promise<Item[]> {
  const end = Date.now() + withinMs;
  for (;;) {
    const items = (await (await fetch(`${url}/items`)).json()) as Item[];
    const found = ids.map((id) => items.find(({ requestId }) => requestId === id));
    if (found.every((item) => item !== undefined)) return found as Item[];
    if (Date.now() > end) throw new Error(`not within ${withinMs} ms: ${JSON.stringify(items)}\n${log.slice(-3000)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe('the queue variant', { concurrency: true }, () => {
  it('fetches and calls back with a real Response', async () => {
    const sent = await send({ url: upstream.url('/life'), request_id: 'life' });
    assert.equal(sent.status, 200, sent.text);
    const [item] = await itemsOf(['life']);
    assert.deepEqual([item?.attempts, item?.response?.status, item?.response?.text], [1, 200, 'answer of /life']);
  });

  it('retries by giving the message back, with the same Idempotency-Key', async () => {
    const answer = upstream.on('/retry', (_, response, nth) => void response.writeHead(nth < 3 ? 503 : 200).end());
    await send({ url: answer, request_id: 'retry', options: { retry_delay_ms: 100, max_retry_delay_ms: 100 } });
    const [item] = await itemsOf(['retry']);
    assert.deepEqual([item?.attempts, item?.response?.status], [3, 200]);
    const hits = upstream.hitsOf('/retry');
    assert.equal(new Set(hits.map(({ headers }) => headers['idempotency-key'])).size, 1);
    assert.ok((hits[1]?.at ?? 0) - (hits[0]?.at ?? 0) >= 995, 'a queue waits in whole seconds');
  });

  it('names a failure', async () => {
    const hang = upstream.on('/hang', () => {});
    await send({ url: hang, request_id: 'hang', options: { timeout_ms: 300, max_retries: 0 } });
    const [item] = await itemsOf(['hang']);
    assert.deepEqual([item?.error?.code, item?.attempts], ['timed_out', 1]);
  });

  it('never has more than 5 of a batch at the upstream', async () => {
    let atOnce = 0;
    let most = 0;
    const five = upstream.on('/five', async (_, response) => {
      atOnce += 1;
      most = Math.max(most, atOnce);
      await new Promise((resolve) => setTimeout(resolve, 30));
      atOnce -= 1;
      response.end('five');
    });
    const ids = Array.from({ length: 20 }, (_, n) => `five-${n}`);
    await Promise.all(ids.map((request_id) => send({ url: five, request_id })));
    for (const item of await itemsOf(ids)) assert.equal(item.response?.text, 'five');
    assert.ok(most <= 5, `${most}`);
  });

  it('refuses what a queue cannot keep or carry, by name', async () => {
    const never = upstream.url('/never');
    const cases: [Record<string, unknown>, string][] = [
      [{ url: never, request_id: 'x', options: { at_most_once: true } }, 'options.at_most_once'],
      [{ url: never, request_id: 'x', method: 'POST', body: 'x'.repeat(120_001) }, 'body'],
      [{ url: never }, 'request_id'],
      [{ url: 'ftp://x', request_id: 'x' }, 'url'],
    ];
    for (const [request, field] of cases) {
      const { status, text } = await send(request);
      assert.equal(status, 422);
      assert.equal((JSON.parse(text) as { field: string }).field, field, text);
    }
    assert.equal(upstream.hitsOf('/never').length, 0);
  });

  it('turns a dead letter into an outcome', async () => {
    // Each delivery is one attempt; the broker has one retry less than the request.
    const down = upstream.on('/down', (_, response) => void response.writeHead(503).end());
    await send({ url: down, request_id: 'down', options: { retry_delay_ms: 100, max_retry_delay_ms: 100, max_retries: 10 } });
    const [item] = await itemsOf(['down'], 60_000);
    assert.equal(item?.error?.code, 'interrupted');
    assert.equal(upstream.hitsOf('/down').length, 4);
  });
});
