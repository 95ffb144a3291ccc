// The client of the object: hands requests over, and asks about them. Without the compiled code, for workers that reach
// a ProxyFetchDO of another worker.

import { type Encoded, encode } from './encode.js';
import { ProxyFetchError, invalid, lost, parsed, refused } from './error.js';
import { type Lane, join } from './join.js';
import { OBJECT_BINDING, QUEUE_BINDING, has, noBinding, originOf, restOf } from './origin.js';
import { LostReply, tried } from './retry.js';
import type {
  ProxyFetch,
  ProxyFetchOptions,
  ProxyFetchRequest,
  ProxyFetchRest,
  ProxyFetchStats,
  ProxyFetchStatus,
  ProxyFetchTarget,
} from './types.js';

export { ProxyFetchError } from './error.js';
export type * from './types.js';

/** The object that is used if none is named. */
const DEFAULT_INSTANCE = 'proxy-fetch-global';
/** What the object takes in one call. */
const MAX_REQUESTS_PER_CALL = 100;
/** In UTF-16 units: at most 3 MiB in UTF-8, which every object takes. */
const MAX_CALL_LENGTH = 1_048_576;
/** Answers nothing but what was asked: any host will do. */
const AT = 'https://proxy-fetch/v1';

/** The instance among several that a key belongs to: `proxy-fetch-0` to `proxy-fetch-{shards - 1}`. */
export function instance(shards: number, key: string): string {
  if (!Number.isInteger(shards) || shards < 0 || shards > 0xffff_ffff) {
    throw invalid('shards', `${shards} is no number of instances`);
  }
  // FNV-1a: the Rust client computes the same.
  let hash = 0x811c_9dc5;
  for (const byte of new TextEncoder().encode(key)) hash = Math.imul(hash ^ byte, 0x0100_0193);
  return `proxy-fetch-${(hash >>> 0) % Math.max(shards, 1)}`;
}

/** Hands a request to the object behind the binding `PROXY_FETCH_DO`. Resolves with the request id. */
export const proxyFetchDO: ProxyFetch = async (caller: object, request: ProxyFetchRequest, ...rest: ProxyFetchRest) => {
  const origin = originOf(caller);
  const { callback, options } = restOf<ProxyFetchOptions>(caller, origin, rest);
  const name = instanceOf(options, origin.id);
  const namespace = namespaceOf(origin.env);
  const encoding = encode(request, callback, options);
  const encoded = encoding instanceof Promise ? await encoding : encoding;
  const lane: Lane<Encoded, ProxyFetchError | undefined> = {
    name,
    maxItems: MAX_REQUESTS_PER_CALL,
    maxSize: MAX_CALL_LENGTH,
    send: (items) => submit(namespace, name, items),
  };
  const problem = await join(origin.owner, lane, encoded, encoded.json.length);
  if (problem !== undefined) throw problem;
  return encoded.requestId;
};

/** Gives a request up; its handler gets the error `cancelled`. Refused with `too_late` once it has its outcome. */
export async function cancel(caller: object, requestId: string, target: ProxyFetchTarget = {}): Promise<void> {
  await ask(caller, target, `/fetches/${encodeURIComponent(requestId)}`, 'DELETE', requestId);
}

/** How a request is, until 5 minutes after its end; then it is refused with `not_found`. */
export async function status(caller: object, requestId: string, target: ProxyFetchTarget = {}): Promise<ProxyFetchStatus> {
  const said = await ask(caller, target, `/fetches/${encodeURIComponent(requestId)}`, 'GET', requestId);
  const { request_id, accepted_at, expires_at, not_before, finished_at, ...same } = said as StatusJson;
  return {
    ...same,
    requestId: request_id,
    acceptedAt: new Date(accepted_at),
    expiresAt: new Date(expires_at),
    ...(not_before === undefined ? {} : { notBefore: new Date(not_before) }),
    ...(finished_at === undefined ? {} : { finishedAt: new Date(finished_at) }),
  };
}

/** How an instance of the object is. */
export async function stats(caller: object, target: ProxyFetchTarget = {}): Promise<ProxyFetchStats> {
  const { in_flight, alarm, ...same } = (await ask(caller, target, '/stats', 'GET')) as StatsJson;
  return { ...same, inFlight: in_flight, ...(alarm === null ? {} : { alarm: new Date(alarm) }) };
}

type StatusJson = Pick<ProxyFetchStatus, 'state' | 'attempts' | 'outcome' | 'error' | 'response'> & {
  request_id: string;
  accepted_at: string;
  expires_at: string;
  not_before?: string;
  finished_at?: string;
};

type StatsJson = Pick<ProxyFetchStats, 'epoch' | 'live' | 'fetching'> & { in_flight: number; alarm: string | null };

function instanceOf({ instance: name, shards, key }: ProxyFetchTarget, id: string | undefined): string {
  if (shards === undefined) {
    if (key !== undefined) throw invalid('key', 'there is a key, but not the number of shards that it chooses from');
    return name ?? DEFAULT_INSTANCE;
  }
  if (name !== undefined) throw invalid('instance', 'there are also shards; give one of the two');
  const chosen = key ?? id;
  if (chosen === undefined) throw invalid('key', 'who is no Durable Object must say what decides the shard');
  return instance(shards, chosen);
}

function namespaceOf(env: Record<string, unknown>): DurableObjectNamespace {
  if (has(env, OBJECT_BINDING)) return env[OBJECT_BINDING] as DurableObjectNamespace;
  const queue = has(env, QUEUE_BINDING) ? `, and ${QUEUE_BINDING} cannot do this` : '';
  throw noBinding(`there is no binding ${OBJECT_BINDING}${queue}`);
}

/** One call. `said` is JSON, or a text if the answer is none. */
async function call(
  namespace: DurableObjectNamespace,
  name: string,
  path: string,
  init: RequestInit,
): Promise<{ status: number; said: unknown }> {
  try {
    // A stub is of no use after an exception: a new one each time.
    const response = await namespace.getByName(name).fetch(`${AT}${path}`, init);
    return { status: response.status, said: parsed(await response.text()) };
  } catch (error) {
    throw new LostReply(error);
  }
}

/** The object was reset in mid-call, or cannot tell whether its commit went through. */
function isLost({ status, code }: ProxyFetchError): boolean {
  return status === 503 && code !== 'queue_full';
}

/** Hands in as many as one call takes. Answers each with its problem, or with nothing if it was taken. */
async function submit(
  namespace: DurableObjectNamespace,
  name: string,
  items: Encoded[],
): Promise<(ProxyFetchError | undefined)[]> {
  const answers = new Map<Encoded, ProxyFetchError | undefined>();
  let open = items;
  const once = async () => {
    const body = `[${open.map(({ json }) => json).join(',')}]`;
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body };
    const { status, said } = await call(namespace, name, '/fetches', init);
    const list = status === 200 && Array.isArray(said) && said.length === open.length ? (said as unknown[]) : undefined;
    open.forEach((item, nth) => answers.set(item, answer(item, status, list === undefined ? said : list[nth])));
    open = open.filter((item) => {
      const problem = answers.get(item);
      return problem !== undefined && isLost(problem);
    });
    const [first] = open;
    if (first !== undefined) throw new LostReply(answers.get(first));
  };
  try {
    await tried(once);
  } catch (error) {
    if (!(error instanceof LostReply)) throw error;
    for (const item of open) answers.set(item, lost(answers.get(item) ?? error.cause, item.requestId));
  }
  return items.map((item) => answers.get(item));
}

/** An item's own answer: its id again, or a problem with a status of its own. */
function answer(item: Encoded, status: number, said: unknown): ProxyFetchError | undefined {
  const { request_id, status: own } = (typeof said === 'object' && said !== null ? said : {}) as Record<string, unknown>;
  if (status === 200 && request_id === item.requestId) return undefined;
  return refused(typeof own === 'number' ? own : status, said, item.requestId);
}

async function ask(
  caller: object,
  target: ProxyFetchTarget,
  path: string,
  method: string,
  requestId?: string,
): Promise<unknown> {
  const { env, id } = originOf(caller);
  const name = instanceOf(target, id);
  const namespace = namespaceOf(env);
  try {
    return await tried(async () => {
      const { status, said } = await call(namespace, name, path, { method });
      if (status === 200) return said;
      const problem = refused(status, said, requestId);
      throw isLost(problem) ? new LostReply(problem) : problem;
    });
  } catch (error) {
    throw error instanceof LostReply ? lost(error.cause, requestId) : error;
  }
}
