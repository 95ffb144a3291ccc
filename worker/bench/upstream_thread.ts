// The upstream, on a thread of its own and without an HTTP library, so that it does not limit what is measured.
//
// `/?delay=20` answers after 20 ms, `/hold` never. Only requests without a body come.

import { type Socket, createServer } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import { AT_ONCE, MAX_AT_ONCE, SERVED } from './upstream.ts';

const counters = new Int32Array(workerData as SharedArrayBuffer);
const HEAD_END = '\r\n\r\n';
const ANSWER = 'HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 6\r\n\r\nanswer';

function end(socket: Socket): void {
  Atomics.sub(counters, AT_ONCE, 1);
  Atomics.add(counters, SERVED, 1);
  if (!socket.destroyed) socket.write(ANSWER);
}

function serve(socket: Socket, head: string): void {
  const atOnce = Atomics.add(counters, AT_ONCE, 1) + 1;
  if (atOnce > Atomics.load(counters, MAX_AT_ONCE)) Atomics.store(counters, MAX_AT_ONCE, atOnce);
  const path = head.split(' ', 2)[1] ?? '/';
  if (path.startsWith('/hold')) {
    socket.once('close', () => Atomics.sub(counters, AT_ONCE, 1));
    return;
  }
  const delay = Number(new URL(path, 'http://u').searchParams.get('delay') ?? 0);
  if (delay > 0) setTimeout(() => end(socket), delay);
  else end(socket);
}

const server = createServer({ noDelay: true }, (socket) => {
  let heard = '';
  socket.setEncoding('latin1');
  socket.on('data', (text: string) => {
    heard += text;
    for (let at = heard.indexOf(HEAD_END); at >= 0; at = heard.indexOf(HEAD_END)) {
      serve(socket, heard.slice(0, at));
      heard = heard.slice(at + HEAD_END.length);
    }
  });
  // The runtime is killed in some measurements: its connections end as they may.
  socket.on('error', () => socket.destroy());
});

server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => parentPort?.postMessage(server.address()));
