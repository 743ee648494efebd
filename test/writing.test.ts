/** Keeps comments and documents in plain English. docs/writing.md has the rules; this checks those that a program can. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');

/** A sentence with one of these words usually hides its actor or its noun. A few such sentences are fine. */
const VAGUE = /\b(what|where)\b/i;
/** Largest share of comment lines with a vague word. */
const MAX_SHARE = 0.02;

/** Phrases of the old style. No comment needs them. */
const OLD_PHRASES = [
  /\b(is|are|was|were|been|be) told of\b/i,
  /\bnobody (is|was) told\b/i,
  /\bin the place of\b/i,
  /\bso many\b/i,
  /\bwhere there is none\b/i,
  /\bwhere none is\b/i,
  /\bwhat there is\b/i,
  /\bwhat it was told\b/i,
  /\bcome about\b/i,
  /\bthe nemesis\b/i,
  /\bat the door\b/i,
];

type Syntax = { line: RegExp; block: boolean };
const C_LIKE: Syntax = { line: /^\s*\/\//, block: true };
const HASH: Syntax = { line: /^\s*#/, block: false };
const SYNTAX: Record<string, Syntax> = {
  '.ts': C_LIKE,
  '.tsx': C_LIKE,
  '.mjs': C_LIKE,
  '.css': { line: /^\b$/, block: true },
  '.lua': { line: /^\s*--/, block: false },
  '.py': HASH,
  '.yml': HASH,
  '.sh': HASH,
};

/** The lines of a source text that are comments, without comments behind code. */
function commentLines(extension: string, text: string): string[] {
  const syntax = SYNTAX[extension];
  if (!syntax) return [];
  let inBlock = false;
  return text.split('\n').filter((line) => {
    const starts = syntax.block && /^\s*\{?\/\*/.test(line);
    const isComment = inBlock || starts || syntax.line.test(line);
    if (starts || inBlock) inBlock = !line.includes('*/');
    // A line without a word, such as the end of a block, says nothing.
    return isComment && /[a-z]/i.test(line);
  });
}

function oldPhrases(lines: string[]): string[] {
  return lines.filter((line) => OLD_PHRASES.some((phrase) => phrase.test(line)));
}

/** Paths of the files in git with these extensions, without generated declarations. */
function tracked(extensions: string[]): string[] {
  const patterns = extensions.map((extension) => `*${extension}`);
  const paths = execFileSync('git', ['ls-files', ...patterns], { cwd: root, encoding: 'utf8' }).split('\n');
  return paths.filter((path) => path !== '' && !path.endsWith('.d.ts'));
}

const files = tracked(Object.keys(SYNTAX)).map((path) => {
  const lines = commentLines(extname(path), readFileSync(join(root, path), 'utf8'));
  return { path, lines, vague: lines.filter((line) => VAGUE.test(line)) };
});

const sum = (counts: number[]) => counts.reduce((a, b) => a + b, 0);

/** One line per folder and one per bad file, the worst first. */
function summary(): string {
  const folderOf = (path: string) =>
    path
      .split('/')
      .slice(0, /^(apps|packages)\//.test(path) ? 2 : 1)
      .join('/');
  const folders = [...Map.groupBy(files, ({ path }) => folderOf(path))].map(([folder, inside]) => {
    const [vague, all] = [sum(inside.map((file) => file.vague.length)), sum(inside.map((file) => file.lines.length))];
    return { name: folder, vague, all };
  });
  const worst = files.map(({ path, vague, lines }) => ({ name: path, vague: vague.length, all: lines.length }));
  return [folders, worst]
    .flatMap((list) =>
      list
        .filter(({ vague }) => vague > 0)
        .toSorted((a, b) => b.vague - a.vague)
        .slice(0, 20),
    )
    .map(({ name, vague, all }) => `${name}: ${vague} of ${all} comment lines`)
    .join('\n');
}

describe('comments', () => {
  test('use "what" and "where" in at most one of fifty lines', () => {
    const [vague, all] = [sum(files.map((file) => file.vague.length)), sum(files.map((file) => file.lines.length))];
    expect(all).toBeGreaterThan(500);
    expect(vague / all, `${vague} of ${all} comment lines use "what" or "where":\n${summary()}`).toBeLessThanOrEqual(
      MAX_SHARE,
    );
  });

  test('use no phrase of the old style', () => {
    expect(files.flatMap(({ path, lines }) => oldPhrases(lines).map((line) => `${path}: ${line.trim()}`))).toEqual([]);
  });
});

describe('the check', () => {
  test.each([
    ['.ts', "const a = 'what';\n// what it is\n/** where it is\n * what\n */\nconst where = 1; // what"],
    ['.css', '.what { color: red }\n/* what it is\n   where it is\n   what */\n.where { color: red }'],
    ['.lua', "local what = 1\n-- what\n-- where\nreturn 'what'\n--- what"],
    ['.yml', 'what: 1\n# what\n  # where\n# what\nwhere: 1'],
  ])('finds the comment lines of %s', (extension, text) => {
    expect(commentLines(extension, text).filter((line) => VAGUE.test(line))).toHaveLength(3);
  });

  test('finds old phrases in comments only', () => {
    const text = "// nobody is told of it\nconst a = 'so many';\n/** n in the place of m */\n// plain";
    expect(oldPhrases(commentLines('.ts', text))).toEqual(['// nobody is told of it', '/** n in the place of m */']);
  });
});

describe('documents', () => {
  const documents = tracked(['.md']).filter((path) => !/^(test|bench|\.github)\//.test(path));

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
