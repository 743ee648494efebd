import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** Tests that mostly wait, and campaigns: fail-overs, expiry of leases and locks, kills. `npm run test:field` runs them. */
const FIELD = 'test/**/*.field.test.ts';

/** Files with a property whose runs take long. The field tests run them again, and give each property more time. */
const PROPERTIES = [
  'apps/api/test/requests.test.ts',
  'apps/tailer/test/decide/batch.test.ts',
  'apps/tailer/test/decide/firing.test.ts',
  'apps/tailer/test/decide/incidents.model.test.ts',
  'apps/tailer/test/decide/stores.model.test.ts',
  'apps/tailer/test/decide/stats.model.test.ts',
  'apps/tailer/test/log/follower.model.test.ts',
  'apps/tailer/test/log/scan.test.ts',
  'packages/shared/test/store/windows.model.test.ts',
  'packages/shared/test/wake/limits.test.ts',
];
const PROPERTY_MS = '20000';

export default defineConfig({
  resolve: {
    // Tests import the sources, so that coverage and stack traces refer to them. Processes under test run the build.
    alias: [
      {
        find: /^@kora-wake\/shared\/(.*)$/,
        replacement: fileURLToPath(new URL('packages/shared/src/$1.ts', import.meta.url)),
      },
      {
        find: /^@kora-wake\/backtest\/(.*)$/,
        replacement: fileURLToPath(new URL('packages/backtest/src/$1.ts', import.meta.url)),
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
    globalSetup: ['test/support/redis-server.ts'],
    // Tests spend most of their time waiting for processes and timers, so more files run at once than there are cores.
    maxWorkers: 4,
    // These limits only end a hanging test. They are longer than a wait (WAIT_MS), whose error says more.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'main',
          include: ['packages/*/test/**/*.test.ts', 'apps/*/test/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: [FIELD],
          // A worker loads modules once, not again for each of its files: that took a third of the CPU time. Test files therefore
          // leave no global state behind. The field tests are isolated.
          isolate: false,
        },
      },
      { extends: true, test: { name: 'field', include: [FIELD, ...PROPERTIES], env: { PROPERTY_MS } } },
    ],
    coverage: {
      provider: 'v8',
      include: ['packages/*/src/**', 'apps/*/src/**'],
      exclude: ['**/main.ts'],
      reporter: ['text', 'html'],
    },
  },
});
