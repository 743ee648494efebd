/** Every package that npm downloads is compared with a hash in the lock file, on every platform. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const { packages } = JSON.parse(readFileSync(join(import.meta.dirname, '..', 'package-lock.json'), 'utf8'));
/** Without the workspaces of this repository and the links to them. */
const downloaded = Object.entries<any>(packages).filter(([path, { link }]) => path.includes('node_modules/') && !link);

test('each downloaded package has a SHA-512 hash, also the programs for other platforms', () => {
  expect(downloaded.length).toBeGreaterThan(400);
  expect(downloaded.some(([path]) => path.includes('win32'))).toBe(true);
  const without = downloaded.filter(([, { integrity }]) => !/^sha512-[A-Za-z0-9+/]{86}==$/.test(String(integrity)));
  expect(without.map(([path, { version }]) => `${path} ${version}`)).toEqual([]);
});

test('no package comes from another place than the registry', () => {
  const elsewhere = downloaded.filter(
    ([, { resolved }]) => resolved !== undefined && !resolved.startsWith('https://registry.npmjs.org/'),
  );
  expect(elsewhere.map(([path]) => path)).toEqual([]);
});
