/** What the documents say must be so: links, files, commands, variables, and the containers they describe. */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';

const execFileAsync = promisify(execFile);
const root = join(import.meta.dirname, '..');
const read = (name: string) => readFileSync(join(root, name), 'utf8');
const documents = ['README.md', 'CONTRIBUTING.md', 'docs/operator.md', 'docs/client.md', 'docs/scale.md'];

describe.each(documents)('%s', (name) => {
  const text = read(name);

  test('links only to what exists', () => {
    const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)/g)].map((match) => match[1] ?? '');
    expect(links.filter((link) => !existsSync(join(root, dirname(name), link)))).toEqual([]);
  });

  test('names only files that exist', () => {
    const files = [
      ...text.matchAll(/`((?:apps|packages|test|scripts|docs|deploy|bench)\/[\w./-]+|[\w-]+\.(?:yml|md|json))`/g),
    ].map((match) => match[1] ?? '');
    expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([]);
  });

  test('names only scripts that exist', () => {
    const { scripts } = JSON.parse(read('package.json'));
    const named = [...text.matchAll(/npm (?:run ([\w:-]+)|(start|test)\b)/g)].map(
      (match) => match[1] ?? match[2] ?? '',
    );
    expect(named.filter((script) => !(script in scripts))).toEqual([]);
  });
});

test('README.md names every variable that is read, and no other', () => {
  const pattern = /\b(?:KORA_[A-Z0-9_]+|REDIS_URL|LOG_LEVEL|OTEL_[A-Z_]+|ANTHROPIC_[A-Z_]+|CLAUDE_CODE_OAUTH_TOKEN)\b/g;
  const configured = new Set(read('packages/shared/src/runtime/config.ts').match(pattern));
  const compose = new Set(['KORA_LOG_DIR']);
  const documented = new Set([...(read('README.md').match(pattern) ?? [])].filter((name) => !compose.has(name)));
  expect([...documented].toSorted()).toEqual([...configured].toSorted());
});

test('docs/client.md shows docs/client.ts as it is', () => {
  expect(read('docs/client.md')).toContain(`\`\`\`ts\n${read('docs/client.ts')}\`\`\``);
});

test('README.md gives the routes that exist', () => {
  const named = [...read('README.md').matchAll(/127\.0\.0\.1:3900(\/[\w/]*)/g)].map((match) => match[1] ?? '');
  const folder = 'apps/api/src/routes';
  const files = readdirSync(join(root, folder)).map((name) => `${folder}/${name}`);
  const routes = [...files, 'apps/api/src/app.ts'].map(read).join('\n');
  const exists = (path: string) => {
    const [, v1, resource] = path.split('/');
    return v1 === 'v1' ? routes.includes(`/v1/${resource}`) : routes.includes(`'${path}'`);
  };
  expect(named.length).toBeGreaterThan(5);
  expect(named.filter((path) => !exists(path))).toEqual([]);
});

describe('docs/scale.md', () => {
  const text = read('docs/scale.md');
  const shown = [...text.matchAll(/```\nnpm run simulate(?: -- )?(.*)\n([^`]*)```/g)];
  const tables = shown.map(([, options = '', table]) => ({ options, table }));

  test.for(tables)('shows what is reckoned: npm run simulate $options', async ({ options, table }) => {
    const said = await execFileAsync(process.execPath, [
      join(root, 'apps/cli/dist/main.js'),
      'simulate',
      ...options.split(' ').filter(Boolean),
    ]);
    expect(table).toBe(said.stdout);
  });

  test('scales on a metric that there is', () => {
    const [, yaml = ''] = /```yaml\n([^`]*)```/.exec(text) ?? [];
    const [{ metadata }] = parse(yaml).spec.triggers;
    const name = /kora_([a-z_]+)/.exec(metadata.query)?.[1];
    expect(read('apps/api/src/metrics.ts')).toContain(`gauge('${name}'`);
  });
});

describe('docker-compose.yml', () => {
  // Merge keys are YAML 1.1, which compose reads.
  const { services, volumes } = parse(read('docker-compose.yml'), { merge: true });

  test('runs the three apps that are built, and a Redis that keeps what it is given', () => {
    expect(Object.keys(services).toSorted()).toEqual(['api', 'redis', 'tailer', 'worker']);
    for (const app of ['tailer', 'worker', 'api']) {
      expect(services[app].command).toEqual([`apps/${app}/dist/main.js`]);
      expect(existsSync(join(root, 'apps', app, 'src', 'main.ts'))).toBe(true);
      expect(services[app].depends_on.redis.condition).toBe('service_healthy');
    }
    expect(services.redis.command.join(' ')).toContain('--appendonly yes --maxmemory-policy noeviction');
    expect(services.redis.healthcheck.test).toContain('ping');
  });

  test('gives the apps more time to stop than they take, and the worker no fixed name or port', () => {
    expect(services.worker.stop_grace_period).toBe('30s');
    expect(services.worker.ports ?? services.worker.container_name).toBeUndefined();
  });

  test('opens the API to this machine only, and asks for its token', () => {
    expect(services.api.ports).toEqual(['127.0.0.1:3900:3900']);
    expect(services.api.environment).toMatchObject({ REDIS_URL: 'redis://redis:6379', KORA_API_HOST: '0.0.0.0' });
    expect(services.api.environment.KORA_API_TOKEN).toContain(':?');
  });

  test('mounts only volumes that it declares', () => {
    const mounted = ['redis', 'tailer', 'worker', 'api'].flatMap((name) => services[name].volumes as string[]);
    const names = mounted.map((mount) => /^(?:\$\{\w+:-)?(\w+)\}?:/.exec(mount)?.[1]);
    expect(new Set(names)).toEqual(new Set(Object.keys(volumes)));
  });
});

test('the Dockerfile builds and keeps what the apps need, and runs as nobody special', () => {
  const text = read('Dockerfile');
  for (const workspace of ['packages/shared', 'apps/tailer', 'apps/worker', 'apps/api', 'apps/cli', 'apps/console']) {
    expect(text).toContain(`COPY ${workspace}/package.json ${workspace}/`);
    expect(text).toContain(`COPY --from=build /app/${workspace}/dist ${workspace}/dist`);
  }
  expect(
    text
      .trim()
      .split('\n')
      .findLast((line) => line.startsWith('USER')),
  ).toBe('USER node');
});
