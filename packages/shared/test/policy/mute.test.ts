/** Mutes in time zones with daylight saving. */
import { describe, expect, test } from 'vitest';
import { cronMistake, isTimezone, type Mute, mutes, shortestInterval } from '../../src/policy/mute.ts';

const HOUR = 3_600_000;
const restore: Mute = { cron: '0 2 * * 0', forMs: 2 * HOUR, timezone: 'Europe/Berlin', reason: 'weekly restore' };
const at = (text: string) => Date.parse(text);
const isMuted = (text: string, ...list: Mute[]) => mutes(list.length > 0 ? list : [restore])(at(text)) !== undefined;

describe('a mute', () => {
  test.each([
    ['2026-11-22T00:59:59.999Z', false],
    ['2026-11-22T01:00:00Z', true],
    ['2026-11-22T02:59:59.999Z', true],
    ['2026-11-22T03:00:00Z', false],
    ['2026-11-21T01:30:00Z', false],
  ])('covers its span and nothing else: %s %s', (text, muted) => {
    expect(isMuted(text)).toBe(muted);
  });

  test('moves with daylight saving', () => {
    expect([isMuted('2026-07-05T00:30:00Z'), isMuted('2026-07-05T02:30:00Z')]).toEqual([true, false]);
    expect([isMuted('2026-01-04T00:30:00Z'), isMuted('2026-01-04T02:30:00Z')]).toEqual([false, true]);
  });

  test('begins in the night in which its hour does not exist', () => {
    // On 29 March 2026 the clocks of Berlin go from 02:00 to 03:00, which is 01:00 UTC.
    expect(isMuted('2026-03-29T01:30:00Z')).toBe(true);
    expect(isMuted('2026-03-29T00:30:00Z')).toBe(false);
  });

  test('gives its end and its reason', () => {
    expect(mutes([restore])(at('2026-11-22T01:30:00Z'))).toEqual({ mute: restore, until: at('2026-11-22T03:00:00Z') });
  });

  test('gives the same answer whatever was asked before', () => {
    const asked = mutes([restore]);
    const times = ['2026-11-22T01:30:00Z', '2026-11-20T00:00:00Z', '2026-11-22T03:00:00Z', '2026-11-29T01:30:00Z'];
    for (const first of times) {
      for (const second of times) {
        asked(at(first));
        expect(asked(at(second)) !== undefined).toBe(isMuted(second));
      }
    }
  });

  test('can begin again before it has ended', () => {
    const long = { ...restore, cron: '0 * * * *', forMs: 90 * 60_000 };
    for (const minute of ['00', '29', '45', '59']) expect(isMuted(`2026-11-22T05:${minute}:00Z`, long)).toBe(true);
    expect(shortestInterval(long, at('2026-11-22T00:00:00Z'))).toBe(HOUR);
  });
});

test.each([
  ['0 2 * *', 'must have five fields'],
  ['0 0 2 * * 0', 'must have five fields'],
  ['@daily', 'must have five fields'],
  ['0 25 * * *', 'is no cron expression'],
  ['60 * * * *', 'is no cron expression'],
  ['*/0 * * * *', 'is no cron expression'],
  ['0 2 31 2 *', 'never matches a time'],
])('%s has a mistake: it %s', (cron, mistake) => {
  expect(cronMistake(cron)).toContain(mistake);
});

test.each(['0 2 * * 0', '*/5 * * * *', '0 22 * * MON-FRI', '0 0 1 1 *'])('%s has no mistake', (cron) => {
  expect(cronMistake(cron)).toBeUndefined();
});

test('a time zone is an IANA name', () => {
  expect(['Europe/Berlin', 'UTC', 'Asia/Kathmandu'].every(isTimezone)).toBe(true);
  expect(['Mars/Olympus', '', 'Berlin'].some(isTimezone)).toBe(false);
});
