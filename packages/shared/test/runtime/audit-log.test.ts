import { writeFileSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { test } from '../../../../test/support/fixtures.ts';
import { appendRows, auditLog } from '../../src/runtime/audit-log.ts';

test('a row begins on its own line, even after an incomplete line', async ({ logPath }) => {
  await appendRows(logPath, ['{"n":1}']);
  await appendRows(logPath, ['{"n":2}']);
  expect(await readFile(logPath, 'utf8')).toBe('{"n":1}\n{"n":2}\n');
  writeFileSync(logPath, '{"seam":"of a writer that died');
  await appendRows(logPath, ['{"n":3}', '{"n":4}']);
  expect((await readFile(logPath, 'utf8')).split('\n').slice(1)).toEqual(['{"n":3}', '{"n":4}', '']);
});

test('rows appended during a write are all written completely and in order, and each append waits for its row', async ({
  folder,
  logPath,
  log,
}) => {
  const append = auditLog(join(folder, 'not', 'there', 'yet', 'log.jsonl'), () => 0, log.logger);
  const row = (n: number) => ({ seam: 'test', details: { n }, sessionId: null, source: null });
  await Promise.all(Array.from({ length: 200 }, (_, n) => append(row(n))));
  const text = await readFile(join(folder, 'not', 'there', 'yet', 'log.jsonl'), 'utf8');
  const rows = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(rows.map(({ details }) => details.n)).toEqual(Array.from({ length: 200 }, (_, n) => n));
  await mkdir(logPath);
  await Promise.all([auditLog(logPath, () => 0, log.logger)(row(1)), auditLog(logPath, () => 0, log.logger)(row(2))]);
  expect(log.lines.filter(({ event }) => event === 'audit_log.write_failed')).toHaveLength(2);
});
