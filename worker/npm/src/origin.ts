// Who calls: what the client needs of a Durable Object, read at run time since `ctx` and `env` are protected there.

import type { Callback } from './encode.js';
import { ProxyFetchError } from './error.js';
import type { ProxyFetchRest } from './types.js';

export const OBJECT_BINDING = 'PROXY_FETCH_DO';
export const QUEUE_BINDING = 'PROXY_FETCH_QUEUE';

export interface Origin {
  env: Record<string, unknown>;
  /** Its id, if it is a Durable Object. */
  id: string | undefined;
  /** What its calls of one turn are gathered under. */
  owner: object;
}

export function originOf(caller: object): Origin {
  const { ctx, env } = caller as { ctx?: { id?: unknown }; env?: unknown };
  if (typeof env !== 'object' || env === null) {
    const detail = 'the caller has no `env`: pass `this` of a class that extends DurableObject, or `{ env }`';
    throw new ProxyFetchError({ code: 'not_an_object', detail });
  }
  const id = ctx?.id === undefined ? undefined : String(ctx.id);
  return { env: env as Record<string, unknown>, id, owner: ctx ?? caller };
}

/** Whom to call back, and the options. */
export function restOf<Options>(
  caller: object,
  { id }: Origin,
  rest: ProxyFetchRest<Options>,
): { callback: Callback | undefined; options: Partial<Options> } {
  const [binding, handler, options] = rest;
  if (typeof binding !== 'string') return { callback: undefined, options: binding ?? {} };
  const notAnObject = (detail: string) => new ProxyFetchError({ code: 'not_an_object', detail });
  if (id === undefined) throw notAnObject('only a Durable Object can be called back, and the caller has no `ctx.id`');
  if (typeof handler !== 'string' || typeof (caller as Record<string, unknown>)[handler] !== 'function') {
    throw notAnObject(`the caller has no method ${String(handler)} that could be called back`);
  }
  return { callback: { binding, object: id, method: handler }, options: options ?? {} };
}

export function has(env: Record<string, unknown>, binding: string): boolean {
  return env[binding] !== undefined;
}

export function noBinding(detail: string): ProxyFetchError {
  return new ProxyFetchError({ code: 'no_binding', detail });
}
