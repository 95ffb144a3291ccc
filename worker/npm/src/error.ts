// The one error that the client rejects with.

interface Parts {
  code: string;
  detail: string;
  status?: number | undefined;
  field?: string | undefined;
  retryAfterMs?: number | undefined;
  requestId?: string | undefined;
  mayHaveBeenAccepted?: boolean;
  cause?: unknown;
}

/** Why a request was not taken, or why nobody knows whether it was. */
export class ProxyFetchError extends Error {
  override readonly name = 'ProxyFetchError';
  /**
   * For programs. From the proxy: `invalid`, `malformed`, `not_allowed`, `conflict`, `queue_full`, `not_found`,
   * `too_late`, `too_large`, `unusable`. From the client: `lost`, `no_binding`, `not_an_object`.
   */
  readonly code: string;
  /** For people. */
  readonly detail: string;
  /** The HTTP status of the proxy's answer, if there was one. */
  readonly status: number | undefined;
  /** The field at fault, as the JSON spells it: `options.timeout_ms`. */
  readonly field: string | undefined;
  /** After how many ms there may be room (`queue_full`), if the proxy knows. */
  readonly retryAfterMs: number | undefined;
  /** The request's id, once it has one. */
  readonly requestId: string | undefined;
  /** Its reply is lost (`lost`): repeat it with this `requestId`, and it is fetched once all the same. */
  readonly mayHaveBeenAccepted: boolean;

  constructor({ code, detail, status, field, retryAfterMs, requestId, mayHaveBeenAccepted = false, cause }: Parts) {
    super(`${code}: ${detail}`, cause === undefined ? undefined : { cause });
    this.code = code;
    this.detail = detail;
    this.status = status;
    this.field = field;
    this.retryAfterMs = retryAfterMs;
    this.requestId = requestId;
    this.mayHaveBeenAccepted = mayHaveBeenAccepted;
  }
}

/** A field that the client itself refuses, as the proxy would. */
export function invalid(field: string, problem: string): ProxyFetchError {
  return new ProxyFetchError({ code: 'invalid', status: 422, field, detail: `${field}: ${problem}` });
}

/** The proxy's problem (RFC 9457), or whatever else it said. */
export function refused(status: number, said: unknown, requestId?: string): ProxyFetchError {
  const problem = typeof said === 'object' && said !== null ? (said as Record<string, unknown>) : {};
  const text = (name: string) => (typeof problem[name] === 'string' ? problem[name] : undefined);
  const detail = text('detail') ?? (typeof said === 'string' ? said : JSON.stringify(said));
  const retryAfterMs = typeof problem.retry_after_ms === 'number' ? problem.retry_after_ms : undefined;
  const code = text('code') ?? 'unusable';
  return new ProxyFetchError({ code, detail, status, field: text('field'), retryAfterMs, requestId });
}

/** Nobody knows whether it was taken. */
export function lost(cause: unknown, requestId?: string): ProxyFetchError {
  const why = cause instanceof ProxyFetchError ? cause.detail : String(cause);
  const status = cause instanceof ProxyFetchError ? cause.status : undefined;
  const detail = `no reply says whether it was taken (${why}); a repeat with the same request id is safe`;
  return new ProxyFetchError({ code: 'lost', detail, status, requestId, mayHaveBeenAccepted: true, cause });
}

/** JSON, or the text itself if it is none. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
