// What the tests of the object share: the runtime with the worker under test, an upstream, and a client for both.

import { join } from 'node:path';
import { Runtime } from './workerd.ts';
import { Upstream } from './upstream.ts';

const HERE = import.meta.dirname;
const BUILD = join(HERE, '..', '..', 'build');

export interface Item {
  requestId: string;
  attempts: number;
  durationMs: number;
  error?: { code: string; message: string };
  response?: { status: number; headers: [string, string][]; bytes: number; text: string };
  threw?: boolean;
  hung?: boolean;
  again?: number;
  path?: string;
  json?: Record<string, unknown>;
}

export const OPEN = {
  PROXY_FETCH_ALLOW_PRIVATE_ADDRESSES: 'true',
  PROXY_FETCH_CALLBACKS: 'ORIGIN.onResult ORIGIN.onSlow ORIGIN.onThrow ORIGIN.onHang ORIGIN.onAgain ORIGIN./results ORIGIN./refuse ORIGIN.missing GONE.*',
};

export class Bench {
  readonly runtime: Runtime;
  readonly upstream = new Upstream();
  originId = '';

  constructor(vars: Record<string, string> = {}) {
    this.runtime = new Runtime({
      modules: {
        'entry.js': join(HERE, '..', 'fixtures', 'entry.js'),
        'index.js': join(BUILD, 'index.js'),
        './index_bg.wasm': join(BUILD, 'index_bg.wasm'),
      },
      objects: { PROXY_FETCH_DO: 'ProxyFetchDO', ORIGIN: 'Origin', CHAOS_DO: 'ChaosDO' },
      vars: { ...OPEN, ...vars },
    });
  }

  static async open(vars: Record<string, string> = {}): Promise<Bench> {
    const bench = new Bench(vars);
    await bench.upstream.start();
    await bench.runtime.start();
    bench.originId = (await bench.get('/origin/main/id')) as string;
    return bench;
  }

  async get(path: string): Promise<unknown> {
    const response = await fetch(this.runtime.url + path);
    const text = await response.text();
    if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${text}`);
    return JSON.parse(text);
  }

  async call(method: string, path: string, body?: unknown, name = 'proxy-fetch-global', room = 'proxy') {
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    const init: RequestInit = text === undefined ? { method } : { method, body: text };
    const response = await fetch(`${this.runtime.url}/${room}/${name}${path}`, init);
    const answer = await response.text();
    return { status: response.status, json: JSON.parse(answer) as any };
  }

  callback(method = 'onResult', binding = 'ORIGIN') {
    return { binding, object: this.originId, method };
  }

  /** Hands a request in that calls the origin back. */
  submit(request: Record<string, unknown>, name?: string, room?: string) {
    return this.call('POST', '/v1/fetches', { callback: this.callback(), ...request }, name, room);
  }

  /** What `onSlow` and `onAgain` of the origin call. */
  async tellOrigin(url: string): Promise<void> {
    await fetch(`${this.runtime.url}/origin/main/again`, { method: 'POST', body: url });
  }

  async items(): Promise<Item[]> {
    return (await this.get('/origin/main/items')) as Item[];
  }

  /** The items of these requests, once all are there. */
  async itemsOf(ids: string[], withinMs = 60_000): Promise<Item[]> {
    const found = await this.until(async () => {
      const items = await this.items();
      const all = ids.map((id) => items.find((item) => (item.requestId ?? item.json?.['request_id']) === id));
      return all.every((item) => item !== undefined) ? (all as Item[]) : undefined;
    }, withinMs);
    return found;
  }

  async itemOf(id: string, withinMs?: number): Promise<Item> {
    const [item] = await this.itemsOf([id], withinMs);
    return item as Item;
  }

  async until<T>(look: () => Promise<T | undefined>, withinMs = 60_000): Promise<T> {
    const end = Date.now() + withinMs;
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      if (Date.now() > end) throw new Error(`not within ${withinMs} ms. The runtime's log:\n${this.runtime.log.slice(-4000)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async dispose(): Promise<void> {
    await this.runtime.dispose();
    await this.upstream.dispose();
  }
}

/** A test with a runtime of its own. */
export function withBench(vars: Record<string, string>, test: (bench: Bench) => Promise<void>): () => Promise<void> {
  return async () => {
    const bench = await Bench.open(vars);
    try {
      await test(bench);
    } finally {
      await bench.dispose();
    }
  };
}
