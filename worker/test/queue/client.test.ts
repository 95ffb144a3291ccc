// The packed package in a project of its own: its types, its bundle, and under `wrangler dev` the variant that
// `proxyFetch` takes by the bindings that exist.

import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { Upstream } from '../runtime/upstream.ts';
import { freePort } from '../runtime/workerd.ts';

interface Item {
  requestId: string;
  fields: string[];
  types: unknown[];
  attempts: number;
  status: number;
  text: string;
}

const run = promisify(execFile);
const WORKER = join(import.meta.dirname, '..', '..');
const MODULES = join(WORKER, 'node_modules');
const WRANGLER = join(MODULES, 'wrangler', 'bin', 'wrangler.js');
const ENVIRONMENT = { ...process.env, WRANGLER_SEND_METRICS: 'false', CI: '1', NO_COLOR: '1' };

const upstream = new Upstream();
const project = mkdtempSync(join(tmpdir(), 'proxy-fetch-project-'));
let child: ChildProcess | undefined;
let url = '';
let log = '';

/** A project that has installed what `npm pack` made, with the page's examples in it. */
async function install(): Promise<void> {
  await run('npm', ['pack', '--silent', '--pack-destination', project], { cwd: join(WORKER, 'npm') });
  const packed = readdirSync(project).find((name) => name.endsWith('.tgz'));
  if (packed === undefined) throw new Error('npm packed nothing');
  const modules = join(project, 'node_modules');
  const installed = join(modules, 'proxy-fetch');
  mkdirSync(installed, { recursive: true });
  await run('tar', ['xf', join(project, packed), '-C', installed, '--strip-components=1']);
  symlinkSync(join(MODULES, '@cloudflare'), join(modules, '@cloudflare'));
  for (const folder of ['do/examples', 'queue/client']) cpSync(join(WORKER, 'test', folder), project, { recursive: true });
}

async function develop(): Promise<void> {
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  const configs = ['both', 'queue-only', 'neither'].flatMap((name) => ['--config', join(project, `${name}.jsonc`)]);
  const flags = ['--port', `${port}`, '--inspector-port', '0', '--ip', '127.0.0.1', '--persist-to', join(project, 'state')];
  const dev = spawn(process.execPath, [WRANGLER, 'dev', ...configs, ...flags, '--show-interactive-dev-session=false'], {
    cwd: project,
    env: ENVIRONMENT,
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own: wrangler starts the runtime as a child of its own.
    detached: true,
  });
  child = dev;
  await new Promise<void>((resolve, reject) => {
    const hear = (chunk: Buffer) => {
      log += chunk.toString();
      if (log.includes('Ready on')) resolve();
    };
    dev.stdout.on('data', hear);
    dev.stderr.on('data', hear);
    dev.on('exit', (code) => reject(new Error(`wrangler ended (${code}): ${log}`)));
    setTimeout(() => reject(new Error(`wrangler is not ready: ${log}`)), 60_000).unref();
  });
}

before(async () => {
  await upstream.start();
  await install();
  await develop();
});

after(async () => {
  if (child?.pid !== undefined && child.exitCode === null) {
    child.removeAllListeners('exit');
    const ended = once(child, 'exit');
    process.kill(-child.pid, 'SIGTERM');
    await ended;
  }
  await upstream.dispose();
  rmSync(project, { recursive: true, force: true });
});

async function post<T>(path: string, body = ''): Promise<T> {
  const response = await fetch(`${url}${path}`, { method: 'POST', body });
  const text = await response.text();
  assert.equal(response.status, 200, `${text}\n${log.slice(-3000)}`);
  return JSON.parse(text) as T;
}

/** Calls in this worker, and waits for the item. */
async function fetched(worker: string, path: string): Promise<Item> {
  const answer = await post<{ requestId?: string; error?: string }>(`/${worker}/call`, upstream.url(path));
  assert.ok(answer.requestId !== undefined, answer.error);
  const end = Date.now() + 20_000;
  for (;;) {
    const items = await post<Item[]>(`/${worker}/items`);
    const item = items.find(({ requestId }) => requestId === answer.requestId);
    if (item !== undefined) return item;
    if (Date.now() > end) throw new Error(`no item of ${answer.requestId}: ${JSON.stringify(items)}\n${log.slice(-3000)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe('the packed package', () => {
  it('has the types that a project needs', async () => {
    const compiler = join(MODULES, '.bin', 'tsc');
    const check = run(compiler, ['-p', join(project, 'project.json')]);
    const checked = await check.catch((error: unknown) => error as { stdout: string });
    assert.equal(checked.stdout, '');
  });

  it("is bundled with the page's first example and configuration", async () => {
    const out = join(project, 'out');
    const flags = ['deploy', '--dry-run', '--config', join(project, 'wrangler.jsonc'), '--outdir', out];
    const { stdout } = await run(process.execPath, [WRANGLER, ...flags], { cwd: project, env: ENVIRONMENT });
    assert.match(stdout, /PROXY_FETCH_DO/);
    assert.ok(existsSync(join(out, 'first.js')), stdout);
    assert.ok(readdirSync(out).some((name) => name.endsWith('index_bg.wasm')), stdout);
  });
});

describe('its client of the object alone', () => {
  it('leaves the compiled code out', async () => {
    // A .wasm in it would be an error: nothing says how to load one.
    const contents = "export * from 'proxy-fetch/do'";
    const built = await build({ stdin: { contents, resolveDir: project }, bundle: true, write: false, format: 'esm' });
    assert.match(built.outputFiles[0]?.text ?? '', /proxyFetchDO/);
  });
});

describe('proxyFetch', () => {
  it('takes the object if both bindings exist, else the queue; the item has the same shape', async () => {
    const both = await fetched('both', '/both');
    const queued = await fetched('queue-only', '/queued');
    assert.deepEqual(both.fields, ['attempts', 'durationMs', 'requestId', 'response']);
    assert.deepEqual(both.types, ['number', 'number', true]);
    assert.deepEqual([both.attempts, both.status, both.text], [1, 200, 'answer of /both']);
    assert.deepEqual([queued.attempts, queued.status, queued.text], [1, 200, 'answer of /queued']);
    assert.deepEqual([queued.fields, queued.types], [both.fields, both.types]);
  });

  it('names both bindings if neither exists', async () => {
    const { error } = await post<{ error: string }>('/neither/call', upstream.url('/never'));
    assert.match(error, /PROXY_FETCH_DO.*PROXY_FETCH_QUEUE/);
    assert.equal(upstream.hitsOf('/never').length, 0);
  });
});
