/** Programs that tests and benchmarks need besides npm packages. They are installed with apt if that needs no password. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Debian package by program name. */
const PACKAGES = {
  amtool: 'prometheus-alertmanager',
  chromium: 'chromium',
  jq: 'jq',
  openssl: 'openssl',
  prometheus: 'prometheus',
  'prometheus-alertmanager': 'prometheus-alertmanager',
  promtool: 'prometheus',
  python3: 'python3',
};
type Program = keyof typeof PACKAGES;

/**
 * Installs missing programs before the first test, because an installation takes longer than a test may.
 *
 * @throws an Error that names the missing packages
 */
export function installPrograms(needed: readonly Program[]): void {
  const missing = () => needed.filter((name) => !onPath(name));
  const wanted = [...new Set(missing().map((name) => PACKAGES[name]))];
  if (wanted.length === 0) return;
  if (onPath('apt-get') && process.getuid?.() === 0) {
    console.log(`Installing ${wanted.join(', ')} with apt (once) …`);
    // The run level prevents a package from starting its own server.
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
    spawnSync('apt-get', ['update', '-qq'], { stdio: 'ignore', env });
    spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...wanted], { stdio: 'ignore', env });
  }
  const left = missing().map((name) => `${name} (Debian: ${PACKAGES[name]})`);
  if (left.length > 0) throw new Error(`${left.join(', ')} must be on PATH; install first`);
}

/** The path of a program. @throws if it is not on PATH */
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
