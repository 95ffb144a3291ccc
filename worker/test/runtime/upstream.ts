// Upstreams on loopback: what a request finds is written in its URL, so each test scripts its own.

import { once } from 'node:events';
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';

export interface Hit {
  path: string;
  method: string;
  headers: IncomingMessage['headers'];
  body: string;
  at: number;
}

export type Handler = (hit: Hit, response: ServerResponse, nth: number) => void | Promise<void>;

/** Counts what arrives, by path and at once. */
export class Upstream {
  readonly hits: Hit[] = [];
  atOnce = 0;
  maxAtOnce = 0;
  #server: Server;
  #handlers = new Map<string, Handler>();

  constructor() {
    this.#server = createServer((request, response) => void this.#serve(request, response));
    this.#server.keepAliveTimeout = 1000;
  }

  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('not listening');
    return address.port;
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.port}${path}`;
  }

  /** What requests of this path find. */
  on(path: string, handler: Handler): string {
    this.#handlers.set(path, handler);
    return this.url(path);
  }

  hitsOf(path: string): Hit[] {
    return this.hits.filter((hit) => hit.path === path);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.atOnce += 1;
    this.maxAtOnce = Math.max(this.maxAtOnce, this.atOnce);
    let over = false;
    response.on('close', () => {
      if (!over) this.atOnce -= 1;
      over = true;
    });
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      // The client went away in mid-request: that is a hit too.
    }
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    const { method = 'GET', headers } = request;
    const hit: Hit = { path, method, headers, body: Buffer.concat(chunks).toString(), at: Date.now() };
    this.hits.push(hit);
    const handler = this.#handlers.get(path);
    if (handler === undefined) {
      const delay = Number(new URL(request.url ?? '/', 'http://u').searchParams.get('delay') ?? 0);
      if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
      response.end(`answer of ${path}`);
    } else {
      await handler(hit, response, this.hitsOf(path).length);
    }
  }

  async dispose(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}
