// Runs the real runtime: workerd with SQLite on disk, and one worker of several modules.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import workerd from 'workerd';

/** The binary itself: a signal to the package's wrapper would not reach it. */
const WORKERD = workerd.default;

export interface Worker {
  /** Module name to file, the first is the entry. */
  modules: Record<string, string>;
  /** Classes of durable objects by binding. */
  objects: Record<string, string>;
  vars?: Record<string, string>;
}

/** A free port of loopback. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  server.close();
  await once(server, 'close');
  return address.port;
}

function capnp(worker: Worker, folder: string, disk: string, port: number): string {
  const text = (value: string) => JSON.stringify(value);
  const modules = Object.entries(worker.modules).map(([name, file]) => {
    const kind = name.endsWith('.wasm') ? 'wasm' : 'esModule';
    return `(name = ${text(name)}, ${kind} = embed ${text(relative(folder, file))})`;
  });
  const classes = [...new Set(Object.values(worker.objects))];
  const namespaces = classes.map((name) => `(className = ${text(name)}, uniqueKey = ${text(name)}, enableSql = true)`);
  const bindings = [
    ...Object.entries(worker.objects).map(([name, kind]) => `(name = ${text(name)}, durableObjectNamespace = ${text(kind)})`),
    ...Object.entries(worker.vars ?? {}).map(([name, value]) => `(name = ${text(name)}, text = ${text(value)})`),
  ];
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [${modules.join(', ')}],
      bindings = [${bindings.join(', ')}],
      durableObjectNamespaces = [${namespaces.join(', ')}],
      durableObjectStorage = (localDisk = "disk"),
      globalOutbound = "upstream",
      compatibilityDate = "2026-11-01",
    )),
    (name = "disk", disk = (path = ${text(disk)}, writable = true)),
    (name = "upstream", network = (allow = ["public", "private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);
`;
}

/** One runtime, which can be killed and started again on the same disk. */
export class Runtime {
  readonly folder: string;
  readonly disk: string;
  #worker: Worker;
  #child: ChildProcess | undefined;
  #port = 0;
  /** What it printed, of all its incarnations. */
  log = '';

  constructor(worker: Worker) {
    this.#worker = worker;
    this.folder = mkdtempSync(join(tmpdir(), 'proxy-fetch-workerd-'));
    this.disk = join(this.folder, 'disk');
    mkdirSync(this.disk);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error('the runtime does not run');
    return pid;
  }

  async start(): Promise<void> {
    this.#port ||= await freePort();
    const config = join(this.folder, 'config.capnp');
    writeFileSync(config, capnp(this.#worker, this.folder, this.disk, this.#port));
    const child = spawn(WORKERD, ['serve', '--control-fd=3', config], { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
    this.#child = child;
    const keep = (chunk: Buffer) => {
      this.log += chunk.toString();
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    const control = child.stdio[3];
    if (control === null || control === undefined) throw new Error('no control channel');
    const listening = new Promise<void>((resolve, reject) => {
      let heard = '';
      control.on('data', (chunk: Buffer) => {
        heard += chunk.toString();
        if (heard.includes('"listen"')) resolve();
      });
      child.on('error', reject);
      child.on('exit', (code, signal) => reject(new Error(`workerd ended (${code ?? signal}): ${this.log}`)));
    });
    await listening;
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }

  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  terminate(): Promise<void> {
    return this.#end('SIGTERM');
  }

  async dispose(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
