/** The built files. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { builtFolder, setUpConsole } from '../../support/console/page.ts';

setUpConsole();

test('the bundle is small and contains no address of another origin', () => {
  const files = readdirSync(builtFolder(), { recursive: true, encoding: 'utf8' }).map((name) =>
    join(builtFolder(), name),
  );
  const scripts = files.filter((file) => file.endsWith('.js'));
  const size = scripts.reduce((sum, file) => sum + gzipSync(readFileSync(file)).length, 0);
  expect(size).toBeGreaterThan(10_000);
  expect(size).toBeLessThan(72 * 1024);
  const page = readFileSync(join(builtFolder(), 'index.html'), 'utf8');
  expect(page).not.toMatch(/<style|style=|<script(?![^>]*src=)/);
  for (const file of files.filter((file) => /\.(js|css|html)$/.test(file))) {
    // The names of XML namespaces and of JSON Schema's dialects are identifiers: nothing is fetched from them.
    expect(
      readFileSync(file, 'utf8').match(
        /(?:https?:|(?<=["'`(=\s]))\/\/(?!www\.w3\.org\/|json-schema\.org\/)[\w-]+\.\w+[^'"`\s]*/g,
      ) ?? [],
    ).toEqual([]);
  }
});
