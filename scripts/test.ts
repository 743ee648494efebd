/**
 * `npm test`: format, types, lint, unused code, then every test but the field tests. `npm test -- --coverage` measures coverage too.
 * `npm run test:field`: the tests in *.field.test.ts, which mostly wait, and properties with more time; no checks.
 * With arguments either runs only the tests that they name: `npm test -- apps/tailer -t "coalesces"`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

const root = join(import.meta.dirname, '..');
const given = process.argv.slice(2);
const project = given[0] === '--field' ? 'field' : 'main';
const named = project === 'field' ? given.slice(1) : given;
const complete = project === 'main' && named.every((argument) => argument === '--coverage');
const folder = mkdtempSync(join(tmpdir(), 'kora-wake-results-'));
const results = join(folder, 'results.json');

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

const CHECKS: Array<[name: string, command: string, ...args: string[]]> = [
  ['format', 'biome', 'check'],
  ['types', 'tsc', '-b'],
  ['lint', 'oxlint', '--type-aware'],
  ['unused code', 'knip'],
];

const checksPass = !complete || (await runChecks());
const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${results}`];
const testsPass =
  checksPass && (await run(`${project} tests`, 'vitest', ['run', '--project', project, ...reporters, ...named]));
if (checksPass) console.log(closingLine());
rmSync(folder, { recursive: true });
process.exitCode = testsPass ? 0 : 1;

async function runChecks(): Promise<boolean> {
  for (const [name, command, ...args] of CHECKS) if (!(await run(name, command, args))) return false;
  return true;
}

/** Runs one tool of node_modules, and passes signals on, so that an interrupted run leaves no process. @returns whether it succeeded */
async function run(name: string, command: string, args: string[]): Promise<boolean> {
  console.log(`\n▸ ${name}`);
  const bin = join(root, 'node_modules', '.bin');
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` };
  const child = spawn(join(bin, command), args, { cwd: root, stdio: 'inherit', env });
  const pass = (signal: NodeJS.Signals) => void child.kill(signal);
  for (const signal of SIGNALS) process.on(signal, pass);
  const [code] = await once(child, 'exit');
  for (const signal of SIGNALS) process.off(signal, pass);
  return code === 0;
}

/** The last line of the output, for people and for CI: `N passed, M failed`. */
function closingLine(): string {
  try {
    const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(results, 'utf8'));
    return `${numPassedTests} passed, ${numFailedTests} failed`;
  } catch {
    return 'the test run did not complete';
  }
}
