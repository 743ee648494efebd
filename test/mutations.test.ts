/** The list of guards is kept in step with the code, so that `npm run mutate` finds what it is to take out. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { MUTATIONS } from './mutations.ts';

const read = (file: string) => readFileSync(join(import.meta.dirname, '..', file), 'utf8');

test.each(MUTATIONS)('$guard is where the list says', ({ file, find, test: testFile, named }) => {
  expect(read(file)).toContain(find);
  expect(read(testFile)).toContain(named);
});
