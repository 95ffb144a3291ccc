// The TypeScript client inside the real runtime, as it is packed: `npm run do` packs it first.

import { join } from 'node:path';
import { cloudflareTest } from '@cloudflare/vitest-plugin';
import { defineConfig } from 'vitest/config';

const here = import.meta.dirname;

export default defineConfig({
  root: here,
  plugins: [
    cloudflareTest(({ inject }) => ({
      wrangler: { configPath: join(here, 'wrangler.jsonc') },
      miniflare: { bindings: { REPORTS: inject<string>('upstream') } },
    })),
  ],
  resolve: { alias: { 'proxy-fetch': join(here, '../../npm/dist/index.js') } },
  test: {
    globalSetup: join(here, 'upstream.ts'),
    include: ['*.test.ts'],
    testTimeout: 20_000,
    silent: 'passed-only',
    // One runtime for all files: each test has objects of its own.
    isolate: false,
  },
});
