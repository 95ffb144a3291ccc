// fsyncs per request, counted by strace in rounds of their own, since it slows what it watches.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { Collected, type Spread, rotated, shownSpread, spread } from './figures.ts';
import { type Kind, type Lab, NAMES, burst, latencies, settled, sleep } from './lab.ts';
import { table } from './table.ts';

const KINDS: Kind[] = ['direct', 'minimal', 'ours', 'ours_array'];
const MODES = ['alone', '32 callers', '1,000 at once'] as const;
type Mode = (typeof MODES)[number];
const COUNTS: Record<Mode, number> = { alone: 100, '32 callers': 640, '1,000 at once': 1_000 };
/** How strace starts the line that says that it watches. */
const WATCHES = 'attached';

export interface FsyncRow {
  kind: Kind;
  each: Partial<Record<Mode, Spread>>;
}

/** Or why they cannot be counted. */
export type Fsyncs = FsyncRow[] | string;

/** Why a tool does not work, in words. */
class Unusable extends Error {}

async function watch(pid: number, file: string): Promise<ChildProcess> {
  const child = spawn('strace', ['-f', '-c', '-e', 'trace=fsync,fdatasync', '-o', file, '-p', `${pid}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  await new Promise<void>((resolve, reject) => {
    let heard = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      heard += chunk.toString();
      if (heard.includes(WATCHES)) resolve();
    });
    child.on('error', (error) => reject(new Unusable(`strace: ${error.message}`)));
    child.on('exit', (code) => reject(new Unusable(`strace ended (${code}): ${heard}`)));
  });
  return child;
}

/** Calls of fsync and fdatasync while this ran. */
async function counted(lab: Lab, run: () => Promise<unknown>): Promise<number> {
  const file = lab.stage.file('strace.txt');
  const child = await watch(lab.runtime.pid, file);
  await run();
  await settled(lab.runtime);
  await sleep(100);
  const ended = once(child, 'exit');
  child.kill('SIGINT');
  await ended;
  // Columns: share, seconds, microseconds a call, calls, perhaps errors, name.
  const rows = readFileSync(file, 'utf8').split('\n').map((line) => line.trim().split(/\s+/));
  rmSync(file);
  return rows
    .filter((row) => row.at(-1) === 'fsync' || row.at(-1) === 'fdatasync')
    .reduce((sum, row) => sum + Number(row[3]), 0);
}

export async function fsyncs(lab: Lab, rounds: number): Promise<Fsyncs> {
  const { runtime, upstream } = lab;
  const found = new Collected();
  const url = upstream.after(0);
  const isMeasured = (kind: Kind, mode: Mode) => kind !== 'ours_array' || mode === '1,000 at once';
  try {
    for (let round = 0; round < rounds; round += 1) {
      for (const mode of MODES) {
        const count = COUNTS[mode];
        for (const kind of rotated(KINDS, round)) {
          if (!isMeasured(kind, mode)) continue;
          await settled(runtime);
          const calls = await counted(lab, () =>
            mode === '1,000 at once'
              ? burst(runtime, kind, count, url)
              : latencies(runtime, kind, count, mode === 'alone' ? 1 : 32, url)
          );
          found.add(`${kind} ${mode}`, calls / count);
        }
      }
    }
  } catch (error) {
    if (error instanceof Unusable) return error.message;
    throw error;
  }
  return KINDS.map((kind) => {
    const modes = MODES.filter((mode) => isMeasured(kind, mode));
    return { kind, each: Object.fromEntries(modes.map((mode) => [mode, spread(found.of(`${kind} ${mode}`))])) };
  });
}

export function fsyncText(found: Fsyncs): string {
  if (typeof found === 'string') return `## fsyncs per request\n\nNot measured. ${found}`;
  const lines = found.map(({ kind, each }) => [
    NAMES[kind],
    ...MODES.map((mode) => {
      const figure = each[mode];
      return figure === undefined ? '' : shownSpread(figure);
    }),
  ]);
  return `## fsyncs per request

Counted by strace, 0 ms upstream. The origin writes nothing.

${table(['variant', ...MODES], lines)}`;
}
