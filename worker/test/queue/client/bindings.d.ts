// What `wrangler types` would write for the page's first example.

declare namespace Cloudflare {
  interface Env {
    REPORTS: string;
    MY_DO: DurableObjectNamespace<import('./first.ts').MyObject>;
    PROXY_FETCH_DO: DurableObjectNamespace<import('proxy-fetch').ProxyFetchDO>;
  }
}
