/** Results of backtests: figures by policy, alerts that would not be sent, and suggestions. */
import { memoryStore } from '@kora-wake/shared/policy/memory-store';
import { parsePolicy } from '@kora-wake/shared/policy/policy';
import { settingsOf } from '@kora-wake/shared/policy/settings';
import { debounceId } from '@kora-wake/shared/wake/pair';
import { redact } from '@kora-wake/shared/wake/redact';
import { describe, expect, test } from 'vitest';
import { type BacktestOptions, decideAll, runBacktest, sentAt } from '../src/backtest.ts';
import type { LogRow } from '../src/read-log.ts';
import { suggest } from '../src/suggest.ts';

const MINUTE = 60_000;
const START = Date.parse('2026-11-25T12:00:00Z');
const DEBOUNCE = { windowMs: 10 * MINUTE, consecutive: 1, bypassCritical: false };

function row(minute: number, more: Partial<LogRow> & { probe?: string } = {}): LogRow {
  const { probe = 'fly', ...rest } = more;
  return {
    kind: 'wake',
    at: START + minute * MINUTE,
    pair: debounceId(probe, 'c'),
    severity: 'warning',
    instance: '',
    sender: '',
    title: `at ${minute}`,
    ...rest,
  };
}

const recovery = (minute: number) => row(minute, { kind: 'recovered', severity: '' });

function rulesOf(rules: string) {
  const read = parsePolicy(`version: 1\nrules:\n${rules}`);
  if ('faults' in read) throw new Error(JSON.stringify(read.faults));
  return read.policy.rules;
}

function options(rules: string[], more: Partial<BacktestOptions> = {}): BacktestOptions {
  return {
    policies: [
      { name: 'current', rules: [] },
      ...rules.map((text, i) => ({ name: `policy ${i + 1}`, rules: rulesOf(text) })),
    ],
    debounce: DEBOUNCE,
    hasIncidents: true,
    quietMs: 120 * MINUTE,
    senderQuietMs: 1_440 * MINUTE,
    from: -Infinity,
    to: Infinity,
    timezone: 'UTC',
    redact,
    ...more,
  };
}

const content = (rows: LogRow[]) => ({ rows, malformed: 0, meanUsd: 0.5, doubts: [] });
const backtest = (rows: LogRow[], ...rules: string[]) => runBacktest(content(rows), options(rules));

describe('the figures', () => {
  test('have each decision, pairs, hours, nights and cost', () => {
    const rows = [row(0), row(5), row(15), row(20, { probe: 'db' }), row(11 * 60), row(11 * 60 + 1)];
    const muted =
      '  - { match: { probe: db }, mute: [{ cron: "0 12 * * *", for: 1h, reason: tests }] }\n  - consecutive: 2';
    const { policies } = backtest(rows, muted);
    expect(policies).toMatchObject([
      {
        name: 'current',
        rows: 6,
        decisions: { enqueued: 4, coalesced: 2, buffered: 0, muted: 0, rejected: 0 },
        wakes: 4,
        night: 1,
        usd: 2,
        byPair: [
          { probe: 'fly', category: 'c', rows: 5, wakes: 3 },
          { probe: 'db', category: 'c', rows: 1, wakes: 1 },
        ],
      },
      {
        name: 'policy 1',
        decisions: { enqueued: 3, coalesced: 0, buffered: 2, muted: 1, rejected: 0 },
        reasons: { tests: 1 },
        night: 1,
      },
    ]);
    expect(policies[0]?.byHour).toEqual(Array.from({ length: 24 }, (_, hour) => ({ 12: 3, 23: 1 })[hour] ?? 0));
  });

  test('count only rows of the time that was asked for, with the state from before', () => {
    const { policies, from } = runBacktest(
      content([row(0), row(5), row(15)]),
      options([], { from: START + 4 * MINUTE }),
    );
    expect(policies[0]?.decisions).toMatchObject({ enqueued: 1, coalesced: 1 });
    expect(from).toBe(new Date(START + 5 * MINUTE).toISOString());
  });

  test('count nights in the time zone', () => {
    const night = (timezone: string) => runBacktest(content([row(0)]), options([], { timezone })).policies[0]?.night;
    expect([night('UTC'), night('America/Los_Angeles')]).toEqual([0, 1]);
  });
});

test('a cost that may be too high is a doubt', () => {
  const about = 'The cost counts an investigation for each message, also for rules with reinvestigate: on_change.';
  expect(backtest([row(0)], '  - reinvestigate: on_change').doubts).toContain(about);
  expect(backtest([row(0)], '  - window: 5m').doubts).not.toContain(about);
});

describe('an alert that is not sent any more', () => {
  test('says whether nobody hears of it, or which message is about it', () => {
    const rows = [
      row(0),
      row(15),
      recovery(20),
      row(100, { probe: 'db', severity: 'critical' }),
      row(200, { probe: 'x' }),
      row(230, { probe: 'x' }),
    ];
    const { missed } = backtest(rows, '  - { match: { probe: fly }, window: 1h }\n  - consecutive: 2\n    window: 1h');
    expect(
      missed.map(({ probe, title, decision, message, messageAt }) => [probe, title, decision, message, messageAt]),
    ).toEqual([
      ['db', 'at 100', 'buffered', 'none', null],
      ['x', 'at 200', 'buffered', 'later', new Date(START + 230 * MINUTE).toISOString()],
      ['fly', 'at 15', 'coalesced', 'earlier', new Date(START).toISOString()],
    ]);
  });

  test('has no secret in its title', () => {
    const secret = 'xoxb-1111111111-aaaaaaaaaaaa';
    const { missed } = backtest([row(0), row(15, { title: `token ${secret}` })], '  - window: 1h');
    expect(JSON.stringify(missed)).not.toContain(secret);
  });

  test('is compared for each policy on its own', () => {
    const { missed } = backtest([row(0), row(15), row(45)], '  - window: 20m', '  - window: 1h');
    expect(missed.map(({ policy, title }) => `${policy}, ${title}`).toSorted()).toEqual([
      'policy 1, at 15',
      'policy 2, at 15',
      'policy 2, at 45',
    ]);
  });
});

test('a wake that reopens an incident soon after its message is sent later, or not if it is over by then', () => {
  const flapping = [row(0), recovery(1), row(2)];
  const sent = (rows: LogRow[]) =>
    decideAll(rows, settingsOf([], DEBOUNCE), options([])).map((decision) => {
      const at = sentAt(decision);
      return at === undefined ? undefined : (at - START) / MINUTE;
    });
  expect(sent(flapping)).toEqual([0, undefined, 10]);
  expect(sent([...flapping, recovery(5)])).toEqual([0, undefined, undefined, undefined]);
  expect(sent([...flapping, recovery(12)])).toEqual([0, undefined, 10, undefined]);
  expect(sent([row(0), recovery(1), row(2, { severity: 'critical' })])).toEqual([0, undefined, 2]);
  const { policies } = backtest([...flapping, recovery(5)]);
  expect(policies[0]).toMatchObject({ wakes: 2, withdrawn: 1, usd: 0.5 });
});

describe('a storm', () => {
  const many = (minute: number, from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => row(minute, { probe: `p-${from + i}` }));
  const withStorm = (rows: LogRow[], at = START) => {
    const { policies, doubts } = runBacktest(
      content(rows.map((each) => ({ ...each, at: each.at - START + at }))),
      options([], { policies: [{ name: 'current', rules: [], storm: { pairs: 3, withinMs: MINUTE } }] }),
    );
    expect(doubts.join()).toContain('after 30 s');
    return policies[0];
  };

  test('is one message and one investigation, and the alerts before it are sent by themselves', () => {
    // The first one is sent when the storm begins, 40 seconds later.
    const rows = [row(0, { probe: 'early' }), ...many(40 / 60, 0, 5)];
    expect(withStorm(rows)).toMatchObject({ wakes: 6, storms: 1, inDigests: 5, messages: 2, usd: 1 });
    expect(withStorm(rows.slice(0, 2))).toMatchObject({ wakes: 2, storms: 0, inDigests: 0, messages: 2 });
  });

  test('grows until no new pair has joined for five times its time', () => {
    const rows = [...many(0, 0, 3), ...many(4, 3, 4), ...many(8, 4, 5), ...many(14, 5, 6)];
    expect(withStorm(rows)).toMatchObject({ storms: 1, inDigests: 5, messages: 2 });
  });

  test('does not take a later alert of an incident with its own message, and takes one of a member', () => {
    const rows = [row(0, { probe: 'early' }), ...many(9, 0, 3), row(11, { probe: 'early' }), ...many(20, 0, 1)];
    expect(withStorm(rows)).toMatchObject({ wakes: 6, storms: 1, inDigests: 3, messages: 4 });
    const soon = [...many(0, 0, 3), ...many(4, 3, 4), ...many(8, 4, 5), ...many(12, 0, 1)];
    expect(withStorm(soon)).toMatchObject({ wakes: 6, storms: 1, inDigests: 6, messages: 1 });
  });

  test('at night counts once', () => {
    const midnight = Date.parse('2026-11-26T00:00:00Z');
    expect(withStorm(many(0, 0, 5), midnight)).toMatchObject({ messages: 1, night: 1 });
  });
});

describe('a suggestion', () => {
  const noisy = Array.from({ length: 24 }, (_, i) =>
    row(i * 11, { severity: i === 5 || i === 6 ? 'critical' : 'warning' }),
  );
  const suggestions = (rows: LogRow[]) => suggest(rows, { ...options([]), rules: [] });

  test('is the shortest window that halves the messages, with what it hides', () => {
    const [window] = suggestions(noisy);
    expect(window).toMatchObject({ probe: 'fly', messages: 24, windowMs: 30 * MINUTE, hidesCritical: 1 });
    expect(window?.rule).toBe('- match: { probe: "fly", category: "c" }\n  window: 30m');
    expect(window?.messagesThen).toBeLessThanOrEqual(12);
    expect((window?.hides ?? 0) >= 24 - (window?.messagesThen ?? 0)).toBe(true);
  });

  test('can also be a count', () => {
    const alone = Array.from({ length: 8 }, (_, i) => row(i * 400));
    expect(suggestions(alone)).toMatchObject([
      { windowMs: 480 * MINUTE, messages: 8, messagesThen: 4, hides: 4 },
      { consecutive: 2, messages: 8, messagesThen: 0, hides: 8, hidesCritical: 0 },
    ]);
  });

  test('is not made for a quiet pair', () => {
    expect(suggestions([row(0), row(20)])).toEqual([]);
  });
});

test('a hundred thousand rows of one pair with many instances are decided in linear time', () => {
  const store = memoryStore({ ...options([]), settings: settingsOf([], DEBOUNCE) });
  for (let i = 0; i < 100_000; i++) {
    store.row(
      { pair: 'fly:c', severity: 'warning', instance: String(i % 5_000), sender: 'tool' },
      String(i),
      START + i,
    );
  }
  expect(store.recover({ pair: 'fly:c', instance: '1', sender: 'tool' }, START + 100_000)).toBe('partial');
  expect(store.recover({ pair: 'fly:c', instance: '', sender: 'tool' }, START + 100_000)).toBe('closed');
});
