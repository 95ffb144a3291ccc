// The upstream of these tests, in Node: what it does is in the path, and what came in can be asked for.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { TestProject } from 'vitest/node';
import { Upstream } from '../runtime/upstream.ts';

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const upstream = new Upstream();
  await upstream.start();
  // What came in at the path that the body names.
  upstream.on('/hits', ({ body }, response) => void response.end(JSON.stringify(upstream.hitsOf(body))));
  upstream.on('/payments', (_, response, nth) => void response.writeHead(nth < 3 ? 503 : 200).end());
  upstream.on('/down', (_, response) => void response.writeHead(500).end('down'));
  upstream.on('/hang', () => {});

  const echo = createServer((request, response) => {
    const headers = { 'x-method': request.method, 'x-type': request.headers['content-type'] ?? 'none' };
    request.pipe(response.writeHead(200, { 'x-mark': request.headers['x-mark'] ?? 'none', ...headers }));
  });
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  const address = echo.address();
  if (address === null || typeof address === 'string') throw new Error('not listening');

  project.provide('upstream', upstream.url(''));
  project.provide('echo', `http://127.0.0.1:${address.port}/`);
  return async () => {
    echo.closeAllConnections();
    echo.close();
    await upstream.dispose();
  };
}
