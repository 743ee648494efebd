/** The table of faults is complete and names only tests that exist. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FAULTS } from './chaos/faults.ts';
import { FAULT_TABLE } from './faults.ts';

const root = join(import.meta.dirname, '..');
const table = Object.entries(FAULT_TABLE);
const injected = new Set(FAULTS.flatMap(({ numbers }) => numbers));

const NUMBERS = Array.from({ length: 65 }, (_, i) => i + 1);

test('every fault has a row, and a test or the chaos run injects it', () => {
  expect(table.map(([number]) => Number(number))).toEqual(NUMBERS);
  const neverInjected = table.filter(([number, { tests }]) => tests.length === 0 && !injected.has(Number(number)));
  expect(neverInjected).toEqual([]);
});

test('every test that the table names exists', () => {
  const missing = table.flatMap(([number, { tests }]) =>
    tests.flatMap(([file, words]) =>
      readFileSync(join(root, file), 'utf8').includes(words) ? [] : [`${number}: ${file}: ${words}`],
    ),
  );
  expect(missing).toEqual([]);
});

test('the chaos run injects only faults of the table', () => {
  expect([...injected].filter((number) => !(number in FAULT_TABLE))).toEqual([]);
});
