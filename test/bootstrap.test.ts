/** Which Node runs the commands: the one of the machine, unless it is too old. */
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { test } from './support/fixtures.ts';
import { runProgram } from './support/run-program.ts';

const root = join(import.meta.dirname, '..');

function write(path: string, text: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, 0o755);
  return path;
}

/** A clone in which everything is installed and built. Its programs only print which Node runs them. */
function clone(folder: string) {
  const file = (...names: string[]) => join(folder, ...names);
  cpSync(join(root, 'scripts', 'bootstrap.mjs'), write(file('scripts', 'bootstrap.mjs'), ''));
  const lock = readFileSync(write(file('package-lock.json'), '{}'));
  write(file('node_modules', '.installed'), createHash('sha256').update(lock).digest('hex'));
  const script = 'console.log(process.argv[2], "on the Node of the machine");';
  write(file('node_modules', 'turbo', 'bin', 'turbo'), '');
  write(file('apps', 'cli', 'dist', 'main.js'), script);
  const platform = `node-${process.platform}-${process.arch}`;
  const installed = write(
    file('node_modules', platform, 'bin', 'node'),
    '#!/bin/sh\n[ "$2" = start ] && echo "start on the installed Node"\nexit 0\n',
  );
  const link = file('node_modules', '.bin', 'node');
  mkdirSync(dirname(link));
  symlinkSync(installed, link);
  return { bootstrap: file('scripts', 'bootstrap.mjs'), link };
}

test('a Node of the machine that is new enough runs everything, and npm run finds no other', async ({ folder }) => {
  const { bootstrap, link } = clone(folder);
  const run = await runProgram(process.execPath, [bootstrap, 'start'], { npm_node_execpath: process.execPath });
  expect(run).toEqual({ code: 0, stdout: 'start on the Node of the machine\n', stderr: '' });
  expect(existsSync(link)).toBe(false);
});

test('an old Node of the machine is replaced by the installed one, also after it was not needed', async ({
  folder,
}) => {
  const { bootstrap, link } = clone(folder);
  const old = write(join(folder, 'old-node'), '#!/bin/sh\necho 20.11.0\n');
  await runProgram(process.execPath, [bootstrap, 'start'], { npm_node_execpath: process.execPath });
  const run = await runProgram(process.execPath, [bootstrap, 'start'], { npm_node_execpath: old });
  expect(run).toEqual({ code: 0, stdout: 'start on the installed Node\n', stderr: '' });
  expect(existsSync(link)).toBe(true);
});
