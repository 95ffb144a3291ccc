// A client with little of its own: one connection, one request at a time, so that a bare request is the runtime's time.

import { once } from 'node:events';
import { type Socket, connect } from 'node:net';

const HEAD_END = '\r\n\r\n';

export class Wire {
  #socket: Socket;
  #heard = '';
  #resolve: ((answer: string) => void) | undefined;
  #reject: ((error: Error) => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => this.#hear(text));
    socket.on('error', (error) => this.#reject?.(error));
    socket.on('close', () => this.#reject?.(new Error('the runtime closed the connection')));
  }

  static async open(url: string): Promise<Wire> {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    await once(socket, 'connect');
    return new Wire(socket);
  }

  #hear(text: string): void {
    this.#heard += text;
    const at = this.#heard.indexOf(HEAD_END);
    if (at < 0) return;
    const head = this.#heard.slice(0, at);
    const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
    if (length === undefined) return this.#reject?.(new Error(`an answer without its length: ${head}`));
    const body = this.#heard.slice(at + HEAD_END.length);
    if (body.length < Number(length)) return;
    this.#heard = '';
    const status = Number(head.split(' ', 2)[1]);
    if (status === 200) this.#resolve?.(body);
    else this.#reject?.(new Error(`${status}: ${body}`));
  }

  get(path: string): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.#socket.write(`GET ${path} HTTP/1.1\r\nhost: bench\r\n\r\n`);
    });
  }

  close(): void {
    this.#reject = undefined;
    this.#socket.destroy();
  }
}

/** The times of so many bare requests, one after the other, in ms. */
export async function bareTimes(url: string, count: number): Promise<number[]> {
  const wire = await Wire.open(url);
  const times: number[] = [];
  for (let n = 0; n < count; n += 1) {
    const start = performance.now();
    await wire.get('/');
    times.push(performance.now() - start);
  }
  wire.close();
  return times;
}
