// A reply that is lost is asked for again with the same request id (law S19), as the Rust client does.

/** How often a call is made whose reply is lost. */
const TRIES = 3;
/** The wait before the second try, in ms; it doubles. */
const WAIT_MS = 50;

/** Thrown by a try whose reply is lost. */
export class LostReply {
  readonly cause: unknown;
  constructor(cause: unknown) {
    this.cause = cause;
  }
}

/** Makes the try again while its reply is lost; the last loss is the error. */
export async function tried<T>(once: () => Promise<T>): Promise<T> {
  for (let nth = 1; ; nth += 1) {
    try {
      return await once();
    } catch (error) {
      if (!(error instanceof LostReply) || nth === TRIES || isOverloaded(error.cause)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, WAIT_MS << (nth - 1)));
  }
}

/**
 * Who is overloaded must not be asked again at once: the platform says so. All other losses are tried again, whether or
 * not they are `retryable`: that tells nothing about whether the call took effect, and a repeat is safe.
 */
function isOverloaded(error: unknown): boolean {
  return typeof error === 'object' && error !== null && (error as { overloaded?: unknown }).overloaded === true;
}
