/** The decision on one row: the order of its reasons, counts, backoff and the rule that is used. */
import { describe, expect, test } from 'vitest';
import { type Decision, decideRow, NEW_PAIR, type PairState } from '../../src/policy/decide.ts';
import { parsePolicy } from '../../src/policy/policy.ts';
import { settingsOf } from '../../src/policy/settings.ts';
import { debounceId } from '../../src/wake/pair.ts';

const NOW = Date.parse('2026-11-22T02:30:00Z');
const MINUTE = 60_000;
const USUAL = { windowMs: 10 * MINUTE, consecutive: 1, bypassCritical: false };

function decide(
  rules: string,
  state: Partial<PairState> = {},
  { severity = 'warning', probe = 'fly', debounce = {}, hasIncidents = true } = {},
): Decision {
  const read = parsePolicy(`version: 1\nrules:\n${rules}`);
  if ('faults' in read) throw new Error(JSON.stringify(read.faults));
  const settings = settingsOf(read.policy.rules, { ...USUAL, ...debounce })
    .ofPair(debounceId(probe, 'c'))
    .of(severity);
  return decideRow(severity, settings, { ...NEW_PAIR, ...state }, { now: NOW, hasIncidents });
}

const OPEN = { holder: 'w-1', wakes: 1, hadCritical: false };
const MUTED = '  - mute: [{ cron: "0 2 * * *", for: 1h, reason: restore }]';

describe('the order', () => {
  test('a mute comes before an open window', () => {
    expect(decide(MUTED, OPEN)).toEqual({ kind: 'muted', reason: 'restore' });
  });

  test('an open window comes before a count', () => {
    expect(decide('  - consecutive: 3', { holder: 'w-1', buffered: 1 })).toEqual({ kind: 'coalesced', holder: 'w-1' });
  });

  test('a count comes before a wake', () => {
    expect(decide('  - consecutive: 3', { buffered: 1 })).toEqual({ kind: 'buffered', rows: 2, forMs: 10 * MINUTE });
  });
});

describe('a mute', () => {
  test('does not apply to critical rows unless the rule lists them', () => {
    expect(decide(MUTED, {}, { severity: 'critical' }).kind).toBe('enqueued');
    const listed = '  - match: { severity: [critical] }\n    mute: [{ cron: "0 2 * * *", for: 1h }]';
    expect(decide(listed, {}, { severity: 'critical' })).toEqual({ kind: 'muted', reason: 'muted by the policy' });
  });

  test('leaves the rest of its rule to critical rows', () => {
    expect(decide(`${MUTED}\n    window: 30m`, {}, { severity: 'critical' })).toMatchObject({ windowMs: 30 * MINUTE });
  });
});

describe('a count', () => {
  test('ends with the row that reaches it, which carries the number', () => {
    expect(decide('  - consecutive: 3', { buffered: 2 })).toMatchObject({ kind: 'enqueued', buffered: 2 });
  });

  test('is not used while an incident is open', () => {
    expect(decide('  - consecutive: 3', { wakes: 1 }).kind).toBe('enqueued');
  });

  test('is passed by a critical row only if critical rows bypass windows', () => {
    const critical = { severity: 'critical' };
    expect(decide('  - consecutive: 3', {}, critical).kind).toBe('buffered');
    expect(decide('  - consecutive: 3', {}, { ...critical, debounce: { bypassCritical: true } }).kind).toBe('enqueued');
  });

  test('lasts ten minutes without a window', () => {
    expect(decide('  - { window: 0s, consecutive: 2 }')).toEqual({ kind: 'buffered', rows: 1, forMs: 10 * MINUTE });
  });

  test('comes from the environment if the rule does not set it', () => {
    expect(decide('  - window: 5m', {}, { debounce: { consecutive: 2 } }).kind).toBe('buffered');
    expect(decide('  - consecutive: 1', {}, { debounce: { consecutive: 2 } }).kind).toBe('enqueued');
  });
});

describe('a window', () => {
  test('grows with each wake of the incident, up to a limit', () => {
    const rules = '  - window: 10m\n    backoff: { factor: 3, max: 1h }';
    const windows = [undefined, 1, 2, 3].map((wakes) => decide(rules, { wakes }));
    expect(windows).toMatchObject([10, 30, 60, 60].map((minutes) => ({ windowMs: minutes * MINUTE })));
  });

  test('is never shorter than the first one', () => {
    expect(decide('  - backoff: { factor: 2, max: 5m }', { wakes: 4 })).toMatchObject({ windowMs: 10 * MINUTE });
  });

  test.each([
    ['if critical rows bypass it', { hadCritical: true }, { debounce: { bypassCritical: true } }],
    ['if it is the first critical row of its incident', {}, {}],
  ])('is passed by a critical row %s', (_, state, options) => {
    const decision = decide('  - {}', { ...OPEN, ...state }, { severity: 'critical', ...options });
    expect(decision).toMatchObject({ kind: 'enqueued', passes: true, closes: 'w-1' });
  });

  test('holds further critical rows, and all of them without incidents', () => {
    expect(decide('  - {}', { ...OPEN, hadCritical: true }, { severity: 'critical' }).kind).toBe('coalesced');
    expect(decide('  - {}', OPEN, { severity: 'critical', hasIncidents: false }).kind).toBe('coalesced');
  });
});

describe('the rule', () => {
  const rules = `  - { match: { probe: "fly*", severity: info }, window: 1m }
  - { match: { probe: "fly*" }, window: 2m }
  - { match: { category: c }, window: 3m }`;

  test.each([
    ['fly', 'info', 1],
    ['fly-eu', 'warning', 2],
    ['fly', 'odd', 2],
    ['sentry', 'info', 3],
  ])('for %s, %s is the first that matches: %s', (probe, severity, minutes) => {
    expect(decide(rules, {}, { probe, severity })).toMatchObject({ windowMs: minutes * MINUTE });
  });
});
