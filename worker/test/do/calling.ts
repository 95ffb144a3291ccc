// How the tests call: from inside an object, with what lies between it and the proxy watched or broken.

import { env } from 'cloudflare:workers';
import { runInDurableObject } from 'cloudflare:test';
import { vi } from 'vitest';
import { ProxyFetchError, type ProxyFetchItem } from 'proxy-fetch';
import type { Kept } from './origin.ts';

export interface Call {
  /** The instance. */
  name: string;
  method: string;
  path: string;
  /** The requests of a submission. */
  requests: { request_id: string; url: string; options?: Record<string, unknown> }[];
}

type Between = (call: Call, forward: () => Promise<Response>) => Promise<Response>;

/** An environment whose PROXY_FETCH_DO is the real one, seen through `between`. */
export function watched(between: Between = (_, forward) => forward()): { calls: Call[]; env: object } {
  const calls: Call[] = [];
  const getByName = (name: string) => {
    let used = false;
    const fetch = (url: string, init: RequestInit) => {
      if (used) throw new Error('a stub is used twice: it may be broken');
      used = true;
      const requests = init.body === undefined ? [] : (JSON.parse(String(init.body)) as Call['requests']);
      const call = { name, method: init.method ?? 'GET', path: new URL(url).pathname, requests };
      calls.push(call);
      return between(call, () => env.PROXY_FETCH_DO.getByName(name).fetch(url, init));
    };
    return { fetch };
  };
  return { calls, env: { ...env, PROXY_FETCH_DO: { getByName } } };
}

/** Who calls: what a Durable Object is to the client. */
export interface Caller {
  ctx: DurableObjectState;
  env: object;
  onResult(item: ProxyFetchItem): void;
}

/** Runs inside the object of this name, as that object, in another environment. */
export function inside<R>(name: string, environment: object, run: (caller: Caller) => Promise<R>): Promise<R> {
  return runInDurableObject(env.ORIGIN.getByName(name), (_, ctx) => run({ ctx, env: environment, onResult: () => {} }));
}

/** What the object of this name was told of a request: exactly one item, once there is any. */
export async function itemOf(name: string, requestId: string): Promise<Kept> {
  return vi.waitFor(
    async () => {
      const [item, ...more] = await env.ORIGIN.getByName(name).kept(requestId);
      if (item === undefined || more.length > 0) throw new Error(`${requestId}: ${more.length} more items, ${item?.code}`);
      return item;
    },
    { timeout: 10_000, interval: 20 },
  );
}

/** The error that a call ends with, as far as programs look at it. */
export async function errorOf(call: Promise<unknown>): Promise<Partial<ProxyFetchError>> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof ProxyFetchError)) throw error;
    const { code, status, field, requestId, mayHaveBeenAccepted, detail } = error;
    return { code, status, field, requestId, mayHaveBeenAccepted, detail };
  }
  throw new Error('the call went through');
}
