/** Rules of the policy file: their faults and warnings, by line, and the reload of the file. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { testLog } from '../../../../test/support/fixtures.ts';
import { parsePolicy } from '../../src/policy/policy.ts';
import { livePolicy } from '../../src/policy/policy-file.ts';
import { StartupError } from '../../src/runtime/errors.ts';

function faultsIn(rules: string, hasIncidents = true): string[] {
  const read = parsePolicy(`version: 1\nrules:\n${rules}`, hasIncidents);
  return 'faults' in read ? read.faults.map(({ line, message }) => `${line}: ${message}`) : [];
}

function warningsIn(text: string): string[] {
  const read = parsePolicy(`version: 1\n${text}`);
  if ('faults' in read) throw new Error(JSON.stringify(read.faults));
  return read.warnings.map(({ line, message }) => `${line}: ${message}`);
}

describe('faults', () => {
  test('are all found at once, with their lines', () => {
    const rules = `  - match: { probe: "fly[1]", severity: [kritical] }
    window: 30
    consecutive: 0
    backoff: { factor: 1, max: 4h }
  - match: { category: "" }
    window: 2h
    backoff: { factor: 2, max: 1h }
    reinvestigate: sometimes
    mute:
      - { cron: "0 25 * * *", for: 8d }
      - { cron: "0 2 31 2 *", for: 2h, timezone: Europe/Berlim }
  - mutes: []
`;
    expect(faultsIn(rules)).toEqual([
      '3: rule 1: match.probe must not contain [ ] { }: only * and ? have a meaning in a pattern',
      '3: rule 1: match.severity.0 must be one of critical, warning, info. Did you mean critical?',
      '4: rule 1: window must be a duration: a number and ms, s, m, h or d, such as 30m',
      '5: rule 1: consecutive must be a whole number from 1 to 1000',
      '6: rule 1: backoff.factor must be a number above 1 and at most 100',
      '7: rule 2: match.category must not be empty: use "*" for all',
      '10: rule 2: reinvestigate must be one of always, on_change',
      '12: rule 2: mute.0.cron is no cron expression, such as 0 2 * * 0 for each Sunday at 02:00',
      '12: rule 2: mute.0.for must be at most 7d',
      '13: rule 2: mute.1.cron never matches a time',
      '13: rule 2: mute.1.timezone is no time zone: use a name such as Europe/Berlin',
      '14: rule 3: mutes is not a key here. Did you mean mute?',
    ]);
  });

  test.each([
    [
      '  - backoff: { factor: 2, max: 1h }\n    window: 2h',
      '3: rule 1: backoff.max must be at least as long as window',
    ],
    ['  - mute: []', '3: rule 1: mute must not be an empty list'],
    ['  - mute: 2h', '3: rule 1: mute must be a list of mutes, each with cron and for'],
    ['  - mute: [{ cron: 5, for: 2h }]', '3: rule 1: mute.0.cron must be a cron expression in quotes'],
    [
      '  - mute: [{ cron: "0 2 * * 0" }]',
      '3: rule 1: mute.0.for must be a duration: a number and ms, s, m, h or d, such as 30m',
    ],
    ['  fly: 30m', '2: rules must be a list of rules'],
    ['  - 30m', '3: rule 1 must be a mapping of keys to values'],
  ])('%j', (rules, fault) => {
    expect(faultsIn(rules)).toEqual([fault]);
  });

  test('without incidents are the keys that need them', () => {
    const rules = '  - window: 5m\n    backoff: { factor: 2, max: 1h }\n  - reinvestigate: on_change\n';
    const needs = 'needs incidents: remove it, or set KORA_INCIDENT_QUIET_SECONDS to more than 0';
    expect(
      faultsIn(`${rules}escalate: { after: 5m, to: [U024BE7LH] }\nstorm: { pairs: 8, within: 60s }`, false),
    ).toEqual([
      `4: rule 1: backoff ${needs}`,
      `5: rule 2: reinvestigate ${needs}`,
      `6: escalate ${needs}`,
      `7: storm ${needs}`,
    ]);
  });
});

describe('warnings', () => {
  test('name a rule that never applies, and the rule that hides it', () => {
    const rules = `rules:
  - { match: { probe: "fly*" }, window: 5m }
  - { match: { probe: fly-eu, severity: info }, window: 1m }
  - { match: { probe: db, severity: [critical, warning] }, window: 1m }
  - { match: { probe: db, severity: info }, window: 1m }
  - { match: { probe: db, severity: [warning, info] }, window: 2m }
`;
    expect(warningsIn(rules)).toEqual([
      '4: rule 2 never applies: rule 1 (line 3) matches all its rows',
      '7: rule 5 never applies: rule 3 (line 5) matches all its rows',
    ]);
  });

  test('name rules that overlap, but not a general one after a special one', () => {
    const rules = `rules:
  - { match: { probe: "fly*" }, window: 5m }
  - { match: { probe: "*-db" }, window: 1m }
  - { window: 1m }
`;
    expect(warningsIn(rules)).toEqual(['4: rule 2 overlaps rule 1 (line 3), which decides rows that match both']);
  });

  test('name mutes that hide critical alerts, and those that never end', () => {
    const rules = `rules:
  - match: { probe: db, severity: [critical] }
    mute: [{ cron: "0 * * * *", for: 1h }]
`;
    expect(warningsIn(rules)).toEqual([
      '4: rule 1: mute.0 begins again before it has ended: it mutes for longer than for says',
      '4: rule 1: mute covers critical alerts: nobody is notified of them in that time',
    ]);
  });

  test.each([
    ['sentry', '', 'sentry'],
    ['"*"', '', 'pagerduty'],
    ['shop', 'sources:\n  cloudwatch: { probe: { text: shop } }\n', 'cloudwatch'],
  ])('name a mute of %s that can match a source that sends each alert once', (probe, sources, source) => {
    const rules = `rules:\n  - { match: { probe: ${probe} }, mute: [{ cron: "0 2 * * 0", for: 2h }] }\n${sources}`;
    expect(warningsIn(rules)).toEqual([
      `3: rule 1: mute can match alerts of ${source}, which sends each alert only once: nobody is notified of a muted one, also after the mute`,
    ]);
  });
});

describe('a reload', () => {
  function reloading(text: string) {
    const folder = mkdtempSync(join(tmpdir(), 'kora-policy-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const policyPath = join(folder, 'policy.yaml');
    const write = (content: string) => writeFileSync(policyPath, content);
    write(text);
    const reloads: Array<() => void> = [];
    const log = testLog();
    const policy = livePolicy(
      { policyPath, incidentQuietMs: 1 },
      { onReload: (reload) => void reloads.push(reload), log: log.logger },
    );
    return { policy, write, log, policyPath, reload: () => reloads.forEach((each) => each()) };
  }

  test('replaces the policy, and calls those who follow it', () => {
    const { policy, write, reload } = reloading('version: 1\nrules: [{ window: 1m }]\n');
    const before = policy.state();
    let calls = 0;
    policy.onReloaded(() => calls++);
    write('version: 1\nrules: [{ window: 2m }]\n');
    reload();
    expect(policy.current().rules[0]?.windowMs).toBe(120_000);
    expect(policy.state()).toEqual({ version: policy.current().version, problem: null });
    expect(policy.state().version).not.toBe(before.version);
    expect(calls).toBe(1);
  });

  test('of a file with faults keeps the older policy and reports it, until the file is right again', () => {
    const { policy, write, reload, log, policyPath } = reloading('version: 1\nrules: [{ window: 1m }]\n');
    const { version } = policy.state();
    write('version: 1\nrules: [{ window: 1 }]\n');
    reload();
    expect(policy.current().rules[0]?.windowMs).toBe(60_000);
    expect(policy.state()).toMatchObject({
      version,
      problem: expect.stringContaining(`${policyPath}:2: rule 1: window`),
    });
    expect(log.lines.at(-1)).toMatchObject({ event: 'policy.invalid', version });
    rmSync(policyPath);
    reload();
    expect(policy.state()).toMatchObject({ version, problem: expect.stringContaining('cannot be read') });
    write('version: 1\nrules: [{ window: 1m }]\n');
    reload();
    expect(policy.state()).toEqual({ version, problem: null });
  });

  test('is not possible at the start: an app must not run without its policy', () => {
    expect(() => reloading('version: 1\nrules: 1\n')).toThrow(StartupError);
  });
});
