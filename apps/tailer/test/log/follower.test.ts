import { appendFileSync, copyFileSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NOWHERE } from '@kora-wake/shared/store/position';
import * as fc from 'fast-check';
import { describe, expect } from 'vitest';
import { test } from '../../../../test/support/fixtures.ts';
import { assertBounded } from '../../../../test/support/property.ts';
import { endOf } from '../../src/log/resume.ts';
import { following, row, SEAM } from './following.ts';

describe('following a file', () => {
  test('gives each whole line that matters once, with its offset', async ({ logPath }) => {
    writeFileSync(logPath, `{"seam":"other"}\n${row('a')}\n\n${row('b')}\r\n`);
    const { follower } = following(logPath);
    const batch = await follower.read();
    expect(batch?.found.lines.map(({ text, offset }) => [text, offset])).toEqual([
      [row('a'), 17],
      [`${row('b')}\r`, 17 + row('a').length + 2],
    ]);
  });

  test('gives a batch again until it is accepted', async ({ logPath }) => {
    writeFileSync(logPath, `${row('a')}\n`);
    const { follower, all } = following(logPath);
    const texts = async () => (await follower.read())?.found.lines.map(({ text }) => text);
    expect(await texts()).toEqual([row('a')]);
    expect(await texts()).toEqual([row('a')]);
    expect(await all()).toEqual([row('a')]);
    expect(await all()).toEqual([]);
  });

  test('waits for the rest of a half-written line, byte by byte', async ({ logPath }) => {
    const { all } = following(logPath);
    expect(await all()).toEqual([]);
    const line = Buffer.from(`${row('ä😀')}\n`);
    for (const byte of line.subarray(0, -1)) {
      appendFileSync(logPath, Buffer.from([byte]));
      expect(await all()).toEqual([]);
    }
    appendFileSync(logPath, '\n');
    expect(await all()).toEqual([row('ä😀')]);
  });

  test('continues at its position after a restart', async ({ logPath }) => {
    writeFileSync(logPath, `${row('a')}\n`);
    const first = following(logPath);
    const batch = await first.follower.read();
    appendFileSync(logPath, `${row('b')}\n`);
    expect(await following(logPath, batch?.to).all()).toEqual([row('b')]);
  });

  test('begins at the end of a file it never followed, after its last whole line', async ({ logPath }) => {
    writeFileSync(logPath, `${'x'.repeat(300_000)}\n${row('old')}\n${row('half').slice(0, 10)}`);
    const { all } = following(logPath, await endOf(logPath));
    expect(await all()).toEqual([]);
    appendFileSync(logPath, `${row('half').slice(10)}\n`);
    expect(await all()).toEqual([row('half')]);
  });

  test('reads a file that is created later from its start', async ({ logPath }) => {
    const start = await endOf(logPath);
    expect(start).toEqual(NOWHERE);
    writeFileSync(logPath, `${row('first')}\n`);
    expect(await following(logPath, start).all()).toEqual([row('first')]);
  });

  test('finishes a renamed file before the new one', async ({ logPath }) => {
    writeFileSync(logPath, `${row('a')}\n`);
    const { all } = following(logPath);
    expect(await all()).toEqual([row('a')]);
    appendFileSync(logPath, `${row('b')}\n`);
    renameSync(logPath, `${logPath}.1`);
    appendFileSync(`${logPath}.1`, `${row('late')}\n`);
    writeFileSync(logPath, `${row('new')}\n`);
    expect(await all()).toEqual([row('b'), row('late'), row('new')]);
  });

  test('waits with a deleted file until there is a new one', async ({ logPath }) => {
    writeFileSync(logPath, `${row('a')}\n`);
    const { all } = following(logPath);
    await all();
    rmSync(logPath);
    expect(await all()).toEqual([]);
    writeFileSync(logPath, `${row('new')}\n`);
    expect(await all()).toEqual([row('new')]);
  });

  test('recognizes a new file that begins like the one before it, by more bytes than a fingerprint covers', async ({
    logPath,
  }) => {
    const banner = `${'same '.repeat(1_000)}\n`;
    writeFileSync(logPath, `${banner}${row('a')}\n`);
    const { all } = following(logPath);
    expect(await all()).toEqual([row('a')]);
    renameSync(logPath, `${logPath}.1`);
    writeFileSync(logPath, `${banner}${row('b')}\n${row('a')}\n`);
    expect(await all()).toEqual([row('b'), row('a')]);
  });

  test('follows a link to its new target, and finishes the old target', async ({ logPath, folder }) => {
    const [one, two] = [join(folder, 'one.jsonl'), join(folder, 'two.jsonl')];
    writeFileSync(one, `${row('a')}\n`);
    writeFileSync(two, `${row('c')}\n`);
    symlinkSync(one, logPath);
    const { all } = following(logPath);
    expect(await all()).toEqual([row('a')]);
    appendFileSync(one, `${row('b')}\n`);
    rmSync(logPath);
    symlinkSync(two, logPath);
    expect(await all()).toEqual([row('b'), row('c')]);
  });

  test('reads a truncated file again from its start', async ({ logPath }) => {
    writeFileSync(logPath, `${row('a')}\n${row('b')}\n`);
    const { all } = following(logPath);
    await all();
    copyFileSync(logPath, `${logPath}.1`);
    truncateSync(logPath);
    expect(await all()).toEqual([]);
    appendFileSync(logPath, `${row('c')}\n`);
    expect(await all()).toEqual([row('c')]);
  });

  test('skips a line longer than 1 MiB, in pieces, and reports its offset', async ({ logPath }) => {
    const { all } = following(logPath);
    writeFileSync(logPath, `${row('a')}\n`);
    appendFileSync(logPath, `{"seam":"probe.wake_requested","x":"${'x'.repeat(3 * 1024 * 1024)}`);
    expect(await all()).toEqual([row('a')]);
    appendFileSync(logPath, `"}\n${row('b')}\n`);
    expect(await all()).toEqual([`too_long@${row('a').length + 1}`, row('b')]);
  });

  test('detects that a file was copied and truncated while an over-long line was skipped, even if it has grown past it', async ({
    logPath,
  }) => {
    writeFileSync(logPath, `${row('a')}\n{"x":"${'x'.repeat(1.5 * 1024 * 1024)}`);
    const { all } = following(logPath);
    expect(await all()).toEqual([row('a')]);
    copyFileSync(logPath, `${logPath}.1`);
    truncateSync(logPath);
    const news = Array.from({ length: 2_500 }, (_, i) => row(`${i} ${'y'.repeat(1_000)}`));
    appendFileSync(logPath, `${news.join('\n')}\n`);
    expect((await all()).filter((text) => !text.startsWith('too_long'))).toEqual(news);
  });

  test('reports an over-long line at the end of a rotated file', async ({ logPath }) => {
    writeFileSync(logPath, `${row('a')}\n{"x":"${'x'.repeat(1.5 * 1024 * 1024)}`);
    const { all, time } = following(logPath);
    await all();
    renameSync(logPath, `${logPath}.1`);
    writeFileSync(logPath, `${row('b')}\n`);
    await all();
    time.now += 10_000;
    expect(await all()).toContain(`too_long@${row('a').length + 1}`);
  });

  test('continues after an over-long line, also after a restart', async ({ logPath }) => {
    const long = `{"seam":"probe.wake_requested","x":"${'x'.repeat(1024 * 1024 + 1_500)}"}`;
    writeFileSync(logPath, `${row('a')}\n${long}\n`);
    const first = following(logPath);
    await first.follower.read().then((batch) => batch && first.follower.accept(batch));
    const second = await first.follower.read();
    expect(second?.skipped).toHaveLength(1);
    appendFileSync(logPath, `${row('b')}\n`);
    expect(await following(logPath, second?.to).all()).toEqual([row('b')]);
  });

  describe('after copytruncate, with a writer that does not append', () => {
    const hole = (length: number) => Buffer.alloc(length);

    test.for([10, 1_000, 300_000, 1_500_000, 20_000_000])(
      'reads the rows after a hole of %i bytes once, also after a restart',
      async (length, { logPath }) => {
        writeFileSync(logPath, `${row('a')}\n`);
        const first = following(logPath);
        expect(await first.all()).toEqual([row('a')]);
        copyFileSync(logPath, `${logPath}.1`);
        truncateSync(logPath);
        const half = row('b').slice(0, 20);
        writeFileSync(logPath, Buffer.concat([hole(length), Buffer.from(half)]));
        expect(await first.all()).toEqual([]);
        appendFileSync(logPath, `${row('b').slice(20)}\n${row('c')}\n`);
        const offsets = async ({ follower }: typeof first) => {
          const found: Array<[string, number]> = [];
          for (let batch = await follower.read(); batch; batch = await follower.read()) {
            for (const { text, offset } of batch.found.lines) {
              const zeros = /^\0*/.exec(text)?.[0].length ?? 0;
              found.push([text.slice(zeros), offset + zeros]);
            }
            follower.accept(batch);
          }
          return found;
        };
        const position = first.position();
        const expected = [
          [row('b'), length],
          [row('c'), length + row('b').length + 1],
        ];
        expect(await offsets(first)).toEqual(expected);
        expect(await offsets(following(logPath, position))).toEqual(expected);
        appendFileSync(logPath, `${row('d')}\n`);
        expect(await first.all()).toEqual([row('d')]);
      },
    );

    test('reads on if a second hole follows', async ({ logPath }) => {
      writeFileSync(logPath, Buffer.concat([hole(2_000_000), Buffer.from(`${row('a')}\n`), hole(2_000_000)]));
      const { all } = following(logPath);
      expect(await all()).toEqual([row('a')]);
      appendFileSync(logPath, `${row('b')}\n`);
      expect(await all()).toEqual([row('b')]);
    });

    test('still skips a line that is too long after a hole', async ({ logPath }) => {
      const long = `{"seam":"probe.wake_requested","x":"${'x'.repeat(1_200_000)}"}`;
      writeFileSync(logPath, Buffer.concat([hole(1_500_000), Buffer.from(`${long}\n${row('a')}\n`)]));
      expect(await following(logPath).all()).toEqual(['too_long@0', row('a')]);
    });
  });

  test('takes a carriage return between rows as the end of a line, and one at the end after a second', async ({
    logPath,
  }) => {
    const { all, time } = following(logPath);
    writeFileSync(logPath, `${row('a')}\r${row('b')}\r`);
    expect(await all()).toEqual([row('a')]);
    time.now += 1_000;
    expect(await all()).toEqual([row('b')]);
    appendFileSync(logPath, `${row('c')}\r`);
    expect(await all()).toEqual([]);
    appendFileSync(logPath, `\n${row('d')}\n`);
    expect(await all()).toEqual([`${row('c')}\r`, row('d')]);
  });

  test('starts a log whose lines end with carriage returns at its end', async ({ logPath }) => {
    writeFileSync(logPath, `${row('a')}\r${row('b')}\r`);
    const { all, time } = following(logPath, await endOf(logPath));
    appendFileSync(logPath, `${row('c')}\r`);
    expect(await all()).toEqual([]);
    time.now += 1_000;
    expect(await all()).toEqual([row('c')]);
  });

  test('does not end a line at a raw carriage return inside a row', async ({ logPath }) => {
    const { all, time } = following(logPath);
    writeFileSync(logPath, `{"seam":"probe.wake_requested","text":"one\rtwo`);
    time.now += 60_000;
    expect(await all()).toEqual([]);
    appendFileSync(logPath, '"}\n');
    expect(await all()).toEqual(['{"seam":"probe.wake_requested","text":"one\rtwo"}']);
  });

  test.for(['utf16le', 'UTF-16 with a byte order mark', 'utf16be'])(
    'reports a file in %s',
    async (name, { logPath }) => {
      const bom = name.includes('mark') ? '\uFEFF' : '';
      const bytes = Buffer.from(`${bom}${row('a')}\n${row('b')}\n`, 'utf16le');
      writeFileSync(logPath, name === 'utf16be' ? bytes.swap16() : bytes);
      expect(await following(logPath).all()).toEqual(['utf_16@0']);
      const { all } = following(logPath, await endOf(logPath));
      expect(await all()).toEqual([]);
      appendFileSync(logPath, bytes);
      expect((await all()).map((line) => line.split('@')[0])).toEqual(['utf_16']);
      appendFileSync(logPath, bytes);
      expect(await all()).toEqual([]);
    },
  );

  test('takes a line of just 1 MiB', async ({ logPath }) => {
    const frame = row('').length;
    const long = row('x'.repeat(1024 * 1024 - frame));
    writeFileSync(logPath, `${long}\n${row('b')}\n`);
    expect((await following(logPath).all()).map((text) => text.length)).toEqual([1024 * 1024, row('b').length]);
  });

  test('rejects with the reason if a log cannot be read', async ({ logPath, folder }) => {
    symlinkSync(folder, logPath);
    await expect(following(logPath).all()).rejects.toThrow('it is not a regular file');
  });

  test('agrees with reading every line, however the bytes arrive', { timeout: 180_000 }, async ({ logPath }) => {
    const piece = fc.oneof(
      fc.constant('\n'),
      fc.constant('{"seam":"probe.wake_requested"}'),
      fc.constant('wake_reque'),
      fc.constant('probe.'),
      fc.string(),
    );
    await assertBounded(
      fc.asyncProperty(
        fc.array(piece, { maxLength: 40 }),
        fc.array(fc.nat(400), { maxLength: 10 }),
        async (pieces, cuts) => {
          const bytes = Buffer.from(pieces.join(''));
          writeFileSync(logPath, '');
          const { all } = following(logPath);
          const seen: string[] = [];
          let from = 0;
          for (const cut of [...cuts.filter((c) => c < bytes.length).toSorted((a, b) => a - b), bytes.length]) {
            appendFileSync(logPath, bytes.subarray(from, cut));
            from = cut;
            seen.push(...(await all()));
          }
          const whole = bytes
            .subarray(0, bytes.lastIndexOf(0x0a) + 1)
            .toString('latin1')
            .split('\n')
            .slice(0, -1);
          expect(seen.map((text) => Buffer.from(text).toString('latin1'))).toEqual(
            whole.filter((line) => line.includes(SEAM)),
          );
        },
      ),
      'bytes in random pieces',
      60,
    );
  });
});
