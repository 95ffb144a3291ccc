// An experiment, and what its findings are made with: words instead of timings, so that two runs say the same.

import { Upstream } from '../test/runtime/upstream.ts';
import { Runtime } from './runtime.ts';

/** Question to answer. */
export type Findings = Record<string, string>;

/** What an experiment has at hand. */
export interface Lab {
  runtime: Runtime;
  upstream: Upstream;
  /** A second disk and runtime, with another subject if need be. */
  another(subject: string): Promise<Runtime>;
}

export interface Experiment {
  name: string;
  run(lab: Lab): Promise<Findings>;
}

export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

export const yes = (is: boolean) => (is ? 'yes' : 'no');

/** Waits until it is so; says whether it came to be. */
export async function until(is: () => boolean | Promise<boolean>, withinMs = 10_000): Promise<boolean> {
  const end = Date.now() + withinMs;
  while (!(await is())) {
    if (Date.now() > end) return false;
    await sleep(20);
  }
  return true;
}

/** What the promise came to: 'pending' if it is not done in time. */
export async function outcome<T>(promise: Promise<T>, withinMs = 10_000): Promise<T | Error | 'pending'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'pending'>((resolve) => {
    timer = setTimeout(() => resolve('pending'), withinMs);
  });
  const settled = promise.catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))));
  return Promise.race([settled, late]).finally(() => clearTimeout(timer));
}

/** Answers held back until they are released. */
export class Held {
  #answers: (() => void)[] = [];
  /** How many have arrived. */
  arrived = 0;
  /** How many were given up by whoever asked, before the answer. */
  abandoned = 0;
  /** When the first was given up. */
  abandonedAt = 0;
  readonly url: string;

  constructor(upstream: Upstream, path: string) {
    this.url = upstream.on(path, (_hit, response) => {
      this.arrived += 1;
      response.on('close', () => {
        if (response.writableEnded) return;
        this.abandoned += 1;
        this.abandonedAt ||= Date.now();
      });
      this.#answers.push(() => response.end('answer'));
    });
  }

  release(): void {
    for (const answer of this.#answers.splice(0)) answer();
  }
}

/** Runs one experiment with a fresh disk, runtime and upstream, and cleans up after it. */
export async function conduct(experiment: Experiment): Promise<Findings> {
  const upstream = new Upstream();
  const runtimes: Runtime[] = [];
  const another = async (subject: string) => {
    const runtime = new Runtime(subject);
    runtimes.push(runtime);
    await runtime.start();
    return runtime;
  };
  try {
    await upstream.start();
    const runtime = await another(experiment.name);
    return await experiment.run({ runtime, upstream, another });
  } catch (error) {
    throw new Error(`${experiment.name}: ${runtimes.map((runtime) => runtime.log).join('\n')}`, { cause: error });
  } finally {
    await Promise.all(runtimes.map((runtime) => runtime.dispose()));
    await upstream.dispose();
  }
}
