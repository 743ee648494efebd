/** The policy file: its faults by line, and the mappings that it changes and adds. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Mapped, MappingError } from '../../src/ingest/alert.ts';
import { choosePairBy } from '../../src/ingest/field-spec.ts';
import { mapEventV2 } from '../../src/ingest/sources/events-v2.ts';
import { mappings } from '../../src/ingest/sources.ts';
import { NO_POLICY, type Policy, parsePolicy } from '../../src/policy/policy.ts';
import { readPolicy } from '../../src/policy/policy-file.ts';
import { StartupError } from '../../src/runtime/errors.ts';
import type { Json } from '../../src/wake/json.ts';
import { alertmanagerAlert, alertmanagerBody, BODIES, eventV2, SECRET } from '../ingest/bodies.ts';

/** The faults as `LINE: message`. */
function faultsIn(text: string): string[] {
  const read = parsePolicy(text);
  return 'faults' in read ? read.faults.map(({ line, message }) => `${line}: ${message}`) : [];
}

function policyIn(text: string): Policy {
  const read = parsePolicy(`version: 1\n${text}`);
  if ('policy' in read) return read.policy;
  throw new Error(JSON.stringify(read.faults));
}

function map(policy: Policy, name: string, body: Json): Mapped {
  const mapBody = mappings(policy).get(name);
  if (!mapBody) throw new Error(`no mapping ${name}`);
  return mapBody({ body, headers: {} });
}

function errorOf(run: () => void): unknown {
  try {
    run();
    return undefined;
  } catch (error) {
    return error;
  }
}

const mapperWith = (lines: string) => `version: 1
mappers:
  shop:
    probe: service
    category: check
${lines
  .split('\n')
  .map((line) => `    ${line}`)
  .join('\n')}`;

describe('faults', () => {
  test('are all found at once, with their lines', () => {
    const text = `version: 2
source:
  alertmanager: {}
sources:
  alertmanger:
    probe: labels.job
  grafana:
    probe: [labels.job, 7]
    severty: labels.severity
    category: { text: '' }
mappers:
  shop:
    items: alerts[0]
    category: check
    status: state
    severity_map: { P1: kritical }
`;
    expect(faultsIn(text)).toEqual([
      '1: version must be 1',
      '2: source is not a key here. Did you mean sources?',
      '5: sources.alertmanger is not a key here. Did you mean alertmanager?',
      '8: sources.grafana.probe.1 must be a path such as labels.service, a list of paths, or { text: … }',
      '9: sources.grafana.severty is not a key here. Did you mean severity?',
      '10: sources.grafana.category.text must not be empty',
      '12: mappers.shop.probe is missing',
      '13: mappers.shop.items must be a dot path such as alerts.0.labels, without $, brackets and braces',
      '15: mappers.shop.status needs resolved_value beside it',
      '16: mappers.shop.severity_map.P1 must be one of critical, warning, info. Did you mean critical?',
      '16: mappers.shop.severity_map needs severity beside it',
    ]);
  });

  test.each([
    ['', '1: the file must be a mapping of keys to values'],
    ['- version: 1', '1: the file must be a mapping of keys to values'],
    ['sources: {}', '1: version must be 1'],
    ['version: "1"', '1: version must be 1'],
    [
      'version: 1\nholidays: []',
      '2: holidays is not a key here. Possible keys: version, rules, sources, mappers, storm, escalate.',
    ],
    [
      'version: 1\nescalate:\n  after: 10',
      '3: escalate.after must be a duration: a number and ms, s, m, h or d, such as 30m',
    ],
    [
      'version: 1\nescalate:\n  after: 0m\n  to: [U1ABC]',
      '3: escalate.after must be a duration: a number and ms, s, m, h or d, such as 30m',
    ],
    ['version: 1\nescalate:\n  after: 10m', '3: escalate.after needs to or webhook: whom to escalate to'],
    [
      'version: 1\nescalate:\n  after: 10m\n  to: [C0CHANNEL]',
      '4: escalate.to.0 must be a list of Slack ids of people, such as U024BE7LH',
    ],
    [
      'version: 1\nescalate:\n  after: 10m\n  webhook: ftp://x',
      '4: escalate.webhook must be a URL that begins with https:// or http://',
    ],
    [
      'version: 1\nescalate:\n  after: 10m\n  webhook: "https://kora:hunter2secret@hooks.example.com"',
      '4: escalate.webhook must not contain a user name or a password',
    ],
    [
      'version: 1\nescalate:\n  after: 10m\n  to: [U1ABC]\n  severity: [critial]',
      '5: escalate.severity.0 must be one of critical, warning, info. Did you mean critical?',
    ],
    [
      'version: 1\nstorm: { pairs: 1, within: 60s }',
      '2: storm.pairs must be a whole number from 2 to 10000: different pairs of probe and category',
    ],
    [
      'version: 1\nstorm: { pairs: 2.5, within: 60s }',
      '2: storm.pairs must be a whole number from 2 to 10000: different pairs of probe and category',
    ],
    ['version: 1\nstorm:\n  pairs: 8\n  within: 2h', '4: storm.within must be at most an hour'],
    [
      'version: 1\nstorm: { pairs: 8 }',
      '2: storm.within must be a duration: a number and ms, s, m, h or d, such as 30m',
    ],
    ['version: 1\nsources: []', '2: sources must be a mapping of keys to values'],
    ['version: 1\nsources: { grafana: }', '2: sources.grafana must be a mapping of keys to values'],
    ['version: 1\nversion: 1', '2: Map keys must be unique'],
    ['version: 1\n---\nversion: 1', expect.stringMatching(/^\d: .*multiple documents/)],
    ['version: 1\nsources: {', expect.stringMatching(/^2: .*/)],
    ['version: 1\nsources: *missing', '2: *missing has no anchor &missing above it'],
    ['version: !env ONE', expect.stringMatching(/^1: .*!env/)],
    ['version: 1\n? [a, b]\n: c', expect.stringMatching(/^2: .*keys must be strings/i)],
    ['version: 1\nmappers:\n  __proto__: {}', '3: __proto__ is no key'],
    ['version: 1\n<<: { sources: {} }', expect.stringMatching(/^2: << is not a key here/)],
    [
      'version: 1\nmappers:\n  grafana: { probe: a, category: b }',
      '3: mappers.grafana is the name of a source: choose another one',
    ],
    [
      'version: 1\nmappers:\n  events-v2: { probe: a, category: b }',
      '3: mappers.events-v2 is the name of a source: choose another one',
    ],
    [
      'version: 1\nmappers:\n  a/b: { probe: a, category: b }',
      '3: mappers.a/b is no name for a mapper: use letters, digits, - and _, at most 64',
    ],
    [mapperWith('items: ""'), '6: mappers.shop.items must be a dot path without empty parts, such as labels.service'],
    [mapperWith('title: a..b'), '6: mappers.shop.title must be a dot path without empty parts, such as labels.service'],
    [
      mapperWith('title: $.a'),
      '6: mappers.shop.title must be a dot path such as alerts.0.labels, without $, brackets and braces',
    ],
    [
      mapperWith('title: 7'),
      '6: mappers.shop.title must be a path such as labels.service, a list of paths, or { text: … }',
    ],
    [
      mapperWith('title:'),
      '6: mappers.shop.title must be a path such as labels.service, a list of paths, or { text: … }',
    ],
    [mapperWith('title: []'), '6: mappers.shop.title must not be an empty list'],
    [mapperWith('title: { text: 7 }'), '6: mappers.shop.title.text must be a text: put it in quotes'],
    [mapperWith('title: { txt: a }'), expect.stringMatching(/^6: mappers\.shop\.title/)],
    [
      mapperWith('links:\n  runbook: [a.b, {}]'),
      '7: mappers.shop.links.runbook.1.text must be a text: put it in quotes',
    ],
    [mapperWith('resolved_value: ok'), '6: mappers.shop.resolved_value needs status beside it'],
    [
      mapperWith('status: s\nresolved_value: []'),
      '7: mappers.shop.resolved_value must be a value such as resolved, or a list of values',
    ],
  ])('%#: %j', (text, fault) => {
    expect(faultsIn(text)[0]).toEqual(fault);
  });

  test('of a text that is too long is one fault', () => {
    expect(faultsIn(`${'#'.repeat(1024 * 1024)}\nversion: 1`)).toEqual(['1: is longer than 1048576 characters']);
  });

  test('of line ends of Windows have the right lines', () => {
    expect(faultsIn('version: 1\r\n\r\nrule: 1\r\n')[0]).toMatch(/^3: rule is not/);
  });

  test('of anchors: a few are fine, aliases of aliases are not', () => {
    expect(faultsIn('version: 1\nsources:\n  grafana: &usual { probe: a }\n  alertmanager: *usual\n')).toEqual([]);
    expect(faultsIn('version: 1\nsources:\n  grafana: &usual { prob: a }\n  alertmanager: *usual\n')).toEqual([
      '3: sources.grafana.prob is not a key here. Did you mean probe?',
      '4: sources.alertmanager.prob is not a key here. Did you mean probe?',
    ]);
    const names = 'abcdefghij'.split('');
    const bomb = names.map(
      (name, i) =>
        `${name}: &${name} [${Array(10)
          .fill(i === 0 ? 'x' : `*${names[i - 1]}`)
          .join(', ')}]`,
    );
    expect(faultsIn(`version: 1\n${bomb.join('\n')}`)).toEqual(['1: has aliases that stand for too many values']);
    expect(faultsIn('a: &a [*a]')).not.toEqual([]);
    expect(faultsIn(`a: &a 1\nb: [${Array(5_000).fill('*a').join(', ')}]`)).toEqual(['1: has more than 100 aliases']);
  });

  test('of values that are nested too deeply are faults, not a crash', () => {
    expect(faultsIn(`version: 1\na: ${'['.repeat(100_000)}`)[0]).toBeTypeOf('string');
    expect(faultsIn(`version: ${'['.repeat(3_000)}${']'.repeat(3_000)}`)[0]).toBeTypeOf('string');
  });

  test('are found in any text without a crash', () => {
    const words = fc.constantFrom(
      'version: 1\n',
      'sources:',
      'mappers:\n',
      '  a: ',
      '&x ',
      '*x',
      '[',
      ']',
      '{',
      '}',
      '- ',
      '? ',
      '!',
      '"',
      '\n',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(words).map((list) => list.join('')),
        ),
        (text) => {
          const read = parsePolicy(text);
          expect('policy' in read || read.faults.every(({ line }) => line >= 1)).toBe(true);
        },
      ),
      { interruptAfterTimeLimit: 3_000 },
    );
  });
});

describe('the file', () => {
  function file(text: string): string {
    const folder = mkdtempSync(join(tmpdir(), 'kora-policy-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'policy.yaml');
    writeFileSync(path, text);
    return path;
  }

  test('may be missing from the configuration', () => {
    expect(readPolicy(undefined).policy).toEqual(NO_POLICY);
  });

  test('is a start-up error that lists its faults', () => {
    const path = file('version: 1\nsource: 1\nmapper: 1\n');
    expect(() => readPolicy(path)).toThrow(
      new StartupError(
        `KORA_POLICY_PATH: the policy is not usable:\n  ${path}:2: source is not a key here. Did you mean sources?\n  ${path}:3: mapper is not a key here. Did you mean mappers?`,
      ),
    );
  });

  test('is a start-up error if it cannot be read', () => {
    expect(() => readPolicy('/nowhere/policy.yaml')).toThrow(
      new StartupError('KORA_POLICY_PATH: /nowhere/policy.yaml cannot be read (ENOENT).'),
    );
  });

  test('may have sections without content', () => {
    const { version, ...policy } = readPolicy(file('version: 1\nrules:\nsources:\nmappers:\n')).policy;
    expect(policy).toEqual({ rules: [], sources: new Map(), mappers: new Map() });
    expect(version).toMatch(/^[0-9a-f]{12}$/);
  });
});

describe('sources', () => {
  const body = alertmanagerBody(alertmanagerAlert());

  test('replace the default pair by the first path with a text', () => {
    const policy = policyIn(
      'sources: { alertmanager: { probe: [labels.team, labels.instance], category: { text: prometheus } } }',
    );
    expect(map(policy, 'alertmanager', body).alerts).toMatchObject([
      { probe: '10.0.0.7:9100', category: 'prometheus', severity: 'critical' },
    ]);
  });

  test('keep the default if no path has a text', () => {
    const policy = policyIn('sources: { alertmanager: { probe: [labels.team, annotations], severity: labels.level } }');
    expect(map(policy, 'alertmanager', body).alerts).toMatchObject([{ probe: 'checkout', severity: 'critical' }]);
  });

  test.each([
    ['P1', 'critical'],
    ['p1', 'critical'],
    ['page', 'info'],
    ['fatal', 'critical'],
    ['unheard-of', 'warning'],
  ])('map the severity word %s to %s', (word, severity) => {
    const policy = policyIn(
      'sources: { alertmanager: { severity: labels.urgency, severity_map: { P1: critical, Page: info } } }',
    );
    const alert = alertmanagerAlert({ labels: { alertname: 'Down', urgency: word } });
    expect(map(policy, 'alertmanager', alertmanagerBody(alert)).alerts).toMatchObject([{ severity }]);
  });

  test('use the whole body of sources with one alert for each request', () => {
    const policy = policyIn(
      'sources: { pagerduty: { category: event.data.service.id }, sentry: { category: data.event.issue_id }, cloudwatch: { severity: { text: critical } } }',
    );
    expect(map(policy, 'pagerduty', BODIES.pagerduty.firing).alerts).toMatchObject([{ category: 'PSERVICE1' }]);
    expect(map(policy, 'sentry', BODIES.sentry.firing).alerts).toMatchObject([{ category: '4711' }]);
    expect(map(policy, 'cloudwatch', BODIES.cloudwatch.firing).alerts).toMatchObject([{ severity: 'critical' }]);
  });

  test('leave a recovery without a pair as it is: its instance finds the pair', () => {
    const policy = policyIn('sources: { sentry: { probe: { text: web } }, events-v2: { probe: { text: web } } }');
    expect(map(policy, 'sentry', BODIES.sentry.recovered).alerts).toMatchObject([{ probe: '', category: '' }]);
    const choosePair = choosePairBy(policy.sources.get('events-v2'));
    expect(mapEventV2(eventV2('resolve'), 'new', choosePair).alerts).toMatchObject([{ probe: '', category: '' }]);
    expect(mapEventV2(eventV2('trigger'), 'new', choosePair).alerts).toMatchObject([
      { probe: 'web', category: 'disk' },
    ]);
  });

  test('never reach the routing key', () => {
    const { sources } = policyIn('sources: { events-v2: { category: routing_key } }');
    const { alerts } = mapEventV2(eventV2('trigger'), 'new', choosePairBy(sources.get('events-v2')));
    expect(JSON.stringify(alerts)).not.toContain(SECRET);
  });
});

describe('mappers', () => {
  const POLICY = policyIn(`mappers:
  shop:
    items: data.alerts
    probe: [labels.service, labels.app.kubernetes.io/name]
    category: check
    severity: priority
    severity_map: { P1: critical }
    title: [summary, { text: Shop alert }]
    detail: message
    instance: id
    links: { runbook: urls.0, dashboard: nothing }
    started_at: since
    status: state
    resolved_value: [ok, Resolved, true]
    event_id: event
  plain: { probe: { text: cron }, category: job }
`);
  const item = {
    labels: { service: 'checkout' },
    check: 'latency',
    priority: 'P1',
    message: 'p99 is 4 s',
    id: 17,
    urls: ['https://runbooks.example.com/latency', SECRET],
    since: '2026-09-01T10:00:00Z',
    state: 'bad',
    event: 'event-1',
    password: SECRET,
  };

  test('map each field of a firing alert, and no other', () => {
    expect(map(POLICY, 'shop', { data: { alerts: [item] }, token: SECRET })).toEqual({
      alerts: [
        {
          status: 'firing',
          probe: 'checkout',
          category: 'latency',
          severity: 'critical',
          title: 'Shop alert',
          detail: 'p99 is 4 s',
          instance: '17',
          links: { runbook: 'https://runbooks.example.com/latency' },
          startedAt: '2026-09-01T10:00:00Z',
          facts: {},
          eventId: 'event-1',
        },
      ],
      ignored: 0,
    });
  });

  test.each<[Json, string]>([
    ['ok', 'recovered'],
    ['RESOLVED', 'recovered'],
    [true, 'recovered'],
    ['bad', 'firing'],
    [null, 'firing'],
    [{}, 'firing'],
  ])('read the status %j as %s', (state, status) => {
    expect(map(POLICY, 'shop', { data: { alerts: [{ ...item, state }] } }).alerts).toMatchObject([{ status }]);
  });

  test('find keys with dots', () => {
    const labels = { 'app.kubernetes.io/name': 'cart' };
    expect(map(POLICY, 'shop', { data: { alerts: [{ ...item, labels }] } }).alerts).toMatchObject([{ probe: 'cart' }]);
  });

  test('without items take the body as one alert, or as a list of alerts', () => {
    expect(map(POLICY, 'plain', { job: 'backup' }).alerts).toMatchObject([
      { probe: 'cron', category: 'backup', severity: 'warning', title: 'backup', status: 'firing' },
    ]);
    expect(map(POLICY, 'plain', [{ job: 'backup' }, { job: 'report' }]).alerts).toHaveLength(2);
  });

  test.each<[string, Json, string, string]>([
    ['shop', {}, 'data.alerts', 'data.alerts is missing'],
    ['shop', null, 'data.alerts', 'data.alerts is missing'],
    ['shop', { data: { alerts: {} } }, 'data.alerts', 'data.alerts must be a list'],
    [
      'shop',
      { data: { alerts: [item, { check: 'latency' }] } },
      'data.alerts.1.labels.service',
      'data.alerts.1.labels.service is missing or not a text, and so are labels.app.kubernetes.io/name',
    ],
    ['shop', { data: { alerts: [7] } }, 'data.alerts.0.check', 'data.alerts.0.check is missing or not a text'],
    ['plain', {}, 'job', 'job is missing or not a text'],
    ['plain', [{ job: {} }], '0.job', '0.job is missing or not a text'],
  ])('%s rejects %j and names %s', (name, body, field, message) => {
    expect(() => map(POLICY, name, body)).toThrow(expect.objectContaining({ name: 'MappingError', field, message }));
  });

  test('throw nothing but a MappingError, whatever the body is', () => {
    const value = fc.jsonValue().map((each): Json => JSON.parse(JSON.stringify(each)));
    fc.assert(
      fc.property(value, fc.constantFrom('shop', 'plain'), (each, name) => {
        for (const body of [each, [each], { data: each }, { data: { alerts: [each] } }]) {
          const error = errorOf(() => map(POLICY, name, body));
          expect(error === undefined || error instanceof MappingError).toBe(true);
        }
      }),
      { interruptAfterTimeLimit: 3_000 },
    );
  });
});

test('whom to escalate to, with the severities that are escalated', () => {
  const read = (text: string) => {
    const parsed = parsePolicy(`version: 1\n${text}`);
    return 'policy' in parsed ? parsed.policy.escalate : parsed;
  };
  expect(read('escalate: { after: 10m, to: [U1ABC, U1ABC], webhook: "https://hooks.example.com/x" }')).toEqual({
    afterMs: 600_000,
    to: ['U1ABC'],
    webhook: 'https://hooks.example.com/x',
    severities: ['critical'],
  });
  expect(read('escalate: { after: 1.5h, to: [W1ABC], severity: [warning, critical] }')).toEqual({
    afterMs: 5_400_000,
    to: ['W1ABC'],
    severities: ['warning', 'critical'],
  });
  expect(read('')).toBeUndefined();
  expect(read('escalate:')).toBeUndefined();
});
