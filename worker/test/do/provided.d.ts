// What the global set-up hands to the tests.

declare module 'vitest' {
  interface ProvidedContext {
    /** `http://127.0.0.1:port`, without a slash at its end. */
    upstream: string;
    /** Answers with the very bytes that it is sent. */
    echo: string;
  }
}

export {};
