/** Keeps the generated documents up to date. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { generatedDocs } from '../scripts/generated-docs.ts';

test.each(Object.entries(generatedDocs()))('%s is up to date', (path, text) => {
  expect(readFileSync(join(import.meta.dirname, '..', path), 'utf8'), 'run `npm run docs`').toBe(text);
});
