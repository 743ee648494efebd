import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: {
    // Tests see the sources, so that coverage and stack traces speak of them; processes under test run what was built.
    alias: [
      {
        find: /^@kora-wake\/shared\/(.*)$/,
        replacement: fileURLToPath(new URL('packages/shared/src/$1.ts', import.meta.url)),
      },
      {
        find: /^@kora-wake\/(tailer|worker)\/(.*)$/,
        replacement: fileURLToPath(new URL('apps/$1/src/$2.ts', import.meta.url)),
      },
      {
        find: '@kora-wake/api/contract',
        replacement: fileURLToPath(new URL('apps/api/src/contract.ts', import.meta.url)),
      },
    ],
  },
  test: {
    include: ['packages/*/test/**/*.test.ts', 'apps/*/test/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: ['test/support/redis-server.ts'],
    // Most of a test's time is waiting for processes and for what lapses, so more run at once than there are cores.
    maxWorkers: 4,
    testTimeout: 20_000,
    hookTimeout: 30_000,
    coverage: {
      provider: 'v8',
      include: ['packages/*/src/**', 'apps/*/src/**'],
      exclude: ['**/main.ts'],
      reporter: ['text', 'html'],
    },
  },
});
