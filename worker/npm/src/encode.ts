// Requests as the JSON that the object and the queue read. Whatever can be done without waiting is, so that calls of one
// turn stay in that turn.

import { invalid } from './error.js';
import type { ProxyFetchInit, ProxyFetchOptions, ProxyFetchRequest } from './types.js';

/** A request under its id, fixed before any call. */
export interface Encoded {
  requestId: string;
  json: string;
}

export interface Callback {
  binding: string;
  object: string;
  method: string;
}

type Content = { body?: string | Uint8Array; type?: string | undefined };

export function encode(
  request: ProxyFetchRequest,
  callback: Callback | undefined,
  options: ProxyFetchOptions,
): Encoded | Promise<Encoded> {
  const init: ProxyFetchInit = typeof request === 'string' || request instanceof URL ? { url: request } : request;
  const { url, method = 'GET', headers, body = null } = init;
  const requestId = options.requestId ?? crypto.randomUUID();
  const known = new Headers(headers);
  const policy = policyOf(options);
  const finish = (content: Content): Encoded => {
    if (content.type !== undefined && !known.has('content-type')) known.set('content-type', content.type);
    const json = JSON.stringify({
      request_id: requestId,
      method,
      url: String(url),
      headers: grouped(known),
      body: content.body === undefined ? undefined : wire(content.body),
      callback,
      options: policy,
    });
    return { requestId, json };
  };
  const content = contentOf(body);
  return content instanceof Promise ? content.then(finish) : finish(content);
}

function contentOf(body: BodyInit | null): Content | Promise<Content> {
  if (body === null) return {};
  if (typeof body === 'string') return { body: body.toWellFormed(), type: 'text/plain;charset=UTF-8' };
  if (body instanceof ArrayBuffer) return { body: new Uint8Array(body) };
  if (ArrayBuffer.isView(body)) return { body: new Uint8Array(body.buffer, body.byteOffset, body.byteLength) };
  if (body instanceof URLSearchParams) {
    return { body: body.toString(), type: 'application/x-www-form-urlencoded;charset=UTF-8' };
  }
  // Streams, blobs and forms, as the platform reads them.
  const read = new Response(body);
  const type = read.headers.get('content-type') ?? undefined;
  return read.arrayBuffer().then((bytes) => ({ body: new Uint8Array(bytes), type }));
}

/** A text, or base64 where that is shorter or the bytes are no text. */
function wire(body: string | Uint8Array): string | { base64: string } {
  if (typeof body === 'string') {
    // Escapes may take 6 bytes for one.
    return JSON.stringify(body).length <= 2 * body.length + 2 ? body : { base64: base64(new TextEncoder().encode(body)) };
  }
  const text = utf8(body);
  return text === undefined ? { base64: base64(body) } : wire(text);
}

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function base64(bytes: Uint8Array): string {
  let binary = '';
  // A call takes a bounded number of arguments.
  for (let at = 0; at < bytes.length; at += 8_192) binary += String.fromCharCode(...bytes.subarray(at, at + 8_192));
  return btoa(binary);
}

function grouped(headers: Headers): Record<string, string | string[]> | undefined {
  const groups = new Map<string, string[]>();
  for (const [name, value] of headers) groups.set(name, [...(groups.get(name) ?? []), value]);
  if (groups.size === 0) return undefined;
  return Object.fromEntries([...groups].map(([name, values]) => [name, values.length === 1 ? String(values[0]) : values]));
}

function policyOf(options: ProxyFetchOptions): Record<string, number | boolean> | undefined {
  const given = {
    timeout_ms: options.timeoutMs,
    max_retries: options.maxRetries,
    retry_delay_ms: options.retryDelayMs,
    max_retry_delay_ms: options.maxRetryDelayMs,
    retry_on_5xx: options.retryOn5xx,
    at_most_once: options.atMostOnce,
  };
  const policy: Record<string, number | boolean> = {};
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    // JSON has no NaN: it would be taken for nothing at all.
    if (typeof value === 'number' && !Number.isSafeInteger(value)) {
      throw invalid(`options.${name}`, `${value} is no whole number`);
    }
    policy[name] = value;
  }
  return Object.keys(policy).length === 0 ? undefined : policy;
}
