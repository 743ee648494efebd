/** Programs that tests and benchmarks need and npm does not bring: found on PATH, or installed where that needs no password. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** By the name of the program: the Debian package that has it. */
const PACKAGES = {
  chromium: 'chromium',
  jq: 'jq',
  openssl: 'openssl',
  promtool: 'prometheus',
  python3: 'python3',
};
type Program = keyof typeof PACKAGES;

/**
 * Sees that they are there, before any test begins: an installation takes longer than a test may.
 *
 * @throws an Error that says what to install
 */
export function installPrograms(needed: readonly Program[]): void {
  const missing = () => needed.filter((name) => !onPath(name));
  const wanted = missing().map((name) => PACKAGES[name]);
  if (wanted.length === 0) return;
  if (onPath('apt-get') && process.getuid?.() === 0) {
    console.log(`Installing ${wanted.join(', ')} with apt (once) …`);
    // The run level keeps a package from starting a server of its own.
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
    spawnSync('apt-get', ['update', '-qq'], { stdio: 'ignore', env });
    spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...wanted], { stdio: 'ignore', env });
  }
  const left = missing().map((name) => `${name} (Debian: ${PACKAGES[name]})`);
  if (left.length > 0) throw new Error(`${left.join(', ')} must be on PATH; install first`);
}

/** The path of one of them. */
export function program(name: Program): string {
  const found = onPath(name);
  if (!found) throw new Error(`${name} is not on PATH`);
  return found;
}

function onPath(name: string): string | undefined {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
}
