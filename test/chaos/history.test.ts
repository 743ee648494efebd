/** The checker accepts a correct history and detects each kind of error in it. */
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

/** Two wakes of two pairs sent, one row coalesced into the first, one row rejected. */
function correct(): History {
  return {
    windowMs: 20_000,
    bypass: false,
    rows: [row('a'), row('b'), row('c', { pair: 'vercel down' }), row('d', { kind: 'malformed' })],
    recoveries: [],
    posts: [
      { wakeId: 'a', text: 'row-a', at: T0 + 100, channel: 'U' },
      { wakeId: 'c', text: 'row-c', at: T0 + 100, channel: 'U' },
    ],
    digests: [],
    actions: [],
    escalateMs: 40_000,
    incidents: [],
    shown: new Map(),
    paid: [{ marker: 'row-a', at: T0 + 50 }],
    decisions: [{ kind: 'enqueued', id: 'a', at: T0 }, coalesced],
    offsets: [
      { file: '-7-1', offset: 100, afterNewline: true, at: T0 },
      { file: '-7-1', offset: 200, afterNewline: true, at: T0 + 10 },
    ],
    emptied: [],
    dataLosses: [],
    delays: [],
    wakes: [first, second],
    windowOwners: ['a'],
    counts: {
      rows: 4,
      enqueued: 2,
      coalesced: 1,
      buffered: 0,
      muted: 0,
      rejected: 1,
      recovered: 0,
      inFlight: 0,
      unaccounted: 0,
    },
    crashes: [],
    tailerPeakBytes: 100_000_000,
    settled: true,
  };
}

test('a correct history has no violation', () => {
  expect(check(correct())).toEqual({ violations: [], lost: 0, unmarkedRepeats: 0, markedRepeats: 0 });
});

test.each([
  ['rejected', { rejected: 1 }, []],
  ['sent', { enqueued: 3, rejected: 0 }, [{ id: 'd', outcome: 'diagnosis', suppressed: 0, addedAt: T0 + 60_000 }]],
])('an old row may be %s', (_name, counts, more) => {
  const history = correct();
  const rows = history.rows.map((each) => (each.id === 'd' ? row('d', { kind: 'old', pair: 'supabase down' }) : each));
  const posts = [
    ...history.posts,
    ...more.map(({ id }) => ({ wakeId: id, text: 'row-d', at: T0 + 60_100, channel: 'U' })),
  ];
  const wakes = [...history.wakes, ...more];
  const plain = { ...history, rows, posts, wakes, counts: { ...history.counts, ...counts } };
  const malformedOne = { ...plain, rows: [...rows, row('e', { kind: 'malformed' })] };
  const { rejected } = plain.counts;
  const whole = { ...malformedOne, counts: { ...plain.counts, rows: 5, rejected: rejected + 1 } };
  expect(check(whole).violations).toEqual([]);
});

/** The offset decreases. */
const back = [
  { file: '-7-1', offset: 200, afterNewline: true, at: T0 },
  { file: '-7-1', offset: 100, afterNewline: true, at: T0 + 10 },
];
const again = { wakeId: 'a', text: 'row-a', at: T0 + 9_000, channel: 'U' };
const marked = { ...again, text: 'row-a (Possible duplicate: …)' };
const later = (more: Partial<History['wakes'][number]>) => ({
  rows: [...correct().rows, row('e')],
  posts: [...correct().posts, { wakeId: 'e', text: 'row-e', at: T0 + 60_000, channel: 'U' }],
  wakes: [...correct().wakes, { id: 'e', outcome: 'diagnosis', suppressed: 0, addedAt: T0 + 5_000, ...more }],
  counts: { ...correct().counts, rows: 5, enqueued: 3 },
});

test.each<[string, string, Partial<History>]>([
  ['a row without a decision', 'I1', { rows: [...correct().rows, row('x')] }],
  ['a row decided twice', 'I1', { counts: { ...correct().counts, rows: 5, coalesced: 2 } }],
  ['a decision on no row', 'I1', { decisions: [{ kind: 'enqueued', id: 'x', at: T0 }] }],
  ['a wake that was never sent', 'I2', { posts: correct().posts.slice(0, 1) }],
  ['a wake without an end', 'I2', { wakes: [{ ...first, outcome: undefined }, second] }],
  ['unfinished work', 'I2', { settled: false }],
  ['a row coalesced into another pair', 'I3', { decisions: [{ ...coalesced, winner: 'c' }] }],
  ['a row coalesced after the window', 'I3', { decisions: [{ ...coalesced, at: T0 + 90_000 }] }],
  ['a coalesced row that its winner does not count', 'I3', { wakes: [{ ...first, suppressed: 0 }, second] }],
  ['a wake sent twice', 'I4', { posts: [...correct().posts, again] }],
  ['a DM for an id that is not a row', 'I5', { posts: [...correct().posts, { ...again, wakeId: 'x' }] }],
  ['a DM for a rejected row', 'I5', { posts: [...correct().posts, { ...again, wakeId: 'd' }] }],
  ['an offset inside a line', 'I6', { offsets: [{ file: '-7-1', offset: 5, afterNewline: false, at: T0 }] }],
  ['an offset that decreases', 'I7', { offsets: back }],
  ['a window inside a window', 'I8', later({})],
  ['counters that do not add up', 'I9', { counts: { ...correct().counts, coalesced: 2, rows: 4 } }],
  ['a recovery that is not counted', 'I9', { recoveries: [{ pair: 'fly down', at: T0 }] }],
  ['a wake that repeats no diagnosis', 'I2', { wakes: [first, { ...second, outcome: 'unchanged' }] }],
  ['a wake withdrawn without a recovery', 'I2', { wakes: [first, { ...second, outcome: 'withdrawn' }] }],
  ['a member of a storm that no digest names', 'I19', { wakes: [first, { ...second, outcome: 'digest' }] }],
  ['an unaccounted row', 'I9', { counts: { ...correct().counts, unaccounted: 1 } }],
  ['a window owned by a wake without a message', 'I10', { windowOwners: ['b'] }],
  ['an LLM call after the DM', 'I11', { paid: [{ marker: 'row-a', at: T0 + 9_000 }] }],
  ['a tailer that uses too much memory', 'I12', { tailerPeakBytes: 2 ** 30 }],
  ['an app that crashed', 'crash', { crashes: ['worker 1: boom'] }],
])('%s is a violation of %s', (_name, invariant, error) => {
  const { violations } = check({ ...correct(), ...error });
  expect(violations.map((violation) => violation.invariant)).toContain(invariant);
});

test.each<[string, Partial<History>]>([
  [
    'a wake without a message that was withdrawn after a recovery',
    {
      posts: correct().posts.slice(0, 1),
      wakes: [first, { ...second, outcome: 'withdrawn' }],
      recoveries: [{ pair: 'vercel down', at: T0 + 5 }],
      counts: { ...correct().counts, recovered: 1 },
    },
  ],
  [
    'a member of a storm that a digest names',
    {
      posts: correct().posts.slice(0, 1),
      wakes: [first, { ...second, outcome: 'digest' }],
      digests: ['Alert storm\n• down: fly, vercel ×2'],
    },
  ],
  ['a repeat that is marked', { posts: [...correct().posts, marked] }],
  [
    'a job that reached Redis late, because its connection was silent',
    { ...later({}), delays: [{ from: T0 + 4_000, to: T0 + 40_000 }] },
  ],
  [
    'a row that coalesced into a job which reached Redis late',
    { decisions: [{ ...coalesced, at: T0 + 50_000 }], delays: [{ from: T0 - 1_000, to: T0 + 30_000 }] },
  ],
  ['an offset that decreases because Redis lost data', { offsets: back, dataLosses: [T0 + 5] }],
  ['an offset that decreases because its file was truncated', { offsets: back, emptied: [{ inode: '7', at: T0 }] }],
  [
    'a critical wake that passes an open window, because Redis lost the one before',
    {
      ...later({}),
      rows: [row('a', { critical: true }), ...correct().rows.slice(1), row('f'), row('e', { critical: true })],
      posts: [...later({}).posts, { wakeId: 'f', text: 'row-f', at: T0 + 60_000, channel: 'U' }],
      wakes: [...later({}).wakes, { id: 'f', outcome: 'diagnosis', suppressed: 0, addedAt: T0 + 3_000 }],
      counts: { ...correct().counts, rows: 6, enqueued: 4 },
      dataLosses: [T0 + 1_000],
    },
  ],
  [
    'a critical wake that passes an open window, if that is configured',
    { ...later({}), rows: [...correct().rows, row('e', { critical: true })], bypass: true },
  ],
])('%s is no violation', (_name, allowed) => {
  expect(check({ ...correct(), ...allowed }).violations).toEqual([]);
});

const acknowledged = {
  incidentId: 'i-a',
  pair: 'fly down',
  kind: 'acknowledge' as const,
  sentAt: T0 + 200,
  status: 200,
  answeredAt: T0 + 300,
};

test.each<[string, string, Partial<History>]>([
  [
    'a closed incident whose message says nothing',
    'I14',
    {
      incidents: [{ id: 'i-a', pair: 'fly down', state: 'closed', opening: 1, messageTs: '1.1' }],
      shown: new Map([['1.1', 'down\n\n(Firing since 2026-11-26 14:03 UTC)']]),
    },
  ],
  [
    'a firing incident whose message says that it recovered',
    'I14',
    {
      incidents: [{ id: 'i-a', pair: 'fly down', state: 'firing', opening: 2, messageTs: '1.1' }],
      shown: new Map([['1.1', 'down\n\n(Recovered 2026-11-26 15:15 UTC after 1 h 12 min)']]),
    },
  ],
  [
    'a message of an acknowledged incident',
    'I16',
    {
      rows: [...correct().rows, row('e', { at: T0 + 60_000 })],
      posts: [...correct().posts, { wakeId: 'e', text: 'row-e', at: T0 + 61_000, channel: 'U' }],
      actions: [acknowledged],
    },
  ],
  [
    'a second escalation',
    'I17',
    {
      posts: [
        ...correct().posts,
        { wakeId: 'n-a-escalation-1-U2', text: 'x', at: T0 + 50_000, channel: 'U2' },
        { wakeId: 'n-a-escalation-2-U2', text: 'x', at: T0 + 90_000, channel: 'U2' },
      ],
    },
  ],
  [
    'an escalation after an acknowledgement',
    'I17',
    {
      posts: [...correct().posts, { wakeId: 'n-a-escalation-1-U2', text: 'x', at: T0 + 50_000, channel: 'U2' }],
      actions: [acknowledged],
    },
  ],
])('%s is found', (_name, invariant, more) => {
  const { violations } = check({ ...correct(), ...more });
  expect(violations.map((violation) => violation.invariant)).toContain(invariant);
});

test('what people did is no violation', () => {
  const history = {
    ...correct(),
    incidents: [
      { id: 'i-a', pair: 'fly down', state: 'closed', opening: 1, messageTs: '1.1' },
      { id: 'i-b', pair: 'b', state: 'acknowledged', opening: 1, messageTs: '1.2' },
      { id: 'i-c', pair: 'c', state: 'firing', opening: 1, messageTs: '1.3' },
    ],
    shown: new Map([
      ['1.1', 'down\n\n(Resolved by ada 2026-11-26 15:15 UTC after 1 h 12 min · 3 repeats)'],
      ['1.2', 'down\n\n(Acknowledged by ada · firing since 2026-11-26 14:03 UTC)'],
      ['1.3', 'down'],
    ]),
    posts: [...correct().posts, { wakeId: 'n-a-escalation-1-U2', text: 'x', at: T0 + 10_000, channel: 'U2' }],
    actions: [acknowledged],
  };
  expect(check(history).violations).toEqual([]);
});
