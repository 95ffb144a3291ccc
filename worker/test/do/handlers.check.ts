// Checked by `npm run types` and never run: which handlers are accepted by their type, and which are not.

import { DurableObject } from 'cloudflare:workers';
import { type ProxyFetchItem, proxyFetch, proxyFetchAll, proxyFetchDO, proxyFetchQueue } from 'proxy-fetch';

const URL_TO_FETCH = 'https://example.com/';

export class Checked extends DurableObject<Cloudflare.Env> {
  plain = 7;

  onResult(_item: ProxyFetchItem): void {}
  async onPart(_part: { requestId: string }): Promise<string> {
    return 'not used';
  }
  onNothing(): void {}
  onNumber(_number: number): void {}
  private onPrivate(_item: ProxyFetchItem): void {}

  async right(): Promise<void> {
    this.onPrivate;
    await proxyFetch(this, URL_TO_FETCH);
    await proxyFetch(this, URL_TO_FETCH, { timeoutMs: 1_000 });
    await proxyFetch(this, URL_TO_FETCH, 'CHECKED', 'onResult');
    await proxyFetch(this, URL_TO_FETCH, 'CHECKED', 'onPart', { atMostOnce: true });
    await proxyFetch(this, new Request(URL_TO_FETCH), 'CHECKED', 'onNothing');
    await proxyFetchDO(this, { url: URL_TO_FETCH, body: new FormData() }, 'CHECKED', 'onResult');
    await proxyFetchQueue(this, new URL(URL_TO_FETCH), 'CHECKED', 'onResult');
    const answers = await proxyFetchAll(this, new Set([URL_TO_FETCH]), 'CHECKED', 'onResult', { maxRetries: 1 });
    for (const answer of answers) if (answer.status === 'fulfilled') answer.value satisfies string;
  }

  async wrong(): Promise<void> {
    // @ts-expect-error there is no such method
    await proxyFetch(this, URL_TO_FETCH, 'CHECKED', 'onReslut');
    // @ts-expect-error it takes something else
    await proxyFetch(this, URL_TO_FETCH, 'CHECKED', 'onNumber');
    // @ts-expect-error nobody else can call it
    await proxyFetch(this, URL_TO_FETCH, 'CHECKED', 'onPrivate');
    // @ts-expect-error it is no method
    await proxyFetch(this, URL_TO_FETCH, 'CHECKED', 'plain');
    // @ts-expect-error the same for the object
    await proxyFetchDO(this, URL_TO_FETCH, 'CHECKED', 'onReslut');
    // @ts-expect-error and for the queue
    await proxyFetchQueue(this, URL_TO_FETCH, 'CHECKED', 'onReslut');
    // @ts-expect-error and for many
    await proxyFetchAll(this, [URL_TO_FETCH], 'CHECKED', 'onReslut');
    // @ts-expect-error a binding without a handler
    await proxyFetch(this, URL_TO_FETCH, 'CHECKED');
    // @ts-expect-error there is no such option
    await proxyFetch(this, URL_TO_FETCH, 'CHECKED', 'onResult', { timeout: 1 });
    // @ts-expect-error many cannot have one id
    await proxyFetchAll(this, [URL_TO_FETCH], { requestId: 'one' });
    // @ts-expect-error there is no URL
    await proxyFetch(this, { method: 'POST' });
  }
}

/** A class that others extend: `this` is checked as what is known of it. */
export abstract class Base extends DurableObject<Cloudflare.Env> {
  abstract onBase(item: ProxyFetchItem): Promise<void>;

  async call(): Promise<string> {
    return proxyFetch(this, URL_TO_FETCH, 'BASE', 'onBase');
  }
}

/** Either a response or an error. */
export function outcome({ response, error }: ProxyFetchItem): string {
  if (response) {
    error satisfies undefined;
    return response.statusText;
  }
  // @ts-expect-error there is no such failure
  if (error.code === 'nonsense') return '';
  return error.code satisfies string;
}
