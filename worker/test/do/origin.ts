// The object that the tests call from, and what they need to know of what it is told.

import { DurableObject } from 'cloudflare:workers';
import type { ProxyFetchItem } from 'proxy-fetch';

/** An item as it can be stored. */
export interface Kept {
  keys: string[];
  requestId: string;
  attempts: number;
  durationMs: number;
  code?: string;
  message?: string;
  response?: {
    status: number;
    text: string;
    hex: string;
    /** What the echo says that it was sent. */
    sentMethod: string | null;
    sentType: string | null;
    mark: string | null;
  };
}

export class Origin extends DurableObject<Cloudflare.Env> {
  async onResult(item: ProxyFetchItem): Promise<void> {
    const { requestId, attempts, durationMs, response, error } = item;
    const kept: Kept = { keys: Object.keys(item).sort(), requestId, attempts, durationMs };
    if (error !== undefined) Object.assign(kept, error);
    if (response !== undefined) {
      if (!(response instanceof Response)) throw new TypeError('no Response');
      const { status, headers } = response;
      const bytes = new Uint8Array(await response.arrayBuffer());
      const text = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true }).decode(bytes);
      const hex = [...bytes.slice(0, 16)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
      const [sentMethod, sentType, mark] = ['x-method', 'x-type', 'x-mark'].map((name) => headers.get(name));
      kept.response = { status, text, hex, sentMethod: sentMethod ?? null, sentType: sentType ?? null, mark: mark ?? null };
    }
    this.ctx.storage.kv.put(`item-${requestId}`, [...this.kept(requestId), kept]);
  }

  /** All items of a request: more than one would be a fault. */
  kept(requestId: string): Kept[] {
    return this.ctx.storage.kv.get<Kept[]>(`item-${requestId}`) ?? [];
  }
}
