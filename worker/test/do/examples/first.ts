import { DurableObject } from 'cloudflare:workers';
import { type ProxyFetchItem, proxyFetch } from 'proxy-fetch';

export { ProxyFetchDO } from 'proxy-fetch';

export class MyObject extends DurableObject<Cloudflare.Env> {
  /** Resolves as soon as the request is stored: the object may sleep while it is fetched. */
  order(report: string): Promise<string> {
    return proxyFetch(this, `${this.env.REPORTS}/${report}`, 'MY_DO', 'onReport');
  }

  /** Called with the outcome, in this incarnation of the object or in a later one. */
  async onReport({ requestId, response, error }: ProxyFetchItem): Promise<void> {
    const text = response ? `${response.status}: ${await response.text()}` : `none: ${error.code}`;
    this.ctx.storage.kv.put(requestId, text);
  }

  report(requestId: string): string | undefined {
    return this.ctx.storage.kv.get<string>(requestId);
  }
}

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    const object = env.MY_DO.getByName('main');
    if (request.method === 'POST') return Response.json({ requestId: await object.order(pathname.slice(1)) });
    return new Response((await object.report(pathname.slice(1))) ?? 'not yet');
  },
} satisfies ExportedHandler<Cloudflare.Env>;
