// The client of the queue: the same requests as messages. There is nothing to ask or to cancel behind it.

import { ProxyFetchQueue } from './compiled/index.js';
import { encode } from './encode.js';
import { type ProxyFetchError, lost, parsed, refused } from './error.js';
import { type Lane, join } from './join.js';
import { QUEUE_BINDING, has, noBinding, originOf, restOf } from './origin.js';
import { LostReply, tried } from './retry.js';
import type { ProxyFetch, ProxyFetchOptions, ProxyFetchRequest, ProxyFetchRest } from './types.js';

/** What the platform takes in one call: 100 messages of 256 KB together. */
const MAX_MESSAGES_PER_CALL = 100;
const MAX_CALL_BYTES = 240_000;

interface Sent {
  requestId: string;
  /** Made once: a repeat is the same message, with the same ULID. */
  message: Uint8Array;
}

/** Sends a request to the queue behind the binding `PROXY_FETCH_QUEUE`. Resolves with the request id. */
export const proxyFetchQueue: ProxyFetch = async (caller: object, request: ProxyFetchRequest, ...rest: ProxyFetchRest) => {
  const origin = originOf(caller);
  const { callback, options } = restOf<ProxyFetchOptions>(caller, origin, rest);
  if (!has(origin.env, QUEUE_BINDING)) throw noBinding(`there is no binding ${QUEUE_BINDING}`);
  const queue = origin.env[QUEUE_BINDING] as Queue;
  const encoding = encode(request, callback, options);
  const { requestId, json } = encoding instanceof Promise ? await encoding : encoding;
  const lane: Lane<Sent, ProxyFetchError | undefined> = {
    name: QUEUE_BINDING,
    maxItems: MAX_MESSAGES_PER_CALL,
    maxSize: MAX_CALL_BYTES,
    send: (items) => send(queue, items),
  };
  const message = messageOf(json, origin.env, requestId);
  const problem = await join(origin.owner, lane, { requestId, message }, message.byteLength);
  if (problem !== undefined) throw problem;
  return requestId;
};

function messageOf(json: string, env: Record<string, unknown>, requestId: string): Uint8Array {
  try {
    return ProxyFetchQueue.message(json, env);
  } catch (error) {
    const said = parsed(error instanceof Error ? error.message : String(error));
    const { status } = (typeof said === 'object' && said !== null ? said : {}) as { status?: unknown };
    throw refused(typeof status === 'number' ? status : 500, said, requestId);
  }
}

async function send(queue: Queue, items: Sent[]): Promise<(ProxyFetchError | undefined)[]> {
  const batch = items.map(({ message }) => ({ body: message, contentType: 'bytes' as const }));
  try {
    await tried(async () => {
      try {
        await queue.sendBatch(batch);
      } catch (error) {
        throw new LostReply(error);
      }
    });
    return items.map(() => undefined);
  } catch (error) {
    if (!(error instanceof LostReply)) throw error;
    return items.map(({ requestId }) => lost(error.cause, requestId));
  }
}
