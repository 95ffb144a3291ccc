// Puts what is built from Rust (`cargo xtask worker-build`) beside what is built from TypeScript.

import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

const here = import.meta.dirname;
const build = join(here, '..', 'build');
const compiled = join(here, 'dist', 'compiled');

if (!existsSync(join(build, 'index.js'))) throw new Error('the worker is not built: cargo xtask worker-build');
mkdirSync(compiled, { recursive: true });
for (const file of ['index.js', 'index_bg.wasm']) copyFileSync(join(build, file), join(compiled, file));
copyFileSync(join(here, 'src', 'compiled', 'index.d.ts'), join(compiled, 'index.d.ts'));
for (const file of ['LICENSE-MIT', 'LICENSE-APACHE']) copyFileSync(join(here, '..', '..', file), join(here, file));
