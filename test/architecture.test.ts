/** The allowed directions of imports, and the only files that may use the process, packages and key names. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');

interface Source {
  path: string;
  text: string;
  imports: string[];
}

const sources: Source[] = [
  'apps/tailer/src',
  'apps/worker/src',
  'apps/api/src',
  'apps/cli/src',
  'packages/shared/src',
  'packages/backtest/src',
].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => {
      const path = relative(root, join(root, folder, name));
      const text = readFileSync(join(root, path), 'utf8');
      const imports = [...text.matchAll(/^(?:import|export)\b[^;]*?from '([^']+)'/gm)].map((match) => match[1] ?? '');
      return { path, text, imports };
    }),
);

const app = (path: string) => /^apps\/(\w+)\//.exec(path)?.[1];
const importers = (wanted: (specifier: string) => boolean) =>
  sources.filter(({ imports }) => imports.some(wanted)).map(({ path }) => path);
const touching = (pattern: RegExp) => sources.filter(({ text }) => pattern.test(text)).map(({ path }) => path);
/** The commands of the CLI are separate processes. */
const isCommand = (path: string) => path.startsWith('apps/cli/');

test('sources are found', () => {
  expect(sources.length).toBeGreaterThan(30);
  expect(sources.flatMap(({ imports }) => imports).length).toBeGreaterThan(100);
});

describe('imports', () => {
  test('of the folder wake stay inside it', () => {
    const foreign = sources
      .filter(({ path }) => path.startsWith('packages/shared/src/wake/'))
      .flatMap(({ path, imports }) =>
        imports.filter((specifier) => !/^\.\/[\w-]+\.ts$/.test(specifier)).map((specifier) => `${path}: ${specifier}`),
      );
    expect(foreign).toEqual([]);
  });

  test('of an app never point into another app, and those of the shared package into no app', () => {
    const crossing = sources.flatMap(({ path, imports }) =>
      imports
        .filter((specifier) => {
          // The commands for users run parts of the tailer and the worker without the app around them. A backtest reads lines as the
          // tailer does.
          const isBacktest = path.startsWith('packages/backtest/');
          if (/@kora-wake\/(tailer|worker)\//.test(specifier)) return app(path) !== 'cli' && !isBacktest;
          if (/@kora-wake\/(api|cli)/.test(specifier)) return true;
          if (!specifier.startsWith('.')) return false;
          const target = relative(root, join(root, path, '..', specifier));
          return app(target) !== app(path) || target.startsWith('packages') !== path.startsWith('packages');
        })
        .map((specifier) => `${path}: ${specifier}`),
    );
    expect(crossing).toEqual([]);
  });

  test.each([
    ['@anthropic-ai/sdk', ['apps/worker/src/investigation/model.ts']],
    ['@slack/web-api', ['apps/worker/src/delivery/slack.ts']],
    ['@pydantic/genai-prices', ['apps/worker/src/investigation/prices.ts']],
    ['close-with-grace', ['packages/shared/src/runtime/lifecycle.ts']],
    ['pino', ['packages/shared/src/runtime/log.ts']],
    ['@opentelemetry/api', ['packages/shared/src/runtime/tracing.ts']],
    [
      '@modelcontextprotocol/client',
      [
        'apps/worker/src/tools/mcp/failure.ts',
        'apps/worker/src/tools/mcp/listing.ts',
        'apps/worker/src/tools/mcp/server.ts',
        'apps/worker/src/tools/mcp/transport.ts',
      ],
    ],
    [
      'ipaddr.js',
      [
        'apps/worker/src/tools/network/allow-list.ts',
        'apps/api/src/ingest/sns.ts',
        'packages/shared/src/runtime/proxy.ts',
      ],
    ],
    ['undici', ['packages/shared/src/runtime/proxy.ts']],
    ['@bull-board/api', ['apps/api/src/board.ts']],
  ])('of %s are in one module', (name, files) => {
    expect(importers((specifier) => specifier === name)).toEqual(files);
  });
});

test('the API decides rows only in the thread of a backtest', () => {
  const deciding = importers((specifier) => specifier.startsWith('@kora-wake/backtest/'));
  expect(deciding.filter((path) => app(path) === 'api')).toEqual(['apps/api/src/backtest/thread.ts']);
});

test('OpenTelemetry is loaded only if tracing is on', () => {
  const loaded = importers((specifier) => /opentelemetry\/(?!api)|bullmq-otel|@fastify\/otel/.test(specifier));
  expect(loaded).toEqual([]);
  expect(touching(/import\('@opentelemetry\/sdk-trace'\)/)).toEqual(['packages/shared/src/runtime/tracing.ts']);
});

describe('the process', () => {
  test('is used only by the lifecycle module and the CLI', () => {
    const edge = ['packages/shared/src/runtime/lifecycle.ts'];
    const seen = touching(/\bprocess\.(env|exit|exitCode|kill)\b|\bprocess\.on(ce)?\(/);
    expect(seen.filter((path) => !isCommand(path))).toEqual(edge);
  });

  test('has no behaviour of its own under test', () => {
    expect(touching(/VITEST|NODE_ENV/)).toEqual([]);
  });
});

test('every Redis key is built in one file', () => {
  expect(touching(/`\$\{(?:keys\.)?prefix\}:/)).toEqual(['packages/shared/src/store/keys.ts']);
});

test('Lua is in files, and never in TypeScript', () => {
  expect(touching(/redis\.call\(/)).toEqual([]);
  expect(touching(/\.(?:eval|evalsha)\(/)).toEqual([]);
});

test('the HTTP contract loads in a browser: it imports only zod and pure modules', () => {
  const isContract = (path: string) => path.startsWith('apps/api/src/contract');
  const allowed =
    /^(?:zod|\.\/(?:contract\/)?[\w-]+\.ts|@kora-wake\/shared\/(?:wake\/\w+|policy\/state|store\/(?:event|step)-types))$/;
  const contract = sources.filter(({ path }) => isContract(path));
  expect(contract.length).toBeGreaterThan(5);
  const types = sources.filter(({ path }) => /^packages\/shared\/src\/store\/(?:event|step)-types\.ts$/.test(path));
  expect(types).toHaveLength(2);
  const imported = [...contract, ...types].flatMap(({ imports }) => imports);
  expect(imported.filter((specifier) => !allowed.test(specifier) && !/^\.\.\/wake\/\w+\.ts$/.test(specifier))).toEqual(
    [],
  );
});
