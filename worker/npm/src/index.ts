// proxy-fetch for TypeScript: the compiled classes, and the client that picks the variant by the bindings that exist.

import { OBJECT_BINDING, QUEUE_BINDING, has, noBinding, originOf } from './origin.js';
import { proxyFetchDO } from './object.js';
import { proxyFetchQueue } from './queue.js';
import type {
  ProxyFetch,
  ProxyFetchHandler,
  ProxyFetchOptions,
  ProxyFetchRequest,
  ProxyFetchRest,
} from './types.js';

export { ProxyFetchDO, ProxyFetchQueue } from './compiled/index.js';
export { ProxyFetchError, cancel, instance, proxyFetchDO, stats, status } from './object.js';
export { proxyFetchQueue } from './queue.js';
export type * from './types.js';

/**
 * Hands a request to the variant whose binding exists, `PROXY_FETCH_DO` first, then `PROXY_FETCH_QUEUE`. Resolves with
 * the request id as soon as it is stored; the handler is called with the outcome.
 */
export const proxyFetch: ProxyFetch = async (caller: object, request: ProxyFetchRequest, ...rest: ProxyFetchRest) => {
  const { env } = originOf(caller);
  if (has(env, OBJECT_BINDING)) return (proxyFetchDO as Untyped)(caller, request, ...rest);
  if (has(env, QUEUE_BINDING)) return (proxyFetchQueue as Untyped)(caller, request, ...rest);
  throw noBinding(`there is neither a binding ${OBJECT_BINDING} nor ${QUEUE_BINDING}`);
};

/** The calls without the check of the handler's name. */
type Untyped = (caller: object, request: ProxyFetchRequest, ...rest: ProxyFetchRest) => Promise<string>;

type AllOptions = Omit<ProxyFetchOptions, 'requestId'>;

/** As `ProxyFetch`, for many: an answer each, in order, since some may be taken and others refused. */
export interface ProxyFetchAll {
  (caller: object, requests: Iterable<ProxyFetchRequest>, options?: AllOptions): Promise<PromiseSettledResult<string>[]>;
  <K extends string>(
    origin: Record<NoInfer<K>, ProxyFetchHandler>,
    requests: Iterable<ProxyFetchRequest>,
    binding: string,
    handler: K,
    options?: AllOptions,
  ): Promise<PromiseSettledResult<string>[]>;
}

/** Hands many requests over at once, up to 100 in one call to the outside. */
export const proxyFetchAll: ProxyFetchAll = (
  caller: object,
  requests: Iterable<ProxyFetchRequest>,
  ...rest: ProxyFetchRest<AllOptions>
) => Promise.allSettled(Array.from(requests, (request) => (proxyFetch as Untyped)(caller, request, ...rest)));
