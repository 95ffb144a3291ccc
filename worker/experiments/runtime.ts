// The real runtime under experiment: workerd with SQLite on disk, killed and started again on the same disk.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import workerd from 'workerd';
import { freePort } from '../test/runtime/workerd.ts';
import { TRAP } from './trap.ts';

/** The binary itself: a signal to the package's wrapper would not reach it. */
const WORKERD = workerd.default;
const OBJECTS = join(import.meta.dirname, 'objects');
/** Limits the size of files, ignores the signal of a write beyond it, so that the write fails; then becomes workerd. */
const LAUNCH = 'trap "" XFSZ; ulimit -f "$0"; exec "$@"';

/** What an object's method threw, as its caller saw it. */
export class Refused extends Error {
  readonly durableObjectReset: boolean;
  readonly retryable: boolean;

  constructor(error: { name: string; message: string; retryable: boolean; durableObjectReset: boolean }) {
    super(error.message);
    this.name = error.name;
    this.retryable = error.retryable;
    this.durableObjectReset = error.durableObjectReset;
  }
}

/** What `Subject.look` of objects/lab.js says. */
export interface Look {
  instance: string;
  remembered: number;
  notes: string[];
  alarm: number | null;
}

function config(subject: string, folder: string, port: number): string {
  const text = (value: string) => JSON.stringify(value);
  const script = (name: string) =>
    `(name = ${text(name)}, esModule = embed ${text(relative(folder, join(OBJECTS, name)))})`;
  const modules = [script(`${subject}.js`), script('lab.js'), '(name = "trap.wasm", wasm = embed "trap.wasm")'];
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [${modules.join(', ')}],
      bindings = [(name = "SUBJECT", durableObjectNamespace = "Experiment")],
      durableObjectNamespaces = [(className = "Experiment", uniqueKey = "experiment", enableSql = true)],
      durableObjectStorage = (localDisk = "disk"),
      globalOutbound = "upstream",
      compatibilityDate = "2026-11-01",
    )),
    (name = "disk", disk = (path = ${text(join(folder, 'disk'))}, writable = true)),
    (name = "upstream", network = (allow = ["private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);
`;
}

/** One disk, and the runtimes that live on it one after the other. */
export class Runtime {
  readonly folder: string;
  readonly #subject: string;
  #child: ChildProcess | undefined;
  #port = 0;
  /** What it printed, of all its incarnations. */
  log = '';

  /** @param subject the file in `objects/` that holds the class `Experiment` and the entry */
  constructor(subject: string) {
    this.#subject = subject;
    this.folder = mkdtempSync(join(tmpdir(), 'proxy-fetch-experiment-'));
    mkdirSync(join(this.folder, 'disk'));
    writeFileSync(join(this.folder, 'trap.wasm'), TRAP);
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error('the runtime does not run');
    return pid;
  }

  /** @param maxFileKib no file may grow beyond: a commit that would need that fails */
  async start(maxFileKib: number | 'unlimited' = 'unlimited'): Promise<void> {
    this.#port ||= await freePort();
    const file = join(this.folder, 'config.capnp');
    writeFileSync(file, config(this.#subject, this.folder, this.#port));
    const command = ['-c', LAUNCH, String(maxFileKib), WORKERD, 'serve', '--control-fd=3', file];
    const child = spawn('bash', command, { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
    this.#child = child;
    const keep = (chunk: Buffer) => {
      this.log += chunk.toString();
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    const control = child.stdio[3];
    if (control === null || control === undefined) throw new Error('no control channel');
    await new Promise<void>((resolve, reject) => {
      let heard = '';
      control.on('data', (chunk: Buffer) => {
        heard += chunk.toString();
        if (heard.includes('"listen"')) resolve();
      });
      child.on('error', reject);
      child.on('exit', (code, signal) => reject(new Error(`workerd ended (${code ?? signal}): ${this.log}`)));
    });
  }

  /** Calls a method of an object. */
  async call<T = unknown>(object: string, method: string, ...values: unknown[]): Promise<T> {
    const url = `http://127.0.0.1:${this.#port}/${object}/${method}`;
    const response = await fetch(url, { method: 'POST', body: JSON.stringify(values) });
    const answer = (await response.json()) as { value: T } | { error: ConstructorParameters<typeof Refused>[0] };
    if ('error' in answer) throw new Refused(answer.error);
    return answer.value;
  }

  look(object: string): Promise<Look> {
    return this.call(object, 'look');
  }

  /** Ends it by a signal; resolves when it is gone. */
  async end(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }

  async dispose(): Promise<void> {
    await this.end();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
