/** Keeps the documents true: links, files, commands, variables, routes, snippets, and the containers they describe. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { LOG_EVENTS } from '@kora-wake/shared/runtime/log-events';
import { readWake } from '@kora-wake/shared/wake/wake';
import { describe, expect } from 'vitest';
import { parse } from 'yaml';
import { FAULT_TABLE } from './faults.ts';
import { test } from './support/fixtures.ts';
import { program } from './support/programs.ts';

const root = join(import.meta.dirname, '..');
const read = (name: string) => readFileSync(join(root, name), 'utf8');
const exists = (name: string) => existsSync(join(root, name));
const filesIn = (folder: string) =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
const markdown = (name: string) => name.endsWith('.md');
const documents = [
  ...readdirSync(root).filter(markdown),
  ...['docs', 'examples', '.github'].flatMap(filesIn).filter(markdown),
];
/** The changelog also names commands, files and variables of earlier versions. */
const current = documents.filter((name) => name !== 'CHANGELOG.md');

const scripts: Record<string, string> = JSON.parse(read('package.json')).scripts;

const VARIABLE = /\b(?:KORA_[A-Z0-9_]+|REDIS_URL|LOG_LEVEL|OTEL_[A-Z_]+|ANTHROPIC_[A-Z_]+|CLAUDE_CODE_OAUTH_TOKEN)\b/g;
/** Every variable that the apps read. */
const variables = new Set(filesIn('packages/shared/src/runtime').flatMap((name) => read(name).match(VARIABLE) ?? []));
const unknownVariables = (text: string) => (text.match(VARIABLE) ?? []).filter((name) => !variables.has(name));

const metrics = ['api', 'tailer', 'worker'].map((app) => read(`apps/${app}/src/metrics.ts`)).join('\n');

/** The anchors that GitHub gives the headings of a document. */
function anchorsOf(name: string): string[] {
  return [...read(name).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** The parts of a match that `group` numbers, over all matches. */
const matches = (text: string, pattern: RegExp, group = 1) =>
  [...text.matchAll(pattern)].map((match) => match[group] ?? '');

test('every document is checked', () => {
  const some = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md', 'docs/operator.md', 'docs/client.md'];
  expect(documents).toEqual(expect.arrayContaining(some));
});

describe.each(documents)('%s', (name) => {
  test('links only to files and headings that exist', () => {
    const links = [...read(name).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)];
    const broken = links.filter(([, file = '', anchor]) => {
      const target = file === '' ? name : join(dirname(name), file);
      return !exists(target) || (anchor !== undefined && !anchorsOf(target).includes(anchor));
    });
    expect(broken.map(([link]) => link)).toEqual([]);
  });
});

describe.each(current)('%s', (name) => {
  const text = read(name);

  test('names only files that exist', () => {
    const folders = 'apps|packages|test|scripts|docs|deploy|bench|examples|.github';
    const files = matches(text, new RegExp(`\`((?:${folders})/[\\w./-]+|[\\w-]+\\.(?:yml|md|json))\``, 'g'));
    expect(files.filter((file) => !exists(file) && !exists(join(dirname(name), file)))).toEqual([]);
  });

  test('names only npm scripts that exist', () => {
    const named = [...matches(text, /npm run ([\w:-]+)/g), ...matches(text, /npm (start|test)\b/g)];
    expect(named.filter((script) => !(script in scripts))).toEqual([]);
  });

  test('names only apps and commands that exist', () => {
    for (const app of matches(text, /\bapps\/(\w+)\/dist\/main\.js/g)) {
      expect(exists(`apps/${app}/src/main.ts`)).toBe(true);
    }
    const commands = matches(text, /\bapps\/cli\/dist\/main\.js ([a-z]+)/g);
    expect(commands.filter((command) => !exists(`apps/cli/src/commands/${command}.ts`))).toEqual([]);
  });

  test('names only variables that exist', () => {
    expect(unknownVariables(text)).toEqual([]);
  });

  test('names only log events and metrics that exist', () => {
    const areas = new Set(Object.keys(LOG_EVENTS).map((event) => event.split('.')[0]));
    const events = matches(text, /`([a-z_]+\.[a-z_]{3,})`/g).filter((event) => areas.has(event.split('.')[0]));
    expect(events.filter((event) => !(event in LOG_EVENTS))).toEqual([]);
    const named = matches(text, /`kora_([a-z_]+?)(?:_total)?`/g);
    expect(named.filter((metric) => !new RegExp(`'(?:kora_)?${metric}(?:_total)?'`).test(metrics))).toEqual([]);
  });
});

describe('README.md', () => {
  const text = read('README.md');

  test('is short', () => {
    expect(text.trimEnd().split('\n').length).toBeLessThanOrEqual(140);
  });

  test('leads to every document', () => {
    const unlinked = documents.filter((name) => !text.includes(`](${name})`));
    const linkedElsewhere = new Set(['README.md', 'docs/releasing.md', '.github/pull_request_template.md']);
    expect(unlinked.filter((name) => !linkedElsewhere.has(name))).toEqual([]);
  });
});

describe('a first row', () => {
  const readme = read('README.md');
  const [, snippet = ''] = /appends one JSON line\. From a shell:\n\n```sh\n([^`]*)```/.exec(readme) ?? [];
  const PROBES = join(root, 'examples/probes');
  const ALERT = ['fly', 'service_unhealthy', 'critical', 'Fly app unreachable: "HTTP 401" \\ Grüße 🚨'];

  test.for<[from: string, command: string, args: string[], title: string]>([
    ['the shell of README.md', 'sh', ['-c', snippet], 'Fly app unreachable: HTTP 401'],
    ['examples/probes/alert.sh', 'sh', [join(PROBES, 'alert.sh'), ...ALERT], ALERT[3] ?? ''],
    ['examples/probes/alert.py', program('python3'), [join(PROBES, 'alert.py'), ...ALERT], ALERT[3] ?? ''],
    ['examples/probes/alert.mjs', process.execPath, [join(PROBES, 'alert.mjs'), ...ALERT], ALERT[3] ?? ''],
  ])('of %s is a wake', async ([, command, args, title], { logPath }) => {
    const before = Date.now();
    for (let i = 0; i < 2; i++) {
      execFileSync(command, args, { env: { ...process.env, KORA_AUDIT_LOG_PATH: logPath }, stdio: 'pipe' });
    }
    const log = readFileSync(logPath, 'utf8');
    expect(log.endsWith('\n')).toBe(true);
    const lines = log.trimEnd().split('\n');
    expect(lines).toHaveLength(2);
    for (const line of lines) {
      expect(line).toContain('probe.wake_requested');
      const wake = readWake(JSON.parse(line), 'w-1', 0);
      expect(wake).toMatchObject({ probe: 'fly', category: 'service_unhealthy', severity: 'critical', title });
      // The shell knows whole seconds.
      expect(wake?.emittedAt).toBeGreaterThan(before - 1_001);
    }
  });
});

test('docs/configuration.md names every variable that is read, and no other', () => {
  const documented = new Set(read('docs/configuration.md').match(VARIABLE));
  expect([...documented].toSorted()).toEqual([...variables].toSorted());
});

test('docs/log-events.md names every log event', () => {
  const text = read('docs/log-events.md');
  expect(Object.keys(LOG_EVENTS).filter((event) => !text.includes(event))).toEqual([]);
});

test('docs/client.md shows docs/client.ts as it is', () => {
  expect(read('docs/client.md')).toContain(`\`\`\`ts\n${read('docs/client.ts')}\`\`\``);
});

test('docs/audit-log.md shows the logrotate configuration of the examples', () => {
  const [config = ''] = /^\/.*\{\n[^}]*\}\n/m.exec(read('examples/logrotate/kora-wake')) ?? [];
  expect(config).toContain('delaycompress');
  expect(read('docs/audit-log.md')).toContain(config);
});

test('docs/architecture.md has every Redis key', () => {
  const text = read('docs/architecture.md');
  const names = matches(read('packages/shared/src/store/keys.ts'), /`\$\{prefix\}:([^`$]+)/g);
  expect(names.length).toBeGreaterThan(10);
  expect(names.filter((name) => !text.includes(`\`${name}`))).toEqual([]);
});

test('docs/reliability.md has every numbered fault', () => {
  const numbers = matches(read('docs/reliability.md'), /\((\d+)\) /g).map(Number);
  expect(numbers.toSorted((a, b) => a - b)).toEqual(Object.keys(FAULT_TABLE).map(Number));
});

test('the documents give routes that exist', () => {
  const paths = Object.keys(JSON.parse(read('docs/openapi.json')).paths);
  /** Routes that serve pages, not data. */
  const pages = ['/', '/docs', '/admin/queues', '/metrics'];
  const known = [...pages, ...paths].map((path) => new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}$`));
  const text = current.map(read).join('\n');
  const named = [
    ...matches(text, /127\.0\.0\.1:3900(\/[\w/-]*)/g),
    ...matches(text, /`(\/(?:v1|healthz|readyz|metrics)[\w/-]*)/g),
  ];
  expect(named.length).toBeGreaterThan(15);
  expect(named.filter((path) => !known.some((pattern) => pattern.test(path)))).toEqual([]);
});

describe('the examples', () => {
  const files = filesIn('examples').filter((name) => !markdown(name));

  const texts = files.filter((name) => !name.endsWith('.gz'));

  test.each([...texts, '.env.example'])('%s begins with a comment, and names only variables that exist', (name) => {
    expect(read(name)).toMatch(/^(?:#!.*\n)?(?:# |\/\/ |""")/);
    expect(unknownVariables(read(name))).toEqual([]);
  });

  test('are all in examples/README.md', () => {
    const text = read('examples/README.md');
    const folders = files.map((name) => name.replace(/^examples\//, '').replace(/^systemd\/.*/, 'systemd'));
    expect(folders.filter((name) => !text.includes(`(${name})`))).toEqual([]);
  });

  test('override only services of docker-compose.yml', () => {
    const { services } = parse(read('examples/docker-compose.override.yml'));
    const known = Object.keys(parse(read('docker-compose.yml'), { merge: true }).services);
    expect(Object.keys(services).filter((name) => !known.includes(name))).toEqual([]);
  });

  test('start each app by systemd, with time to stop', () => {
    const units = filesIn('examples/systemd').map(read);
    const started = units.flatMap((unit) => matches(unit, /^ExecStart=.* apps\/(\w+)\/dist\/main\.js$/gm));
    expect(started.toSorted()).toEqual(['api', 'tailer', 'worker']);
    for (const unit of units) expect(unit).toContain('TimeoutStopSec=30');
  });
});

describe('.github', () => {
  const yaml = filesIn('.github').filter((name) => name.endsWith('.yml'));

  test.each(yaml)('%s is valid YAML', (name) => {
    expect(parse(read(name))).toBeTypeOf('object');
  });

  test('runs .ci/run, with no secret and no right to write', () => {
    const text = read('.github/workflows/ci.yml');
    const { permissions, jobs } = parse(text);
    expect(permissions).toEqual({ contents: 'read' });
    expect(text).not.toMatch(/\$\{\{[^}]*secrets/);
    const [job]: any[] = Object.values(jobs);
    expect(job['timeout-minutes']).toBeGreaterThan(0);
    expect(job.steps.map(({ run }: any) => run)).toContain('.ci/run');
    expect(exists('.ci/run')).toBe(true);
  });
});

describe('docs/scale.md', () => {
  const text = read('docs/scale.md');
  test('scales on a metric that exists', () => {
    const [, yaml = ''] = /```yaml\n([^`]*)```/.exec(text) ?? [];
    const [{ metadata }] = parse(yaml).spec.triggers;
    const name = /kora_([a-z_]+)/.exec(metadata.query)?.[1];
    expect(read('apps/api/src/metrics.ts')).toContain(`gauge('${name}'`);
  });
});

describe('docker-compose.yml', () => {
  // Docker Compose reads merge keys, a feature of YAML 1.1.
  const { services, volumes } = parse(read('docker-compose.yml'), { merge: true });

  test('runs the three apps that are built, and a Redis that persists', () => {
    expect(Object.keys(services).toSorted()).toEqual(['api', 'redis', 'tailer', 'worker']);
    for (const app of ['tailer', 'worker', 'api']) {
      expect(services[app].command).toEqual([`apps/${app}/dist/main.js`]);
      expect(existsSync(join(root, 'apps', app, 'src', 'main.ts'))).toBe(true);
      expect(services[app].depends_on.redis.condition).toBe('service_healthy');
    }
    expect(services.redis.command.join(' ')).toContain('--appendonly yes --maxmemory-policy noeviction');
    expect(services.redis.healthcheck.test).toContain('ping');
  });

  test('gives each container a fixed user, a root that is read-only, and no way to more rights', () => {
    for (const [name, service] of Object.entries<any>(services)) {
      expect([name, service.user]).toEqual([name, expect.stringMatching(/^[1-9]\d*:[1-9]\d*$/)]);
      expect(service).toMatchObject({
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
      });
      expect(service).not.toHaveProperty('privileged');
      expect(service).not.toHaveProperty('cap_add');
    }
  });

  test('gives the apps enough time to stop, and the worker no fixed name or port', () => {
    expect(services.worker.stop_grace_period).toBe('30s');
    expect(services.worker.ports ?? services.worker.container_name).toBeUndefined();
  });

  test('publishes the API to this machine only, and requires its token', () => {
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

test('the Dockerfile builds and keeps every app, and runs as a user that is not root, by number', () => {
  const text = read('Dockerfile');
  for (const workspace of [
    'packages/shared',
    'packages/backtest',
    'apps/tailer',
    'apps/worker',
    'apps/api',
    'apps/cli',
    'apps/console',
  ]) {
    expect(text).toContain(`COPY ${workspace}/package.json ${workspace}/`);
    expect(text).toContain(`COPY --from=build /app/${workspace}/dist ${workspace}/dist`);
  }
  expect(
    text
      .trim()
      .split('\n')
      .findLast((line) => line.startsWith('USER')),
  ).toBe('USER 1000:1000');
});
