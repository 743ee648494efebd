/** Keeps comments and documents in plain English. docs/writing.md has the rules; this checks those that a program can. */
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');
const IGNORED = new Set(['node_modules', 'dist', 'coverage']);

/** Paths of all files below a folder, relative to the root. */
function filesIn(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (IGNORED.has(entry.name)) return [];
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesIn(path) : [path];
  });
}

const slashes = /^\s*(?:\/\/|\/\*|\*|\{\/\*)/;
const hashes = /^\s*#(?!!)/;
/** How a comment line begins, by the extension of the file. */
const COMMENT: Record<string, RegExp> = {
  '.ts': slashes,
  '.tsx': slashes,
  '.mjs': slashes,
  '.css': slashes,
  '.lua': /^\s*--/,
  '.py': hashes,
  '.sh': hashes,
  '.yml': hashes,
};
const FOLDERS = ['apps', 'packages', 'test', 'bench', 'scripts', 'docs', 'deploy', 'examples'];

describe('comments', () => {
  const comments = FOLDERS.flatMap(filesIn)
    .filter((path) => path !== 'docs/openapi.d.ts')
    .flatMap((path) => {
      const pattern = COMMENT[extname(path)];
      if (!pattern) return [];
      const lines = readFileSync(join(root, path), 'utf8').split('\n');
      return lines.flatMap((text, i) => (pattern.test(text) ? [{ place: `${path}:${i + 1}`, text }] : []));
    });

  test('rarely need "what" or "where": at most one line in fifty', () => {
    expect(comments.length).toBeGreaterThan(1_000);
    const old = comments.filter(({ text }) => /\b(?:what|where)\b/i.test(text));
    const found = old.map(({ place, text }) => `${place}: ${text.trim()}`);
    const allowed = Math.floor(comments.length / 50);
    expect(found.slice(allowed)).toEqual([]);
  });
});

describe('documents', () => {
  const documents = [...readdirSync(root), ...filesIn('docs'), 'examples/README.md'].filter((name) =>
    name.endsWith('.md'),
  );

  test.each(documents)('%s has no sentence of more than 25 words', (name) => {
    const long = sentencesIn(readFileSync(join(root, name), 'utf8')).filter(
      (sentence) => sentence.split(/\s+/).filter((word) => /\w/.test(word)).length > 25,
    );
    expect(long).toEqual([]);
  });
});

/** The sentences of a document. A cell of a table, a part before a colon and a part before a semicolon each count as one. */
function sentencesIn(markdown: string): string[] {
  const text = markdown.replace(/```[^]*?```/g, '').replace(/\[([^\]]*)\]\([^)]*\)/g, '$1');
  return text.split(/\n|\|/).flatMap((part) => part.split(/(?<=[.:;?!])\s+|<br>/));
}
