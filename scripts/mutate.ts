/**
 * `npm run mutate`: removes each guard once and checks that the test named for it fails. A test that passes without its
 * guard does not test it. Works on a copy and takes some minutes.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineCommand, type Env, type Io } from '../apps/cli/src/command.ts';
import { MUTATIONS } from '../test/mutations.ts';
import { runScript } from './script.ts';

const root = join(import.meta.dirname, '..');
const VITEST = join(root, 'node_modules', 'vitest', 'vitest.mjs');
const NOT_COPIED = /(^|\/)(node_modules|\.git|coverage|\.turbo)(\/|$)/;
await runScript(
  defineCommand({
    name: 'mutate',
    summary: 'Removes each guard once, in a copy, and checks that the test named for it fails.',
    usage: '',
    options: {},
    run: async (_input, env, io) => mutate(env, io),
  }),
);

/** @returns the exit code */
async function mutate(env: Env, io: Io): Promise<number> {
  let survived = 0;

  for (const { guard, file, find, replace, test, named } of MUTATIONS) {
    const copy = mkdtempSync(join(tmpdir(), 'kora-wake-mutant-'));
    cpSync(root, copy, { recursive: true, filter: (path) => !NOT_COPIED.test(path.slice(root.length)) });
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    const text = readFileSync(join(copy, file), 'utf8');
    if (!text.includes(find)) throw new Error(`${guard}: the text to remove is no longer in ${file}`);
    writeFileSync(join(copy, file), text.replace(find, replace));
    const run = spawnSync(process.execPath, [VITEST, 'run', test, '-t', named], {
      cwd: copy,
      encoding: 'utf8',
      env: { ...env, NO_COLOR: '1' },
    });
    const ran = /Tests .*\b[1-9]\d* (passed|failed)/.test(run.stdout);
    const caught = ran && run.status !== 0;
    if (!caught) survived++;
    io.out(`${caught ? 'caught  ' : 'SURVIVED'}  ${guard}  ${ran ? '' : '(no test ran)'}`);
    rmSync(copy, { recursive: true });
  }
  io.out(`${MUTATIONS.length - survived} of ${MUTATIONS.length} caught`);
  return survived === 0 ? 0 : 1;
}
