// The bindings of wrangler.jsonc, as `wrangler types` would write them.

declare namespace Cloudflare {
  interface GlobalProps {
    mainModule: typeof import('./worker.ts');
  }
  interface Env {
    REPORTS: string;
    MY_DO: DurableObjectNamespace<import('./examples/first.ts').MyObject>;
    PAYMENTS: DurableObjectNamespace<import('./examples/payments.ts').Payments>;
    CAREFUL: DurableObjectNamespace<import('./examples/careful.ts').Careful>;
    MANY: DurableObjectNamespace<import('./examples/many.ts').Many>;
    SPREAD: DurableObjectNamespace<import('./examples/spread.ts').Spread>;
    ORIGIN: DurableObjectNamespace<import('./origin.ts').Origin>;
    PROXY_FETCH_DO: DurableObjectNamespace<import('proxy-fetch').ProxyFetchDO>;
    PROXY_FETCH_QUEUE: Queue;
  }
}

/** A file as text, as Vite gives it. */
declare module '*?raw' {
  const text: string;
  export default text;
}

interface ImportMeta {
  /** Files by their paths, as Vite gives them. */
  glob<T>(pattern: string, options: { query: string; import: string; eager: true }): Record<string, T>;
}
