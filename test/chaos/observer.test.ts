/** The observer judges a checkpoint by its own file. */
import { appendFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { expect } from 'vitest';
import { test } from '../support/fixtures.ts';
import { followsNewline } from './observer.ts';

function fileOf(path: string) {
  const { ino, birthtimeNs } = statSync(path, { bigint: true });
  return { inode: String(ino), birthtime: String(birthtimeNs) };
}

test('an offset after a newline is distinguished from one inside a line', ({ folder, logPath }) => {
  writeFileSync(logPath, 'one\ntwo\n');
  const file = fileOf(logPath);
  expect([0, 4, 6, 8].map((offset) => followsNewline(folder, { ...file, offset }))).toEqual([true, true, false, true]);
});

test('a file that was replaced or is shorter proves nothing', ({ folder, logPath }) => {
  writeFileSync(logPath, 'one\ntwo\n');
  const old = fileOf(logPath);
  rmSync(logPath);
  expect(followsNewline(folder, { ...old, offset: 4 })).toBe(undefined);
  // The system may give the inode of the old file to the new one.
  appendFileSync(logPath, 'a longer line\n');
  const { inode } = fileOf(logPath);
  expect(followsNewline(folder, { inode, birthtime: old.birthtime, offset: 4 })).toBe(undefined);
  expect(followsNewline(folder, { ...fileOf(logPath), offset: 100 })).toBe(undefined);
});
