import { ProxyFetchQueue } from 'proxy-fetch';

export { MyObject } from './first.ts';

export default {
  queue: (batch, env) => ProxyFetchQueue.consume(batch, env),
} satisfies ExportedHandler<Cloudflare.Env>;
