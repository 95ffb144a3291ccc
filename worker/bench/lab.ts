// The runtimes under measurement: workerd with the object and its rivals, and the Queue variant under `wrangler dev`.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Runtime, freePort } from '../test/runtime/workerd.ts';
import { median } from './figures.ts';
import type { Stage } from './stage.ts';
import type { Upstream } from './upstream.ts';
import { Wire } from './wire.ts';

/** Who hands requests in, and how. */
export type Kind = 'direct' | 'direct_5' | 'minimal' | 'minimal_5' | 'ours' | 'ours_array' | 'queue_0' | 'queue_1';

export const NAMES: Record<Kind, string> = {
  direct: 'direct fetch',
  direct_5: 'direct fetch, 5 at once',
  minimal: 'minimal object',
  minimal_5: 'minimal object, 5 at once',
  ours: 'our object',
  ours_array: 'our object, 100 in a call',
  queue_0: 'our queue, 0 s',
  queue_1: 'our queue, 1 s',
};

/** A worker that is reached by HTTP. */
export interface Host {
  readonly url: string;
}

let tags = 0;

/** Asks one of the worker's doors. */
export async function ask(host: Host, door: string, params: Record<string, string | number> = {}): Promise<unknown> {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) query.set(name, `${value}`);
  const response = await fetch(`${host.url}/${door}?${query}`);
  const text = await response.text();
  if (!response.ok) throw new Error(`${door}: ${response.status} ${text}`);
  return JSON.parse(text) as unknown;
}

/** The latency of each request, in ms. */
export async function latencies(host: Host, kind: Kind, count: number, callers: number, url: string): Promise<number[]> {
  return (await ask(host, 'latencies', { kind, count, callers, url, tag: `l${(tags += 1)}` })) as number[];
}

/**
 * The same, of one request after the other, timed from outside, since the runtime's clock counts whole milliseconds. The
 * time of a call that makes no request is not in it.
 */
export async function latenciesFromOutside(host: Host, kind: Kind, count: number, url: string): Promise<number[]> {
  const wire = await Wire.open(host.url);
  const time = async (requests: number) => {
    const query = new URLSearchParams({ kind, url, count: `${requests}`, callers: '1', tag: `o${(tags += 1)}` });
    const start = performance.now();
    await wire.get(`/latencies?${query}`);
    return performance.now() - start;
  };
  const empty: number[] = [];
  const times: number[] = [];
  for (let n = 0; n < count; n += 1) {
    empty.push(await time(0));
    times.push(await time(1));
  }
  wire.close();
  const door = median(empty);
  return times.map((ms) => ms - door);
}

/** The time of all requests together, in ms. */
export async function burst(host: Host, kind: Kind, count: number, url: string): Promise<number> {
  return (await ask(host, 'burst', { kind, count, url, tag: `b${(tags += 1)}` })) as number;
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Until our object has nothing left, and whatever may wait for company has been written. */
export async function settled(host: Host): Promise<void> {
  const end = Date.now() + 60_000;
  while (((await ask(host, 'stats')) as { live: number }).live > 0) {
    if (Date.now() > end) throw new Error('the object does not come to rest');
    await sleep(20);
  }
  await sleep(150);
}

export function newRuntime(stage: Stage): Runtime {
  const names = ['entry.js', 'index.js', 'minimal.js', 'origin.js', 'proxy.js'];
  return new Runtime({
    modules: {
      ...Object.fromEntries(names.map((name) => [name, stage.file(name)])),
      './index_bg.wasm': stage.file('index_bg.wasm'),
    },
    objects: { PROXY_FETCH_DO: 'ProxyFetchDO', ORIGIN: 'Origin', MINIMAL: 'Minimal', MINIMAL_FIVE: 'MinimalFive' },
    vars: { PROXY_FETCH_ALLOW_PRIVATE_ADDRESSES: 'true', PROXY_FETCH_CALLBACKS: 'ORIGIN.onResult' },
  });
}

/** Time on processors that a process has used so far, in ms; the kernel counts in steps of 10 ms. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name may hold spaces, and ends with the last parenthesis; utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

const WRANGLER = join(import.meta.dirname, '..', 'node_modules', 'wrangler', 'bin', 'wrangler.js');

/** The Queue variant. */
export class Wrangler {
  #child: ChildProcess | undefined;
  url = '';

  async start(stage: Stage): Promise<void> {
    const port = await freePort();
    this.url = `http://127.0.0.1:${port}`;
    const flags = ['--config', stage.file('wrangler.jsonc'), '--port', `${port}`, '--inspector-port', '0', '--ip', '127.0.0.1'];
    const quiet = ['--persist-to', stage.file('state'), '--show-interactive-dev-session=false'];
    const child = spawn(process.execPath, [WRANGLER, 'dev', ...flags, ...quiet], {
      env: { ...process.env, WRANGLER_SEND_METRICS: 'false', CI: '1', NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own: wrangler starts the runtime as a child of its own.
      detached: true,
    });
    this.#child = child;
    let log = '';
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`wrangler is not ready: ${log}`)), 60_000);
      const hear = (chunk: Buffer) => {
        log += chunk.toString();
        if (!log.includes('Ready on')) return;
        clearTimeout(late);
        resolve();
      };
      child.stdout?.on('data', hear);
      child.stderr?.on('data', hear);
      child.on('exit', (code) => reject(new Error(`wrangler ended (${code}): ${log}`)));
    });
  }

  async dispose(): Promise<void> {
    const child = this.#child;
    if (child?.pid === undefined || child.exitCode !== null) return;
    const ended = once(child, 'exit');
    process.kill(-child.pid, 'SIGTERM');
    await ended;
  }
}

/** What all measurements share. */
export interface Lab {
  stage: Stage;
  upstream: Upstream;
  runtime: Runtime;
  wrangler: Wrangler;
  quick: boolean;
}
