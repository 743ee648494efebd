import { writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { expect } from 'vitest';
import { test } from '../../../test/support/fixtures.ts';
import { appendRow } from '../src/audit-log.ts';

test('a row begins on a line of its own, whatever stands before it', async ({ logPath }) => {
  await appendRow(logPath, '{"n":1}');
  await appendRow(logPath, '{"n":2}');
  expect(await readFile(logPath, 'utf8')).toBe('{"n":1}\n{"n":2}\n');
  writeFileSync(logPath, '{"seam":"of a writer that died');
  await appendRow(logPath, '{"n":3}');
  expect((await readFile(logPath, 'utf8')).split('\n').slice(1)).toEqual(['{"n":3}', '']);
});
