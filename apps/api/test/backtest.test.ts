/** Backtests over HTTP, with a real log and a real thread. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { parsePolicy } from '@kora-wake/shared/policy/policy';
import { describe, expect, onTestFinished } from 'vitest';
import { runCommand } from '../../../apps/cli/test/terminal.ts';
import { backtestsOf } from '../../../test/support/backtests.ts';
import { type Namespace, test, wakeRow } from '../../../test/support/fixtures.ts';
import type { BacktestResult, Backtests } from '../src/backtest/backtests.ts';
import { api, bearer, TOKEN } from './api.ts';

const START = Date.parse('2026-11-25T12:00:00Z');
const row = (minute: number, more: Parameters<typeof wakeRow>[0] = {}) =>
  `${wakeRow({ emittedAt: new Date(START + minute * 60_000).toISOString(), ...more }).trimEnd()}\n`;

function files(content: Record<string, string | Buffer>) {
  const folder = mkdtempSync(join(tmpdir(), 'kora-backtest-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries(content)) writeFileSync(join(folder, name), text);
  return (name: string) => join(folder, name);
}

/** Twelve gigabytes that take some 30 kB: an alert, and lines of no interest. It takes far longer to read than any test waits. */
function slowLog(): string {
  const junk = gzipSync(Buffer.alloc(64 * 1024 * 1024, `${'-'.repeat(1_023)}\n`));
  return files({ log: Buffer.concat([gzipSync(row(0)), ...Array.from({ length: 200 }, () => junk)]) })('log');
}

const CURRENT = 'version: 1\nrules:\n  - match: { probe: fly }\n    window: 5m\n';
const CALM = 'version: 1\nrules:\n  - match: { severity: [warning, critical] }\n    window: 2h\n';
const OLDER = [0, 20, 40, 60, 80]
  .map((minute) => row(minute, { title: `old ${minute}`, severity: 'warning' }))
  .join('');
const NEWER = [
  row(100, { title: 'warning', severity: 'warning' }),
  row(120, { title: 'token=sk-ant-api03-0123456789abcdefghijklmnop', severity: 'warning' }),
  row(130, { title: 'one', severity: 'critical', probe: 'db' }),
  row(145, { title: 'two', severity: 'critical', probe: 'db' }),
].join('');

type App = Awaited<ReturnType<typeof api>>['app'];
const post = (app: App, payload: object, headers: Record<string, string> = {}) =>
  app.inject({ method: 'POST', url: '/v1/backtest', headers, payload });

const withLog = (ns: Namespace, log: string, more: Parameters<typeof backtestsOf>[1] = {}) =>
  api(ns, undefined, undefined, { backtests: backtestsOf(log, more) });

/** Backtests of a log, and the result of the first one as soon as it runs. */
function observed(log: string) {
  const inner = backtestsOf(log, { deadlineMs: 20_000 });
  const started = Promise.withResolvers<{ result: Promise<BacktestResult> }>();
  const backtests: Backtests = {
    run: (input, signal) => {
      const result = inner.run(input, signal);
      started.resolve({ result });
      return result;
    },
    close: inner.close,
  };
  return { backtests, started: started.promise };
}

describe('a backtest', () => {
  test('answers what the command prints for the same log and policies', async ({ ns }) => {
    const path = files({ log: NEWER, 'log.1': OLDER, current: CURRENT, new: CALM });
    const parsed = parsePolicy(CURRENT);
    const rules = 'policy' in parsed ? parsed.policy.rules : [];
    const { app } = await withLog(ns, path('log'), { policy: () => ({ rules }) });
    const answer = await post(app, { policy: CALM, from: '2026-11-25T12:10:00Z', timezone: 'Europe/Berlin' });
    expect(answer.statusCode).toBe(200);
    const { missedTotal, missedCritical, warnings, ...result } = answer.json();
    const time = ['--from', '2026-11-25T12:10:00Z', '--timezone', 'Europe/Berlin'];
    const { out } = await runCommand(['backtest', '--log', path('log'), '--policy', path('new'), '--json', ...time], {
      HOME: '/nonexistent',
      KORA_POLICY_PATH: path('current'),
    });
    expect(result).toEqual(JSON.parse(out));
    expect([result.policies[0].name, result.policies[1].name, result.timezone]).toEqual([
      'current',
      'new',
      'Europe/Berlin',
    ]);
    expect([missedTotal, missedCritical, warnings]).toEqual([result.missed.length, 1, []]);
    expect(result.missed[0]).toMatchObject({ severity: 'critical', title: 'two' });
    expect(result.suggestions.length).toBeGreaterThan(0);
    expect(answer.body).not.toContain('sk-ant');
  });

  test('of one pair changes the policy in force for this pair only, and counts its alerts only', async ({ ns }) => {
    const malformed = '{"seam":"probe.wake_requested","details":1}\n';
    const path = files({ log: `${NEWER}${malformed}`, 'log.1': OLDER });
    const muted = 'mute: [{ cron: "0 3 * * *", for: 1h, reason: "the \\"backup\\"" }]';
    const parsed = parsePolicy(
      `version: 1\nrules:\n  - match: { probe: "f*", severity: warning }\n    window: 5m\n    backoff: { factor: 2, max: 20m }\n    ${muted}\n  - match: { severity: critical }\n    window: 90s\n`,
    );
    const rules = 'policy' in parsed ? parsed.policy.rules : [];
    const { app } = await withLog(ns, path('log'), { policy: () => ({ rules }) });
    const pair = { probe: 'fly', category: 'service_unhealthy', windowMs: 45 * 60_000 };
    const answer = (await post(app, { pair, from: '2026-11-25T12:10:00Z' })).json();
    expect(answer.rule).toBe(
      [
        '- match: { probe: "fly", category: "service_unhealthy", severity: [warning] }',
        '  window: 45m',
        '  backoff: { factor: 2, max: 45m }',
        '  mute:',
        '    - { cron: "0 3 * * *", for: 1h, timezone: UTC, reason: "the \\"backup\\"" }',
        '- match: { probe: "fly", category: "service_unhealthy", severity: [critical] }',
        '  window: 45m',
        '- match: { probe: "fly", category: "service_unhealthy" }',
        '  window: 45m',
      ].join('\n'),
    );
    // At 20, 40, 60, 80, 100 and 120 min. With 45 min: the window of minute 0 hides 20 and 40, that of 60 hides 80 and 100.
    expect(
      answer.policies.map(({ rows, wakes, byPair }: { rows: number; wakes: number; byPair: unknown[] }) => [
        rows,
        wakes,
        byPair.length,
      ]),
    ).toEqual([
      [6, 6, 1],
      [6, 2, 1],
    ]);
    expect(answer.missed.map(({ title }: { title: string }) => title)).toEqual([
      'old 20',
      'old 40',
      'old 80',
      'warning',
    ]);
    // The rule is what was tried: the whole policy with it pasted first decides the same.
    const whole = `version: 1\nrules:\n${answer.rule}\n`;
    const { missed, policies } = (await post(app, { policy: whole, from: '2026-11-25T12:10:00Z' })).json();
    expect(missed.filter(({ probe }: { probe: string }) => probe === 'fly')).toEqual(answer.missed);
    expect(policies[0].decisions.rejected).toBe(1);
  });

  test.for(['a[1]{b}*?', 'x\u0000\u202e"\\\n: #', '🔥\u{e0001}', '\ud800'])(
    'of the pair %j has a rule that can be read',
    async (probe, { ns }) => {
      const { app } = await withLog(ns, files({ log: row(0, { probe }) + row(20, { probe }) })('log'));
      const answer = await post(app, { pair: { probe, category: 'service_unhealthy', consecutive: 2 } });
      expect(answer.statusCode).toBe(200);
      const { rule, policies } = answer.json();
      // oxlint-disable-next-line no-control-regex -- these characters must be escaped
      expect(rule).not.toMatch(/[\u0000-\u0009\u202e]/);
      expect(policies.map(({ decisions }: { decisions: object }) => decisions)).toMatchObject([
        { enqueued: 2, buffered: 0 },
        { enqueued: 0, buffered: 2 },
      ]);
    },
  );

  test('removes secrets of the environment and of the operator', async ({ ns }) => {
    const rows = [0, 15, 30].map((minute) => row(minute, { title: `secret-of-env and PIN-123456 ${minute}` })).join('');
    const { app } = await withLog(ns, files({ log: rows })('log'), {
      known: { certain: ['secret-of-env'], likely: [] },
      patterns: [/PIN-\d+/g],
    });
    const { missed } = (
      await post(app, { policy: 'version: 1\nrules: [{ match: { probe: "*" }, window: 1d }]' })
    ).json();
    expect(missed.map(({ title }: { title: string }) => title)).toEqual([
      '[redacted credential] and [redacted by KORA_REDACT] 15',
      '[redacted credential] and [redacted by KORA_REDACT] 30',
    ]);
  });

  test('lists at most 1,000 missed alerts, and counts all', async ({ ns }) => {
    const rows = Array.from({ length: 1_200 }, (_, i) =>
      row((i - 1_200) * 15, { severity: i % 2 ? 'critical' : 'warning' }),
    );
    const { app } = await withLog(ns, files({ log: rows.join('') })('log'));
    const policy = 'version: 1\nrules: [{ match: { probe: "*" }, window: 30d }]';
    const { missed, missedTotal, missedCritical } = (await post(app, { policy })).json();
    expect([missed.length, missedTotal, missedCritical]).toEqual([1_000, expect.any(Number), expect.any(Number)]);
    expect(missedTotal).toBeGreaterThan(1_100);
    expect(missedCritical).toBeGreaterThan(500);
  });

  test('refuses a policy with faults and names the line of each, and passes warnings on', async ({ ns }) => {
    const { app } = await withLog(ns, files({ log: NEWER })('log'));
    const faulty = await post(app, { policy: 'version: 2\nrules:\n  - match: { probe: fly }\n    window: soon\n' });
    expect(faulty.statusCode).toBe(400);
    expect(faulty.json().message.split('\n')).toEqual([
      'The policy is not usable:',
      '1: version must be 1',
      expect.stringMatching(/^4: rule 1: window /),
    ]);
    const shadowed = `${CALM}  - match: { severity: warning, probe: fly }\n    window: 1h\n`;
    expect((await post(app, { policy: shadowed })).json().warnings).toEqual([
      expect.stringMatching(/^5: rule 2 never/),
    ]);
  });

  test('refuses times, time zones and texts that cannot be used', async ({ ns }) => {
    const { app } = await withLog(ns, '/nonexistent/log');
    const mistakes: Array<[object, string]> = [
      [{ from: 'yesterday' }, 'from'],
      [{ from: '2026-11-02', to: '2026-11-01' }, 'from must be before to.'],
      [{ timezone: 'Berlin' }, 'timezone must be a name'],
      [{ policy: `#${'é'.repeat(65_536)}` }, 'must have at most 128 KiB'],
      [{ policy: 1 }, 'policy'],
      [{ policy: undefined }, 'needs either policy or pair'],
      [{ pair: { probe: 'fly', category: 'c', windowMs: 1 } }, 'needs either policy or pair'],
      [{ policy: undefined, pair: { probe: 'fly', category: 'c' } }, 'needs windowMs or consecutive'],
      [{ policy: undefined, pair: { probe: 'fly', category: 'c', windowMs: 1e12 } }, 'windowMs'],
      [{ policy: undefined, pair: { probe: 'fly', category: 'c', windowMs: 1, mute: [] } }, 'mute'],
    ];
    for (const [more, message] of mistakes) {
      const answer = await post(app, { policy: CALM, ...more });
      expect([answer.statusCode, answer.json().message]).toEqual([400, expect.stringContaining(message)]);
    }
  });

  test('needs the full token', async ({ ns }) => {
    const { app } = await api(ns, TOKEN, 'read-only-token');
    expect((await post(app, { policy: CALM })).statusCode).toBe(401);
    expect((await post(app, { policy: CALM }, bearer('read-only-token'))).statusCode).toBe(403);
  });

  test('says why a log cannot be read', async ({ ns }) => {
    const path = files({});
    const { app } = await withLog(ns, path('log'));
    const answer = await post(app, { policy: CALM });
    expect([answer.statusCode, answer.json().message]).toEqual([
      409,
      `The audit log cannot be read: ${path('log')} is not a file, and there are no rotated pieces of it.`,
    ]);
  });

  test('of a log that takes long leaves the API responsive, is alone, and ends at its deadline', async ({ ns }) => {
    const { app } = await withLog(ns, slowLog(), { deadlineMs: 3_000 });
    const first = post(app, { policy: CALM }).then((answer) => answer);
    const second = await post(app, { policy: CALM });
    expect([second.statusCode, second.json().message]).toEqual([
      409,
      expect.stringContaining('A backtest is running.'),
    ]);
    let answered = 0;
    const waits = () => new Promise<'waits'>((resolve) => setTimeout(resolve, 20, 'waits'));
    while ((await Promise.race([first, waits()])) === 'waits') {
      expect((await app.inject('/healthz')).statusCode).toBe(200);
      answered++;
    }
    expect(answered).toBeGreaterThan(10);
    const answer = await first;
    expect([answer.statusCode, answer.json().message]).toEqual([503, expect.stringContaining('took too long')]);
    // The place is free. On a busy machine even this one may be too late.
    expect((await post(app, { policy: 'version: 2' })).statusCode).not.toBe(409);
  });

  test('ends when its client goes away', async ({ ns }) => {
    const { backtests, started } = observed(slowLog());
    const { app } = await api(ns, undefined, undefined, { backtests });
    await app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = app.server.address() as AddressInfo;
    const headers = { 'content-type': 'application/json' };
    const client = httpRequest({
      port,
      host: '127.0.0.1',
      path: '/v1/backtest',
      method: 'POST',
      headers,
      agent: false,
    });
    client.on('error', () => undefined);
    client.end(JSON.stringify({ policy: CALM }));
    const { result } = await started;
    client.destroy();
    expect(await result).toEqual({ kind: 'ended' });
  });

  test('ends when the API stops', async ({ ns }) => {
    const { backtests, started } = observed(slowLog());
    const { app } = await api(ns, undefined, undefined, { backtests });
    const running = post(app, { policy: CALM }).then((answer) => answer);
    const { result } = await started;
    await app.close();
    expect(await result).toEqual({ kind: 'ended' });
    const answer = await running;
    expect([answer.statusCode, answer.json().message]).toEqual([503, expect.stringContaining('the API stops')]);
  });

  test('of a log that needs too much memory fails without harm to the API', async ({ ns }) => {
    const rows = Array.from({ length: 100_000 }, (_, i) => row(i - 100_000)).join('');
    const { app } = await withLog(ns, files({ log: rows })('log'), { memoryMib: 24 });
    const answer = await post(app, { policy: CALM });
    expect([answer.statusCode, answer.json().message]).toEqual([503, expect.stringContaining('too large')]);
    expect((await app.inject('/healthz')).statusCode).toBe(200);
  });
});
