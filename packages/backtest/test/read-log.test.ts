/** Reading real logs: rotated and compressed pieces, and rows with faults. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { StartupError } from '@kora-wake/shared/runtime/errors';
import { redact } from '@kora-wake/shared/wake/redact';
import { describe, expect, onTestFinished, test } from 'vitest';
import { recoveredRow, wakeRow } from '../../../test/support/fixtures.ts';
import { readLog } from '../src/read-log.ts';

const NOW = Date.parse('2026-11-26T00:00:00Z');
const at = (minute: number) => new Date(NOW - 86_400_000 + minute * 60_000).toISOString();
const row = (minute: number, title = `at ${minute}`) => wakeRow({ emittedAt: at(minute), title });

function folder(files: Record<string, string | Buffer>): string {
  const path = mkdtempSync(join(tmpdir(), 'kora-backtest-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(path, name), content);
  return path;
}

async function read(files: Record<string, string | Buffer>, name = 'log.jsonl') {
  const path = folder(files);
  const content = await readLog([join(path, name)], redact, NOW);
  return {
    ...content,
    titles: content.rows.map(({ title }) => title),
    doubts: content.doubts.map((doubt) => doubt.replaceAll(`${path}/`, '')),
  };
}

describe('a log', () => {
  test('is read with its rotated and compressed pieces, oldest first', async () => {
    const { titles, doubts } = await read({
      'log.jsonl': `${row(40)}\n`,
      'log.jsonl.1': `${row(30)}\n`,
      'log.jsonl.2.gz': gzipSync(`${row(20)}\n`),
      'log-20261101.jsonl.zst': zstdCompressSync(`${row(10)}\n`),
      'other.jsonl': `${row(50)}\n`,
    });
    expect(titles).toEqual(['at 10', 'at 20', 'at 30', 'at 40']);
    expect(doubts).toEqual([]);
  });

  test('is read if only its pieces are left', async () => {
    expect((await read({ 'log.jsonl.1': `${row(30)}\n` })).titles).toEqual(['at 30']);
  });

  test('is read once if a piece is there twice', async () => {
    const { titles, doubts } = await read({ 'log.jsonl.1': `${row(1)}\n`, 'log.jsonl.1.gz': gzipSync(`${row(1)}\n`) });
    expect(titles).toEqual(['at 1']);
    expect(doubts).toEqual(['log.jsonl.1.gz is left out: it begins like log.jsonl.1, so it is a copy.']);
  });

  test('is read across the blocks of its file, with a last line that is not complete', async () => {
    const rows = Array.from({ length: 9_000 }, (_, i) => row(i / 100, `row ${i}`));
    const padded = rows.map((text, i) =>
      i % 3 === 0 ? `${JSON.stringify({ other: 'x'.repeat(700) })}\n${text}` : text,
    );
    const { titles } = await read({ 'log.jsonl': padded.join('\n') });
    expect(titles).toEqual(rows.map((_, i) => `row ${i}`));
  });

  test('keeps what can be read of a piece that is damaged', async () => {
    const whole = gzipSync(Array.from({ length: 20_000 }, (_, i) => row(i / 100, `${Math.sin(i)}`)).join('\n'));
    const { rows, doubts } = await read({
      'log.jsonl.1.gz': whole.subarray(0, whole.length / 2),
      'log.jsonl': `${row(300)}\n`,
    });
    expect(rows.length).toBeGreaterThan(1_000);
    expect(doubts).toEqual(
      expect.arrayContaining([expect.stringMatching(/^log\.jsonl\.1\.gz can be read only in part/)]),
    );
  });

  test('with a long pause between two pieces may have lost one', async () => {
    const { doubts } = await read({ 'log.jsonl.2': `${row(1)}\n`, 'log.jsonl': `${row(300)}\n` });
    expect(doubts).toEqual([
      `There is no alert from ${at(1)} to ${at(300)}, where log.jsonl begins: a piece of the log may be missing.`,
    ]);
  });

  test('without rows is an error that names it', async () => {
    await expect(read({ 'log.jsonl': 'hello\n' })).rejects.toThrow(StartupError);
    await expect(read({})).rejects.toThrow(/is not a file, and there are no rotated pieces/);
    await expect(readLog(['/nowhere/log'], redact, NOW)).rejects.toThrow('/nowhere cannot be read (ENOENT).');
  });
});

describe('a row', () => {
  test.each([
    ['log.jsonl', (text: string) => text],
    ['log.jsonl.gz', (text: string) => gzipSync(text)],
  ])('of %s that cannot be read is a doubt, and does not stop the others', async (name, written) => {
    const torn = row(2).slice(0, -5);
    const malformed = row(3).replace(/"details":\{.*?\},"caller/, '"details":"none","caller');
    const long = [1_100_000, 2_900_000].map((length) => row(3, 'x'.repeat(length)));
    const lines = [row(1), torn, malformed, ...long, row(4), row(5)];
    const { titles, malformed: n, doubts } = await read({ [name]: written(lines.join('\n')) });
    expect([titles, n]).toEqual([['at 1', 'at 4', 'at 5'], 1]);
    expect(doubts).toEqual([
      '1 parts of lines name an alert but cannot be read. They are left out.',
      '2 lines are longer than 1 MiB. They are left out.',
    ]);
  });

  test('without a time that can be true counts at the time of the row before', async () => {
    const future = wakeRow({ emittedAt: '2099-01-01T00:00:00Z', title: 'future' });
    const untimed = wakeRow({ emittedAt: 'yesterday', title: 'untimed' });
    const { rows, doubts } = await read({ 'log.jsonl': `${row(1)}\n${future}\n${untimed}\n${row(2)}\n` });
    expect(rows.map((each) => new Date(each.at).toISOString())).toEqual([at(1), at(1), at(1), at(2)]);
    expect(doubts).toHaveLength(2);
  });

  test('of a clock that is ahead does not hold up the time for ever', async () => {
    const lines = [row(1), row(600), ...Array.from({ length: 9 }, (_, i) => row(2 + i))];
    const { rows, doubts } = await read({ 'log.jsonl': `${lines.join('\n')}\n` });
    expect(rows.at(-1)?.at).toBe(Date.parse(at(10)));
    expect(doubts).toEqual([expect.stringContaining('more than a minute older')]);
  });

  test('of a recovery names its pair, or its sender', async () => {
    const { rows } = await read({
      'log.jsonl': [
        row(1),
        recoveredRow({ probe: 'fly', category: 'c' }, at(2)),
        recoveredRow({ received_from: 'tool', instance: 'i' }, at(3)),
        recoveredRow({}, at(4)),
      ].join('\n'),
    });
    expect(rows.map(({ kind, pair }) => [kind, pair])).toEqual([
      ['wake', expect.stringContaining(':')],
      ['recovered', 'fly:c'],
      ['recovered', ''],
    ]);
  });
});

test('the mean cost comes from the investigations of the log', async () => {
  const cost = (usd: number | null) =>
    JSON.stringify({ emitted_at: at(1), seam: 'probe.investigation_completed', details: { total_cost_usd: usd } });
  const { meanUsd } = await read({ 'log.jsonl': `${row(1)}\n${cost(0.1)}\n${cost(0.3)}\n${cost(null)}\n` });
  expect(meanUsd).toBeCloseTo(0.2);
  expect((await read({ 'log.jsonl': row(1) })).meanUsd).toBeUndefined();
});
