/** The tables of docs/scale.md are the output of the commands above them. A simulation takes some seconds. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const execFileAsync = promisify(execFile);
const root = join(import.meta.dirname, '..', '..');
const text = readFileSync(join(root, 'docs', 'scale.md'), 'utf8');
const shown = [...text.matchAll(/```\nnpm run simulate(?: -- )?(.*)\n([^`]*)```/g)];
const tables = shown.map(([, options = '', table]) => ({ options, table }));

test.for(tables)('docs/scale.md shows the output of npm run simulate $options', async ({ options, table }) => {
  const run = await execFileAsync(process.execPath, [
    join(root, 'apps/cli/dist/main.js'),
    'simulate',
    ...options.split(' ').filter(Boolean),
  ]);
  expect(table).toBe(run.stdout);
});
