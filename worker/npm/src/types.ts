// What callers hand in, and what their handlers get: the same for the object and for the queue.

/** Request to fetch: as for `fetch()`, of which URL, method, headers and body are used. Its body is read at once. */
export type ProxyFetchRequest = string | URL | Request | ProxyFetchInit;

/** A request in parts. A body brings its `content-type` along, as with `fetch()`. */
export interface ProxyFetchInit {
  url: string | URL;
  /** Default `GET`. */
  method?: string;
  headers?: HeadersInit;
  /** Up to 1 MiB by default (`PROXY_FETCH_MAX_REQUEST_BODY_BYTES`); a queue takes 120,000 bytes. */
  body?: BodyInit | null;
}

/** Which instance of the object; `proxy-fetch-global` if nothing is said. The queue has none and passes this over. */
export interface ProxyFetchTarget {
  /** The instance's name. */
  instance?: string;
  /** Spreads over `proxy-fetch-0` to `proxy-fetch-{shards - 1}` by `key`: each does 5 fetches at once. */
  shards?: number;
  /** What decides the shard; the origin's own id if nothing is said. */
  key?: string;
}

/** How to fetch and retry. What is out of bounds is refused by name. */
export interface ProxyFetchOptions extends ProxyFetchTarget {
  /** The caller's name for the request: a repeat starts nothing. A UUID if nothing is said. 1 to 128 visible characters. */
  requestId?: string;
  /** Of each attempt (connect, head and body), in ms: 100 to 300,000; default 30,000. */
  timeoutMs?: number;
  /** Attempts after the first: 0 to 10; default 3. */
  maxRetries?: number;
  /** Before the first retry, doubling with each further one, in ms: 100 to 600,000; default 1,000. */
  retryDelayMs?: number;
  /** Bound on the doubling, in ms: 100 to 600,000, not under `retryDelayMs`; default 10,000. */
  maxRetryDelayMs?: number;
  /** Whether a 5xx answer is retried; default true. */
  retryOn5xx?: boolean;
  /** Never send twice: what nobody knows ends as `unknown`. Default false; not possible with the queue. */
  atMostOnce?: boolean;
}

/** Why there is no response: how the last attempt failed, or how else the request ended. */
export type ProxyFetchFailure =
  | 'not_sent'
  | 'connection_broken'
  | 'timed_out'
  | 'body_broken'
  | 'body_too_large'
  | 'bad_response_head'
  | 'address_refused'
  | 'bad_redirect'
  | 'unreadable_request'
  | 'expired'
  | 'cancelled'
  | 'interrupted'
  | 'unknown'
  | 'unreadable';

/** What a handler gets: either a response, of whatever status, or an error. */
export type ProxyFetchItem = {
  requestId: string;
  /** Attempts started. */
  attempts: number;
  /** From acceptance to this call, in ms. */
  durationMs: number;
} & (
  | { response: Response; error?: never }
  | { response?: never; error: { code: ProxyFetchFailure; message: string } }
);

/** A method that can be called back. What it returns is not used. */
export type ProxyFetchHandler = (item: ProxyFetchItem) => unknown;

/** How a request is. */
export interface ProxyFetchStatus {
  requestId: string;
  state: 'queued' | 'in_flight' | 'delivering' | 'finished';
  attempts: number;
  acceptedAt: Date;
  expiresAt: Date;
  /** When the next attempt may start, of a queued one. */
  notBefore?: Date;
  finishedAt?: Date;
  outcome?: 'response' | 'failed' | 'expired' | 'cancelled' | 'interrupted' | 'unknown' | 'unreadable';
  /** How the last attempt failed, if the outcome is `failed`. */
  error?: ProxyFetchFailure;
  /** If the outcome is `response`. */
  response?: { status: number };
}

/** How an instance of the object is. */
export interface ProxyFetchStats {
  /** Which incarnation of the object this is. */
  epoch: number;
  /** Requests that have not ended. */
  live: number;
  /** Of these, requests in flight. */
  inFlight: number;
  /** Fetches that run in this incarnation. */
  fetching: number;
  /** When its alarm is, if that is known. */
  alarm?: Date;
}

/**
 * Hands a request over and resolves with its id as soon as it is stored. The handler, a method of `origin`, is called
 * with the outcome; without one nobody is (fire and forget).
 *
 * `binding` is the namespace of `origin`'s class as the worker that holds `ProxyFetchDO` binds it.
 */
export interface ProxyFetch<Options = ProxyFetchOptions> {
  (origin: object, request: ProxyFetchRequest, options?: Options): Promise<string>;
  <K extends string>(
    origin: Record<NoInfer<K>, ProxyFetchHandler>,
    request: ProxyFetchRequest,
    binding: string,
    handler: K,
    options?: Options,
  ): Promise<string>;
}

/** What follows the request in a call: nobody to call back, or a binding and a method. */
export type ProxyFetchRest<Options = ProxyFetchOptions> =
  | [options?: Options | undefined]
  | [binding: string, handler: string, options?: Options | undefined];
