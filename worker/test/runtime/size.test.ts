// What a cold start loads.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { gzipSync } from 'node:zlib';

const MAX_BYTES = 400_000;

it('has less than 400 kB of wasm, gzipped', () => {
  const wasm = readFileSync(join(import.meta.dirname, '..', '..', 'build', 'index_bg.wasm'));
  const bytes = gzipSync(wasm, { level: 9 }).length;
  console.log(`${bytes} bytes of wasm gzipped, ${wasm.length} raw`);
  assert.ok(bytes < MAX_BYTES, `${bytes} bytes`);
});
