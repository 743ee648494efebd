/** The checker sees what it is there to see: a history in which all is well, and each way to spoil it. */
import { expect, test } from 'vitest';
import { check, type History } from './history.ts';

const T0 = 1_800_000_000_000;
const row = (id: string, more: Partial<History['rows'][number]> = {}): History['rows'][number] => ({
  id,
  marker: `row-${id}`,
  pair: 'fly down',
  kind: 'wake',
  critical: false,
  at: T0,
  ...more,
});

const first = { id: 'a', outcome: 'diagnosis', suppressed: 1, addedAt: T0 };
const second = { id: 'c', outcome: 'fallback', suppressed: 0, addedAt: T0 };

const coalesced = { kind: 'coalesced' as const, pair: 'fly down', winner: 'a', at: T0 + 10 };

/** Two wakes of two pairs told, one row coalesced into the first, one rejected. */
function well(): History {
  return {
    windowMs: 20_000,
    bypass: false,
    rows: [row('a'), row('b'), row('c', { pair: 'vercel down' }), row('d', { kind: 'stale' })],
    posts: [
      { wakeId: 'a', text: 'row-a', at: T0 + 100 },
      { wakeId: 'c', text: 'row-c', at: T0 + 100 },
    ],
    paid: [{ marker: 'row-a', at: T0 + 50 }],
    decisions: [{ kind: 'enqueued', id: 'a', at: T0 }, coalesced],
    offsets: [
      { file: '-7-1', offset: 100, afterNewline: true, at: T0 },
      { file: '-7-1', offset: 200, afterNewline: true, at: T0 + 10 },
    ],
    emptied: [],
    forgot: [],
    wakes: [first, second],
    holding: ['a'],
    counts: { rows: 4, enqueued: 2, coalesced: 1, rejected: 1, inFlight: 0, unaccounted: 0 },
    crashes: [],
    tailerPeakBytes: 100_000_000,
    settled: true,
  };
}

test('a history in which all is well is found so', () => {
  expect(check(well())).toEqual({ violations: [], lost: 0, unmarkedRepeats: 0, markedRepeats: 0 });
});

/** The offset goes back. */
const back = [
  { file: '-7-1', offset: 200, afterNewline: true, at: T0 },
  { file: '-7-1', offset: 100, afterNewline: true, at: T0 + 10 },
];
const again = { wakeId: 'a', text: 'row-a', at: T0 + 9_000 };
const marked = { ...again, text: 'row-a (Possible duplicate: …)' };
const later = (more: Partial<History['wakes'][number]>) => ({
  rows: [...well().rows, row('e')],
  posts: [...well().posts, { wakeId: 'e', text: 'row-e', at: T0 + 60_000 }],
  wakes: [...well().wakes, { id: 'e', outcome: 'diagnosis', suppressed: 0, addedAt: T0 + 5_000, ...more }],
  counts: { ...well().counts, rows: 5, enqueued: 3 },
});

test.each<[string, string, Partial<History>]>([
  ['a row without a decision', 'I1', { rows: [...well().rows, row('x')] }],
  ['a row decided twice', 'I1', { counts: { ...well().counts, rows: 5, coalesced: 2 } }],
  ['a decision on no row', 'I1', { decisions: [{ kind: 'enqueued', id: 'x', at: T0 }] }],
  ['a wake that was never told', 'I2', { posts: well().posts.slice(0, 1) }],
  ['a wake without an end', 'I2', { wakes: [{ ...first, outcome: undefined }, second] }],
  ['work that does not end', 'I2', { settled: false }],
  ['coalesced into another pair', 'I3', { decisions: [{ ...coalesced, winner: 'c' }] }],
  ['coalesced after the window', 'I3', { decisions: [{ ...coalesced, at: T0 + 90_000 }] }],
  ['not counted on its winner', 'I3', { wakes: [{ ...first, suppressed: 0 }, second] }],
  ['told twice', 'I4', { posts: [...well().posts, again] }],
  ['told of what is no row', 'I5', { posts: [...well().posts, { ...again, wakeId: 'x' }] }],
  ['told of what was rejected', 'I5', { posts: [...well().posts, { ...again, wakeId: 'd' }] }],
  ['an offset in a line', 'I6', { offsets: [{ file: '-7-1', offset: 5, afterNewline: false, at: T0 }] }],
  ['an offset that goes back', 'I7', { offsets: back }],
  ['a window inside a window', 'I8', later({})],
  ['counters that do not add up', 'I9', { counts: { ...well().counts, coalesced: 2, rows: 4 } }],
  ['something unaccounted', 'I9', { counts: { ...well().counts, unaccounted: 1 } }],
  ['a window held by one that never spoke', 'I10', { holding: ['b'] }],
  ['paid for after it was told', 'I11', { paid: [{ marker: 'row-a', at: T0 + 9_000 }] }],
  ['a tailer that eats memory', 'I12', { tailerPeakBytes: 2 ** 30 }],
  ['an app that crashed', 'crash', { crashes: ['worker 1: boom'] }],
])('%s is seen as %s', (_what, invariant, spoiled) => {
  const { violations } = check({ ...well(), ...spoiled });
  expect(violations.map((violation) => violation.invariant)).toContain(invariant);
});

test.each<[string, Partial<History>]>([
  ['a repeat that says so', { posts: [...well().posts, marked] }],
  ['an offset that goes back since Redis did', { offsets: back, forgot: [T0 + 5] }],
  ['an offset that goes back since its file was emptied', { offsets: back, emptied: [{ inode: '7', at: T0 }] }],
  [
    'a critical wake that passes, where that is asked for',
    { ...later({}), rows: [...well().rows, row('e', { critical: true })], bypass: true },
  ],
])('%s is no violation', (_what, allowed) => {
  expect(check({ ...well(), ...allowed }).violations).toEqual([]);
});
