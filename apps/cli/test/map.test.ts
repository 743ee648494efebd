/** `map` shows the rows of a body as the API would write them. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { test } from '../../../test/support/fixtures.ts';
import { runCommand } from './terminal.ts';

const ALERTS = {
  alerts: [
    { status: 'firing', labels: { alertname: 'Down', job: 'web' }, fingerprint: 'a' },
    { status: 'resolved', labels: { alertname: 'Down', job: 'web' }, fingerprint: 'b' },
    { status: 'suppressed', labels: { alertname: 'Down', job: 'web' }, fingerprint: 'c' },
  ],
};
const ISSUE = { action: 'resolved', data: { issue: { id: '4711' } } };

/** Writes the files, and runs the command with the body among them. */
async function map(folder: string, body: unknown, args: string[], { env = {}, policy = '' } = {}) {
  const file = join(folder, 'body.json');
  writeFileSync(file, typeof body === 'string' ? body : JSON.stringify(body));
  const policyPath = join(folder, 'policy.yaml');
  if (policy !== '') writeFileSync(policyPath, policy);
  return runCommand(['map', '--file', file, ...args], {
    KORA_HOME: folder,
    ...(policy !== '' && { KORA_POLICY_PATH: policyPath }),
    ...env,
  });
}

const rowsIn = (out: string) => out.split('\n').map((line) => JSON.parse(line));

test('prints one row for each line, and counts the alerts that make none', async ({ folder }) => {
  const { code, out, err } = await map(folder, ALERTS, ['--source', 'alertmanager']);
  expect(code).toBe(0);
  expect(rowsIn(out)).toMatchObject([
    { seam: 'probe.wake_requested', details: { probe: 'web', category: 'Down', received_from: 'alertmanager' } },
    { seam: 'probe.recovered', details: { probe: 'web', category: 'Down', instance: 'b' } },
  ]);
  expect(err).toBe('kora-wake map: 1 ignored: notices, and states that are neither firing nor over.');
  expect(existsSync(join(folder, 'kora_audit_log.jsonl'))).toBe(false);
});

test('names the field of a body that cannot be mapped, and exits with 1', async ({ folder }) => {
  expect(await map(folder, { alerts: [{ status: 'firing' }] }, ['--source', 'alertmanager'])).toEqual({
    code: 1,
    out: '',
    err: 'kora-wake map: alerts.0.labels is missing.',
  });
});

test.for<[string, unknown, object]>([
  ['events-v2', { event_action: 'resolve', dedup_key: 'k' }, { seam: 'probe.recovered', details: { instance: 'k' } }],
  [
    'events-v2',
    { event_action: 'trigger', payload: { summary: 'Disk', source: 'db', severity: 'info' } },
    { details: { probe: 'db', category: 'Disk', severity: 'info', instance: '(new dedup key)' } },
  ],
  ['wakes', { probe: 'fly', category: 'down' }, { details: { probe: 'fly', received_from: 'wakes' } }],
  ['sentry', ISSUE, { seam: 'probe.recovered', details: { instance: '4711' } }],
])('maps a body of %s', async ([source, body, row], { folder }) => {
  expect(rowsIn((await map(folder, body, ['--source', source])).out)).toMatchObject([row]);
});

test('passes headers to sources that need them', async ({ folder }) => {
  const comment = await map(folder, ISSUE, ['--source', 'sentry', '--header', 'Sentry-Hook-Resource: comment']);
  expect(comment).toMatchObject({ code: 0, out: '', err: expect.stringContaining('1 ignored') });
  const alert = await map(folder, ISSUE, ['--source', 'sentry', '--header', 'SENTRY-HOOK-RESOURCE:event_alert']);
  expect(alert).toMatchObject({ code: 1, err: 'kora-wake map: data.event is missing.' });
});

test('uses the mappers and the pair defaults of the policy file', async ({ folder }) => {
  const policy = `version: 1
sources: { alertmanager: { probe: { text: prometheus } } }
mappers: { shop: { probe: service, category: check } }
`;
  const shop = await map(folder, { service: 'cart', check: 'latency' }, ['--source', 'shop'], { policy });
  expect(rowsIn(shop.out)).toMatchObject([{ details: { probe: 'cart', category: 'latency', received_from: 'shop' } }]);
  const [row] = rowsIn((await map(folder, ALERTS, ['--source', 'alertmanager'], { policy })).out);
  expect(row.details.probe).toBe('prometheus');
});

test('redacts secrets of a known form, of the environment and of KORA_REDACT', async ({ folder }) => {
  const secrets = ['xoxb-1234567890-abcdefghij', 'token-of-the-api-0001', 'ticket-77'];
  const { out } = await map(folder, { probe: 'fly', title: secrets.join(' ') }, ['--source', 'wakes'], {
    env: { KORA_API_TOKEN: secrets[1], KORA_REDACT: 'ticket-\\d+' },
  });
  expect(out).toContain('redacted');
  for (const secret of secrets) expect(out).not.toContain(secret);
});

describe('exits with 2', () => {
  test.for<[string[], string]>([
    [[], '--source and --file are needed.'],
    [['--source', 'nagios'], "unknown source 'nagios', expected one of alertmanager, grafana,"],
    [['--source', 'sentry', '--header', 'issue'], "--header: expected 'NAME: VALUE'."],
  ])('for the arguments %j', async ([args, sentence], { folder }) => {
    const { code, out, err } = await map(folder, ISSUE, args);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(sentence);
  });

  test('if the body cannot be read or is not JSON', async ({ folder }) => {
    expect(await map(folder, 'not json', ['--source', 'sentry'])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/body\.json is not JSON\.$/),
    });
    expect(await runCommand(['map', '--source', 'sentry', '--file', join(folder, 'none')])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/none cannot be read \(ENOENT\)\.$/),
    });
  });

  test('if the policy file has faults, with their lines', async ({ folder }) => {
    const { code, err } = await map(folder, ISSUE, ['--source', 'sentry'], { policy: 'version: 1\nmapper: {}\n' });
    expect(code).toBe(2);
    expect(err).toMatch(/policy\.yaml:2: mapper is not a key here\. Did you mean mappers\?$/);
  });
});
