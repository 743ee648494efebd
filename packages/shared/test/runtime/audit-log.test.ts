import {
  chmodSync,
  chownSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect } from 'vitest';
import { eventually, rowsOf, test } from '../../../../test/support/fixtures.ts';
import { appendRows, auditLog } from '../../src/runtime/audit-log.ts';
import { accessOfNewLog } from '../../src/runtime/create-log.ts';

const file = (path: string, createsFolder = false) => ({ path, createsFolder });
const row = (n: number) => ({ seam: 'test', details: { n }, sessionId: null, source: null }) as const;
const isRoot = process.getuid?.() === 0;

test('a row begins on its own line, even after an incomplete line', async ({ logPath }) => {
  await appendRows(file(logPath), ['{"n":1}']);
  await appendRows(file(logPath), ['{"n":2}']);
  expect(await readFile(logPath, 'utf8')).toBe('{"n":1}\n{"n":2}\n');
  writeFileSync(logPath, '{"seam":"of a writer that died');
  await appendRows(file(logPath), ['{"n":3}', '{"n":4}']);
  expect((await readFile(logPath, 'utf8')).split('\n').slice(1)).toEqual(['{"n":3}', '{"n":4}', '']);
});

test('rows appended during a write are all written completely and in order, and each append waits for its row', async ({
  folder,
  logPath,
  log,
}) => {
  const append = auditLog(file(join(folder, 'not', 'there', 'yet', 'log.jsonl'), true), () => 0, log.logger);
  await Promise.all(Array.from({ length: 200 }, (_, n) => append(row(n))));
  const text = await readFile(join(folder, 'not', 'there', 'yet', 'log.jsonl'), 'utf8');
  const rows = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(rows.map(({ details }) => details.n)).toEqual(Array.from({ length: 200 }, (_, n) => n));
  await mkdir(logPath);
  await Promise.all([
    auditLog(file(logPath), () => 0, log.logger)(row(1)),
    auditLog(file(logPath), () => 0, log.logger)(row(2)),
  ]);
  expect(log.lines.filter(({ event }) => event === 'audit_log.write_failed')).toHaveLength(2);
});

test('a row for a folder that is not ours does not create the folder', async ({ folder, log }) => {
  await auditLog(file(join(folder, 'typo/log.jsonl')), () => 0, log.logger)(row(1));
  expect(log.lines.map(({ event }) => event)).toEqual(['audit_log.write_failed']);
  expect(existsSync(join(folder, 'typo'))).toBe(false);
});

describe('a new log', () => {
  const access = (uid: number, gid: number, mode: number) => ({ uid, gid, mode });

  test.each([
    ['by root: as the model', access(1000, 50, 0o640), 0, access(1000, 50, 0o640)],
    ['by the owner of the folder', access(1000, 50, 0o755), 1000, access(1000, 50, 0o644)],
    ['in a private folder', access(1000, 50, 0o700), 1000, access(1000, 50, 0o600)],
    ["in root's folder for a group", access(0, 50, 0o775), 1000, access(1000, 50, 0o664)],
    ['in a folder for everyone', access(2000, 50, 0o1777), 1000, access(1000, 50, 0o666)],
    ['in a folder of another user: is left to that user', access(2000, 50, 0o775), 1000, undefined],
    ['next to a rotated file of another user: is left to that user', access(2000, 50, 0o644), 1000, undefined],
  ])('%s', (_name, model, uid, expected) => {
    expect(accessOfNewLog(model, uid)).toEqual(expected);
  });

  test.runIf(isRoot)(
    'has owner, group and mode of the newest rotated file, or of the folder',
    async ({ folder, logPath }) => {
      const accessOf = (path: string) => {
        const { uid, gid, mode } = statSync(path);
        return [uid, gid, mode & 0o777];
      };
      chownSync(folder, 4711, 4712);
      chmodSync(folder, 0o770);
      await appendRows(file(logPath), ['{}']);
      expect(accessOf(logPath)).toEqual([4711, 4712, 0o660]);
      renameSync(logPath, `${logPath}.1`);
      chownSync(`${logPath}.1`, 4713, 4714);
      chmodSync(`${logPath}.1`, 0o640);
      await Promise.all([appendRows(file(logPath), ['{}']), appendRows(file(logPath), ['{}'])]);
      expect(accessOf(logPath)).toEqual([4713, 4714, 0o640]);
      expect(rowsOf(logPath)).toEqual([{}, {}]);
      expect(readdirSync(folder).toSorted()).toEqual([basename(logPath), `${basename(logPath)}.1`]);
    },
  );

  test.runIf(isRoot)('that its owner must create keeps the rows until then', async ({ folder, logPath, log }) => {
    chownSync(folder, 4711, 4712);
    chmodSync(folder, 0o777);
    writeFileSync(`${logPath}.1`, '');
    chownSync(`${logPath}.1`, 4711, 4712);
    process.seteuid?.(65_534);
    try {
      const append = auditLog(file(logPath), () => 0, log.logger, 10);
      await append(row(1));
      await append(row(2));
      expect(log.lines.map(({ event }) => event)).toEqual(['audit_log.postponed']);
      expect(existsSync(logPath)).toBe(false);
    } finally {
      process.seteuid?.(0);
    }
    writeFileSync(logPath, '');
    await eventually(() => readFileSync(logPath, 'utf8').trimEnd().split('\n').length === 2);
  });
});
