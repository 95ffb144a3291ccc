// One copy of all that a run needs of the worker, so that a build in the meantime changes nothing.

import { copyFileSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const HERE = import.meta.dirname;
const BUILD = join(HERE, '..', 'build');

export class Stage {
  readonly folder = mkdtempSync(join(tmpdir(), 'proxy-fetch-bench-'));

  constructor() {
    if (!existsSync(join(BUILD, 'index_bg.wasm'))) throw new Error('the worker is not built: cargo xtask worker-build');
    for (const name of ['index.js', 'index_bg.wasm']) copyFileSync(join(BUILD, name), this.file(name));
    const worker = join(HERE, 'worker');
    for (const name of readdirSync(worker)) copyFileSync(join(worker, name), this.file(name));
  }

  file(name: string): string {
    return join(this.folder, name);
  }

  /** Size of the compiled code. */
  wasmBytes(): { raw: number; gzipped: number } {
    const wasm = readFileSync(this.file('index_bg.wasm'));
    return { raw: wasm.length, gzipped: gzipSync(wasm, { level: 9 }).length };
  }

  dispose(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
