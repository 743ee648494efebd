/**
 * `npm test`: format, types, lint, unused code, then every test with coverage. With arguments it runs just the tests
 * they name: `npm test -- apps/tailer -t "coalesces"`.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

const root = join(import.meta.dirname, '..');
const named = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'kora-wake-results-'));
const results = join(folder, 'results.json');

const CHECKS: Array<[name: string, command: string, ...args: string[]]> = [
  ['format', 'biome', 'check'],
  ['types', 'tsc', '-b'],
  ['lint', 'oxlint', '--type-aware'],
  ['unused code', 'knip'],
];

const checksHold = named.length > 0 || CHECKS.every(([name, command, ...args]) => run(name, command, args));
const coverage = named.length > 0 ? [] : ['--coverage'];
const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${results}`];
const testsHold = checksHold && run('tests', 'vitest', ['run', ...coverage, ...reporters, ...named]);
if (checksHold) console.log(closingLine());
rmSync(folder, { recursive: true });
process.exitCode = testsHold ? 0 : 1;

function run(name: string, command: string, args: string[]): boolean {
  console.log(`\n▸ ${name}`);
  const bin = join(root, 'node_modules', '.bin');
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` };
  return spawnSync(join(bin, command), args, { cwd: root, stdio: 'inherit', env }).status === 0;
}

/** One plain line at the end, for people and for CI. */
function closingLine(): string {
  try {
    const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(results, 'utf8'));
    return `${numPassedTests} passed, ${numFailedTests} failed`;
  } catch {
    return 'the tests did not run to their end';
  }
}
