import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { wakeText } from '../../../../apps/worker/src/investigation/prompt.ts';
import type { Json } from '../../src/wake/json.ts';
import { directMessage } from '../../src/wake/message.ts';
import { fallbackReport } from '../../src/wake/report.ts';
import { parseTimestamp, readWake, rowOf, type Wake } from '../../src/wake/wake.ts';

const NOW = Date.parse('2026-05-24T14:00:00Z');

function wakeOf(details: Record<string, Json>, emittedAt: Json = '2026-05-24T14:00:00+00:00'): Wake {
  const wake = readWake({ emitted_at: emittedAt, seam: 'probe.wake_requested', details }, 'w-1', NOW);
  if (!wake) throw new Error('not a wake');
  return wake;
}

describe('a wake row', () => {
  test('is read as the probe wrote it', () => {
    expect(
      wakeOf({
        probe: 'fly',
        severity: 'critical',
        category: 'service_unhealthy',
        title: 'Fly app(s) unreachable: HTTP 401',
        detail: 'it is down',
        snapshot_details: { apps_running: 0 },
        envelope_enabled: true,
        envelope_fix_name: 'restart_unhealthy_machine',
      }),
    ).toEqual({
      id: 'w-1',
      probe: 'fly',
      severity: 'critical',
      category: 'service_unhealthy',
      title: 'Fly app(s) unreachable: HTTP 401',
      detail: 'it is down',
      snapshotDetails: { apps_running: 0 },
      envelopeEnabled: true,
      envelopeFixName: 'restart_unhealthy_machine',
      emittedAt: NOW,
    });
  });

  test.each([{}, { probe: '', category: null, severity: ' ', title: '', detail: null, snapshot_details: null }])(
    'with nothing in %j gets the stated defaults',
    (details) => {
      expect(wakeOf(details)).toMatchObject({
        probe: 'unknown',
        category: 'unknown',
        severity: 'warning',
        title: '(no title)',
        detail: '(no detail)',
        snapshotDetails: {},
        envelopeEnabled: false,
        envelopeFixName: '(none)',
      });
    },
  );

  test('turns numbers and booleans into text', () => {
    expect(wakeOf({ probe: 42, category: true, title: 0, detail: false })).toMatchObject({
      probe: '42',
      category: 'true',
      title: '0',
      detail: 'false',
    });
  });

  test('keeps a snapshot that is not an object', () => {
    expect(wakeOf({ snapshot_details: 'a string' }).snapshotDetails).toEqual({ value: 'a string' });
  });

  test.each([[null], [[]], ['text'], [7]])('with details %j is malformed', (details) => {
    expect(rowOf({ seam: 'probe.wake_requested', details })).toEqual({ kind: 'malformed' });
  });

  test('without details is malformed', () => {
    expect(rowOf({ seam: 'probe.wake_requested' })).toEqual({ kind: 'malformed' });
  });

  test.each([
    [null],
    [[1]],
    ['text'],
    [{ seam: 'mcp.tool_called', details: {} }],
    [{ details: { seam: 'probe.wake_requested' } }],
  ])('is not what %j is', (line) => {
    expect(rowOf(line)).toEqual({ kind: 'other' });
    expect(readWake(line, 'w-1', NOW)).toBeUndefined();
  });

  test('contains no secret, in any field or any key of its snapshot', () => {
    const secret = 'xoxb-1234567890-abcdefghij';
    const wake = wakeOf({
      probe: secret,
      category: secret,
      severity: secret,
      title: secret,
      detail: `a ${secret} b`,
      snapshot_details: { [secret]: [secret] },
      envelope_fix_name: secret,
    });
    expect(JSON.stringify(wake)).not.toContain(secret);
    expect(wake.detail).toBe('a [redacted Slack token] b');
  });

  test('that is nested too deeply to be serialized is cut', () => {
    const deep = JSON.parse(`${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`);
    expect(JSON.stringify(wakeOf({ snapshot_details: deep, detail: deep }))).toContain('(nested too deep)');
  });

  test('with an unreadable time gets the present time and a warning', () => {
    expect(rowOf({ seam: 'probe.wake_requested', details: {}, emitted_at: 'not a date' })).toMatchObject({
      kind: 'wake',
      emittedAt: undefined,
    });
    expect(wakeOf({}, 'not a date').emittedAt).toBe(NOW);
  });

  test('of any JSON is read or rejected, and can be serialized again', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (details) => {
        const line = { seam: 'probe.wake_requested', details: { ...(details as object) } as Json };
        expect(() => JSON.stringify(readWake(line, 'w-1', NOW))).not.toThrow();
      }),
    );
  });
});

test('every line of the hostile fixture is a wake, malformed, or not a wake row', () => {
  const lines = readFileSync(new URL('../../../../test/fixtures/hostile.jsonl', import.meta.url), 'utf8').split('\n');
  const kinds = lines.flatMap((line) => {
    try {
      return [rowOf(JSON.parse(line)).kind];
    } catch {
      return [];
    }
  });
  expect(kinds.filter((kind) => kind === 'wake')).toHaveLength(17);
  expect(kinds.filter((kind) => kind === 'malformed')).toHaveLength(3);
});

describe('a megabyte of planted text', () => {
  const fill = (unit: string) => unit.repeat(Math.ceil(1_000_000 / unit.length)).slice(0, 1_000_000);

  test.each([
    'a.',
    'a',
    ' ',
    '\n',
    ' \n',
    '-eyJaaaaaaaa',
    'eyJaaaaaaaa.',
    'xoxb-',
    '-----BEGIN PRIVATE KEY-----',
    '-----BEGIN ',
    'AKIA',
    'AKIAAAAAAAAAAAAAAAAA_',
    'a://b:c',
    'a://',
    'http://a:',
    'Bearer ',
    'FlyV1 ',
    'fm2_',
    'dp.st.',
    'sk-',
    'sk-ant-',
    'ghp_',
    '😀',
    '&',
    '<!channel>',
  ])('made of %j is read, redacted and rendered in linear time', (unit) => {
    // Quadratic time would take minutes, longer than a test may.
    const wake = wakeOf({
      probe: fill(unit),
      title: `x${fill(unit)}x`,
      detail: fill(unit),
      snapshot_details: { x: fill(unit) },
    });
    directMessage(wake, fallbackReport('refused'));
    wakeText(wake);
  });
});

describe('a timestamp', () => {
  test.each([
    ['2026-05-24T14:00:00Z', '2026-05-24T14:00:00.000Z'],
    ['2026-05-24T14:00:00.123456+00:00', '2026-05-24T14:00:00.123Z'],
    ['2026-05-24T16:00:00+02:00', '2026-05-24T14:00:00.000Z'],
    ['2026-05-24T16:00:00+0200', '2026-05-24T14:00:00.000Z'],
    ['2026-05-24T16:00:00+02', '2026-05-24T14:00:00.000Z'],
    ['2026-05-24T14:00:00', '2026-05-24T14:00:00.000Z'],
    ['2026-05-24 14:00', '2026-05-24T14:00:00.000Z'],
    ['2026-05-24', '2026-05-24T00:00:00.000Z'],
  ])('%s is %s, naive ones in UTC', (text, iso) => {
    expect(new Date(parseTimestamp(text) ?? 0).toISOString()).toBe(iso);
  });

  test.each([['not a date'], ['2026-13-45T00:00:00Z'], [''], [1_700_000_000], [null], [undefined], ['24/05/2026']])(
    '%s cannot be read',
    (value) => {
      expect(parseTimestamp(value)).toBeUndefined();
    },
  );
});
