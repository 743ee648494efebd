/** Compares the search of bytes with the simple way: cut out and parse every line. */
import { copyFileSync, truncateSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { NOWHERE } from '@kora-wake/shared/store/position';
import { rowOf, SEAMS } from '@kora-wake/shared/wake/wake';
import * as fc from 'fast-check';
import { describe, expect, onTestFinished, vi } from 'vitest';
import { test, testLog } from '../../../../test/support/fixtures.ts';
import { assertBounded } from '../../../../test/support/property.ts';
import { type Follower, followLog } from '../../src/log/follower.ts';
import { MAX_LINE_BYTES, scanner } from '../../src/log/scan.ts';
import { ENOUGH, type Kept, keeping } from '../collecting.ts';

interface Found {
  offset: number;
  text: string;
}

/** Cuts out and parses every line of a log; returns the wake rows, and the offsets of over-long lines. */
function plainly(log: string): { rows: Found[]; overlong: number[] } {
  const rows: Found[] = [];
  const overlong: number[] = [];
  let offset = 0;
  for (const text of log.split('\n').slice(0, -1)) {
    if (text.length > MAX_LINE_BYTES) overlong.push(offset);
    else if (isRow(text)) rows.push({ offset, text });
    offset += text.length + 1;
  }
  return { rows, overlong };
}

function isRow(text: string): boolean {
  try {
    return rowOf(JSON.parse(text)).kind !== 'other';
  } catch {
    return false;
  }
}

/** @param clock called when the first read finds that the file has grown, before the sweep after it */
function following(path: string, clock = () => 0) {
  const follower = followLog({
    path,
    start: NOWHERE,
    seams: SEAMS,
    collect: keeping,
    rotateWaitMs: 10_000,
    clock,
    log: testLog().logger,
  });
  onTestFinished(() => follower.close());
  return follower;
}

async function readAll(follower: Follower<Kept>) {
  const rows: Found[] = [];
  const overlong: number[] = [];
  let largest = 0;
  for (let batch = await follower.read(); batch; batch = await follower.read()) {
    largest = Math.max(largest, batch.found.lines.length);
    overlong.push(...batch.skipped.map(({ offset }) => offset));
    for (const { text, offset } of batch.found.lines) {
      if (isRow(text)) rows.push({ offset, text });
    }
    follower.accept(batch);
  }
  return { rows, overlong, largest };
}

const row = (name: string | number) => `{"seam":"probe.wake_requested","details":{"title":"${name}"}}`;

const line: fc.Arbitrary<string> = fc.oneof(
  fc.nat().map(row),
  fc.nat().map((n) => `{"seam":"probe.recovered","details":{"instance":"${n}"}}`),
  fc.constantFrom(
    '',
    '{"seam":"mcp.tool_called","details":{}}',
    '{"seam":"probe.wake_requested"}',
    '{"seam":"probe.wake_requested","details":{"title":"one of probe.wake_requested, twice"}}',
    '{"details":{"seam":"probe.wake_requested"},"seam":"other"}',
    '{"seam":"other","details":{"title":"asked for probe.wake_requested"}}',
    '{"seam":"probe.probe.wake_requested","details":{}}',
    '{"seam":"probe.wake_requested_twice","details":{}}',
    '{"seam":"probe.recovered","details":{"title":"of probe.wake_requested"}}',
    '{"seam":"probe.wake_requested","details":{"title":"probe.recovered"}}',
    '{"seam":"probe.discovered","details":{"title":"recovered, delivered, requested"}}',
    '{"seam":"probe.recovered"}',
    'wake_requested',
    'probe.wake_requested',
    '{"seam":"probe.wake_requested","details":',
  ),
);

/** Lines of one length that fill the file up to about the border of two reads. */
interface Stretch {
  total: number;
  length: number;
}

const stretch: fc.Arbitrary<Stretch> = fc.record({
  total: fc
    .constantFrom(256 * 1024, 960 * 1024, 1024 * 1024, MAX_LINE_BYTES + 20)
    .chain((at) => fc.integer({ min: at - 120, max: at + 20 })),
  length: fc.oneof(
    fc.integer({ min: 40, max: 300 }),
    fc.integer({ min: 1_000, max: 1_000_000 }),
    fc.constant(2 * MAX_LINE_BYTES),
  ),
});

function written(parts: Array<string | Stretch>): string {
  return parts
    .flatMap((part) => {
      if (typeof part === 'string') return [part];
      const whole = Array.from({ length: Math.floor(part.total / (part.length + 1)) }, () => 'x'.repeat(part.length));
      return [...whole, 'x'.repeat(part.total % (part.length + 1))];
    })
    .map((text) => `${text}\n`)
    .join('');
}

const parts = fc.array(fc.oneof({ weight: 4, arbitrary: line }, { weight: 1, arbitrary: stretch }), {
  maxLength: 24,
  size: 'max',
});

describe('the search', () => {
  test('finds the same rows as parsing every line, at any block borders', { timeout: 180_000 }, async ({ logPath }) => {
    await assertBounded(
      fc.asyncProperty(parts, async (log) => {
        const text = written(log);
        writeFileSync(logPath, text);
        const { rows, overlong } = await readAll(following(logPath));
        expect({ rows, overlong }).toEqual(plainly(text));
      }),
      'logs with lines at block borders',
      200,
    );
  });

  test('fails if any of the reads in progress fails', async ({ logPath }) => {
    writeFileSync(logPath, '');
    const file = await open(logPath);
    onTestFinished(() => file.close());
    // The second read fails before the first one is done.
    const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
    let reads = 0;
    vi.spyOn(file, 'read').mockImplementation(async (into: unknown) => {
      if (reads++ > 0) throw new Error('EIO');
      await held;
      const buffer = into instanceof Uint8Array ? into.fill(0x0a) : new Uint8Array();
      return { buffer, bytesRead: 960 * 1024 };
    });
    const swept = scanner(SEAMS).sweep(file, { offset: 0, tail: Buffer.alloc(0) }, keeping());
    // By now Node would have reported an unhandled rejection, which would end the tailer.
    await new Promise((resolve) => setImmediate(resolve));
    letGo();
    await expect(swept).rejects.toThrow('EIO');
  });

  test("returns many rows in batches of the collector's size", async ({ logPath }) => {
    const text = Array.from({ length: 3 * ENOUGH }, (_, i) => `${row(i)}\n`).join('');
    writeFileSync(logPath, text);
    const { rows, largest } = await readAll(following(logPath));
    expect(rows).toEqual(plainly(text).rows);
    expect(largest).toBe(ENOUGH);
  });

  test('does not mix old and new content of a file that is copied, truncated and written to meanwhile', async ({
    logPath,
  }) => {
    const filled = (name: string) =>
      Array.from({ length: 20_000 }, (_, i) => `${i % 1_000 ? 'x'.repeat(100) : row(`${name} ${i}`)}\n`).join('');
    const [before, after] = [filled('before'), filled('after')];
    let atClock = (): void => undefined;
    const follower = following(logPath, () => {
      atClock();
      return 0;
    });
    writeFileSync(logPath, before.slice(0, before.indexOf('\n') + 1));
    const { rows: first } = await readAll(follower);
    writeFileSync(logPath, before);
    atClock = () => {
      atClock = () => undefined;
      copyFileSync(logPath, `${logPath}.1`);
      truncateSync(logPath);
      writeFileSync(logPath, after);
    };
    const { rows } = await readAll(follower);
    expect([...first, ...rows]).toEqual([...plainly(before).rows, ...plainly(after).rows]);
  });
});
