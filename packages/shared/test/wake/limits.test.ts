import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assertBounded } from '../../../../test/support/property.ts';
import type { JsonObject } from '../../src/wake/json.ts';
import { pairOf, readWake, severityOf, type Wake } from '../../src/wake/wake.ts';

const KIB_64 = 64 * 1024;
const SECRET = 'xoxb-1234567890-abcdefghij';

function wakeOf(details: JsonObject): Wake {
  const wake = readWake({ emitted_at: '2026-05-24T14:00:00Z', seam: 'probe.wake_requested', details }, 'w-1', 0);
  if (!wake) throw new Error('not a wake');
  return wake;
}

const bytes = (text: string) => Buffer.byteLength(text);
const bodyBytes = ({ detail, snapshotDetails }: Wake) => bytes(detail) + bytes(JSON.stringify(snapshotDetails));

describe.each(['probe', 'category', 'severity'] as const)('a %s', (field) => {
  test('of 200 characters stays as it is', () => {
    const name = 'n'.repeat(200);
    expect(wakeOf({ [field]: name })[field]).toBe(name);
  });

  test('of more characters keeps its beginning, and stays different from others', () => {
    const names = ['x', 'y'].map((end) => `${'name '.repeat(2_000)}${end}`);
    const [first = '', second = ''] = names.map((name) => wakeOf({ [field]: name })[field]);
    for (const name of [first, second]) {
      expect(name.length).toBe(200);
      expect(name.startsWith('name '.repeat(36))).toBe(true);
    }
    expect(first).not.toBe(second);
    expect(wakeOf({ [field]: names[0] ?? '' })[field]).toBe(first);
  });

  test('is never cut inside a character or a secret', () => {
    for (let before = 150; before < 220; before++) {
      const name = wakeOf({
        [field]: `${'n'.repeat(before)} ${SECRET} 😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀`,
      })[field];
      expect(name.isWellFormed()).toBe(true);
      expect(name).not.toContain('xoxb');
      expect(name.length).toBeLessThanOrEqual(200);
    }
  });
});

test('all readers of rows see the same names', () => {
  const details = { probe: 'p'.repeat(300), category: 'c'.repeat(300), severity: 's'.repeat(300) };
  const wake = wakeOf(details);
  expect(pairOf(details, (text) => text)).toEqual({ probe: wake.probe, category: wake.category });
  expect(severityOf(details, (text) => text)).toBe(wake.severity);
});

test('a title has at most 1,000 characters, and the name of a fix at most 200', () => {
  const { title, envelopeFixName } = wakeOf({ title: 't'.repeat(1_001), envelope_fix_name: 'f'.repeat(10_000) });
  expect(title).toBe(`${'t'.repeat(999)}…`);
  expect(envelopeFixName.length).toBe(200);
  expect(wakeOf({ title: 't'.repeat(1_000) }).title).toBe('t'.repeat(1_000));
});

describe('detail and snapshot', () => {
  test('of 64 KiB together stay as they are', () => {
    const snapshot = { lines: 'l'.repeat(40_000) };
    const detail = 'd'.repeat(KIB_64 - bytes(JSON.stringify(snapshot)));
    expect(wakeOf({ detail, snapshot_details: snapshot })).toMatchObject({ detail, snapshotDetails: snapshot });
  });

  test('share the room: a short one keeps all of its text', () => {
    const long = 'ü'.repeat(100_000);
    const withLongDetail = wakeOf({ detail: long, snapshot_details: { a: [1, 2] } });
    expect(withLongDetail.snapshotDetails).toEqual({ a: [1, 2] });
    expect(withLongDetail.detail).toMatch(/^ü+… \(cut; the audit log has the rest\)$/);
    expect(bodyBytes(withLongDetail)).toBeGreaterThan(KIB_64 - 100);

    const withLongSnapshot = wakeOf({ detail: 'short', snapshot_details: { first: 1, long, last: { a: 2 } } });
    expect(withLongSnapshot.detail).toBe('short');
    expect(withLongSnapshot.snapshotDetails).toMatchObject({
      first: 1,
      last: { a: 2 },
      long: expect.stringMatching(/^ü+…/),
    });
  });

  test('of a snapshot with too many entries the first ones are kept, and the others counted', () => {
    const entries = Array.from({ length: 10_000 }, (_, i) => [`key ${i}`, 'v'.repeat(20)]);
    const { snapshotDetails } = wakeOf({ snapshot_details: Object.fromEntries(entries) });
    expect(snapshotDetails['key 0']).toBe('v'.repeat(20));
    expect(snapshotDetails['(omitted)']).toMatch(/^\d+ more entries; the audit log has them$/);
  });

  test('of any size and content are at most 64 KiB together', async () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 50 }),
      fc
        .constantFrom('"', '\u0001', '😀', 'a', '\\')
        .chain((unit) => fc.integer({ min: 0, max: 90_000 }).map((n) => unit.repeat(n))),
    );
    const value = fc.oneof(text, fc.array(text, { maxLength: 3 }), fc.dictionary(text, fc.jsonValue(), { maxKeys: 3 }));
    await assertBounded(
      fc.property(text, fc.dictionary(text, value, { maxKeys: 8 }), (detail, snapshot) => {
        const wake = wakeOf({ detail, snapshot_details: JSON.parse(JSON.stringify(snapshot)) });
        expect(bodyBytes(wake)).toBeLessThanOrEqual(KIB_64);
        expect(wake.detail.isWellFormed()).toBe(true);
      }),
      'detail and snapshot',
      200,
    );
  });
});
