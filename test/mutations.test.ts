/** Each text that `npm run mutate` removes must occur in its file, and each named test must exist. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { MUTATIONS } from './mutations.ts';

const read = (file: string) => readFileSync(join(import.meta.dirname, '..', file), 'utf8');

test.each(MUTATIONS)('$guard: text and test exist', ({ file, find, test: testFile, named }) => {
  expect(read(file)).toContain(find);
  expect(read(testFile)).toContain(named);
});
