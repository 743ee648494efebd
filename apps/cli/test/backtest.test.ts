/** `kora-wake backtest` and `kora-wake policy` as a user calls them. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { wakeRow } from '../../../test/support/fixtures.ts';
import { runCommand } from './terminal.ts';

const row = (minute: number, more: Parameters<typeof wakeRow>[0] = {}) =>
  wakeRow({ emittedAt: new Date(Date.parse('2026-11-25T12:00:00Z') + minute * 60_000).toISOString(), ...more });

function files(content: Record<string, string>) {
  const folder = mkdtempSync(join(tmpdir(), 'kora-backtest-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries(content)) writeFileSync(join(folder, name), text);
  return (name: string) => join(folder, name);
}

const run = (args: string[], env: Record<string, string> = {}) => runCommand(args, { HOME: '/nonexistent', ...env });

const LOG = [
  row(0, { title: 'first' }),
  row(15, { title: 'again <b>' }),
  row(30, { title: 'critical', severity: 'critical' }),
].join('\n');
const POLICY = 'version: 1\nrules:\n  - match: { severity: warning }\n    window: 1h\n';

describe('backtest', () => {
  test('prints the current policy next to another one, and what that one does not send', async () => {
    const path = files({ 'log.jsonl': LOG, 'calm.yaml': POLICY });
    const { code, out } = await run(['backtest', '--log', path('log.jsonl'), '--policy', path('calm.yaml')]);
    expect(code).toBe(0);
    expect(out).toContain('Alerts from 2026-11-25T12:00:00.000Z to 2026-11-25T12:30:00.000Z, hours in UTC');
    expect(out).toMatch(/^Messages +3 +2$/m);
    expect(out).toContain('calm.yaml does not send 1 alert that is sent today, 0 of them critical.');
    expect(out).toContain('again <b>  (suppressed, message at 12:00)');
    expect(out).toMatch(/^ {2}- The log has no investigations/m);
  });

  test('prints the fields that other programs read as JSON', async () => {
    const path = files({ 'log.jsonl': LOG, 'calm.yaml': POLICY });
    const { out } = await run(['backtest', '--log', path('log.jsonl'), '--policy', path('calm.yaml'), '--json']);
    const { policies, missed } = JSON.parse(out);
    expect(policies[1]).toMatchObject({
      name: 'calm.yaml',
      rows: 3,
      decisions: { enqueued: 2, coalesced: 1, buffered: 0, muted: 0, rejected: 0 },
      wakes: 2,
      night: 0,
      usd: 0.12,
      byPair: [{ rows: 3, wakes: 2 }],
    });
    expect(policies[1].byHour).toHaveLength(24);
    expect(missed).toEqual([expect.objectContaining({ policy: 'calm.yaml', severity: 'warning', title: 'again <b>' })]);
  });

  test('writes one page that is private and has no markup of the log', async () => {
    const path = files({ 'log.jsonl': LOG, 'calm.yaml': POLICY });
    await run(['backtest', '--log', path('log.jsonl'), '--policy', path('calm.yaml'), '--html', path('page.html')]);
    const page = readFileSync(path('page.html'), 'utf8');
    expect(page).toContain('again &#60;b&#62;');
    expect(page).not.toMatch(/<script|<link|src=|https?:/);
    expect(statSync(path('page.html')).mode & 0o777).toBe(0o600);
  });

  test('takes the log, the policy and the window of the environment', async () => {
    const path = files({ 'log.jsonl': LOG, 'calm.yaml': POLICY });
    const env = { KORA_AUDIT_LOG_PATH: path('log.jsonl'), KORA_POLICY_PATH: path('calm.yaml') };
    expect((await run(['backtest'], env)).out).toMatch(/^Messages +2$/m);
    const short = { KORA_AUDIT_LOG_PATH: path('log.jsonl'), KORA_PROBE_DEBOUNCE_SECONDS: '1800' };
    expect((await run(['backtest'], short)).out).toMatch(/^Messages +2$/m);
  });

  test('gives names to policies of the same name', async () => {
    const path = files({ 'log.jsonl': LOG, 'calm.yaml': POLICY });
    const args = [
      'backtest',
      '--log',
      path('log.jsonl'),
      '--policy',
      path('calm.yaml'),
      '--policy',
      path('calm.yaml'),
      '--json',
    ];
    const { policies } = JSON.parse((await run(args)).out);
    expect(policies.map(({ name }: { name: string }) => name)).toEqual(['current', 'calm.yaml', 'calm.yaml (2)']);
  });

  test.each([
    [['--from', 'tomorrow'], '--from: expected a time such as 2026-11-01, or 7d for seven days ago.'],
    [['--timezone', 'Berlin'], '--timezone: expected a time zone such as Europe/Berlin.'],
    [['--from', '2026-11-02', '--to', '2026-11-01'], '--from must be before --to.'],
    [['--log', '/nonexistent/log'], '/nonexistent cannot be read (ENOENT).'],
    [['--policy', '/nonexistent/policy'], '--policy: /nonexistent/policy cannot be read (ENOENT).'],
  ])('explains the mistake in %j', async (args, message) => {
    const { code, err } = await run(['backtest', ...args], { KORA_AUDIT_LOG_PATH: '/nonexistent/log' });
    expect([code, err.split('\n').some((line) => line.includes(message))]).toEqual([2, true]);
  });

  test('says so if no alert is in the time', async () => {
    const path = files({ 'log.jsonl': LOG });
    expect((await run(['backtest', '--log', path('log.jsonl'), '--from', '2026-11-26'])).out).toContain(
      'No alerts in this time.',
    );
  });
});

describe('policy', () => {
  test('check lists warnings and counts rules', async () => {
    const path = files({ 'p.yaml': `${POLICY}  - match: { severity: warning, probe: fly }\n` });
    const { code, out } = await run(['policy', 'check', path('p.yaml')]);
    expect(code).toBe(0);
    expect(out.replaceAll(path('p.yaml'), 'FILE')).toMatch(
      /^FILE:5: warning: rule 2 never applies: rule 1 \(line 3\) matches all its rows\nFILE: 2 rules, no faults, 1 warning\. Version [0-9a-f]{12}\.$/,
    );
  });

  test('check lists all faults, and exits with 1', async () => {
    const path = files({ 'p.yaml': 'version: 2\nrules: [{ window: x }]\n' });
    const { code, err } = await run(['policy', 'check', path('p.yaml')]);
    expect(code).toBe(1);
    expect(err.replaceAll(path('p.yaml'), 'FILE').split('\n')).toEqual([
      'FILE:1: version must be 1',
      expect.stringContaining('FILE:2: rule 1: window must be a duration'),
      'FILE: 2 faults. It is not used.',
    ]);
  });

  test('explain names the rule and what happens', async () => {
    const rules = `version: 1
rules:
  - match: { probe: "fly*" }
    window: 90m
    consecutive: 3
    backoff: { factor: 2, max: 1d }
    mute: [{ cron: "0 2 * * 0", for: 2h, timezone: Europe/Berlin, reason: weekly restore }]
`;
    const path = files({ 'p.yaml': rules });
    const explain = async (...args: string[]) =>
      (await run(['policy', 'explain', path('p.yaml'), '--category', 'c', ...args])).out.replaceAll(
        path('p.yaml'),
        'FILE',
      );
    expect(await explain('--probe', 'fly-eu', '--at', '2026-11-27T12:00:00Z')).toBe(
      [
        'fly-eu / c, warning, at 2026-11-27T12:00:00.000Z',
        'Rule 1 (FILE:3) decides.',
        'The first alert is counted. Alert 3 within 1 h 30 min is sent.',
        'It opens a suppression window of 1 h 30 min: repeats are counted, not sent.',
        'The next windows of the same incident: 3 h, 6 h, 12 h.',
        'Muted for 2 h at each 0 2 * * 0 (Europe/Berlin): weekly restore.',
      ].join('\n'),
    );
    expect(await explain('--probe', 'fly', '--at', '2026-11-29T01:30:00Z')).toContain(
      'Muted until 2026-11-29T03:00:00.000Z: weekly restore. Nobody is notified, also not later.',
    );
    expect(await explain('--probe', 'db', '--severity', 'critical')).toContain('No rule matches');
  });

  test.each([
    [['policy'], 'an action is needed: check or explain.'],
    [['policy', 'chek', 'p'], "unknown action 'chek', expected check or explain."],
    [['policy', 'check'], 'name a policy file, or set KORA_POLICY_PATH.'],
    [['policy', 'check', '/nonexistent/p'], '/nonexistent/p cannot be read (ENOENT).'],
  ])('explains the mistake in %j', async (args, message) => {
    const { code, err } = await run(args);
    expect([code, err]).toEqual([2, expect.stringContaining(message)]);
  });
});
