import { DurableObject } from 'cloudflare:workers';
import { ProxyFetchError, type ProxyFetchItem, proxyFetch } from 'proxy-fetch';

export class Careful extends DurableObject<Cloudflare.Env> {
  async order(url: string, requestId: string): Promise<string> {
    try {
      await proxyFetch(this, url, 'CAREFUL', 'onResult', { requestId });
      return 'taken';
    } catch (error) {
      if (!(error instanceof ProxyFetchError)) throw error;
      // The reply was lost three times: ask again later, with this requestId.
      if (error.mayHaveBeenAccepted) return 'perhaps';
      // 503: come back later. Whatever else is wrong stays wrong.
      if (error.code === 'queue_full') return 'later';
      return `no: ${error.status} ${error.code} ${error.field}`;
    }
  }

  onResult(_item: ProxyFetchItem): void {}
}
