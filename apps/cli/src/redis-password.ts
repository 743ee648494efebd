/**
 * The password of the private Redis, in two files of its data folder: one for people and commands, and one for Redis, because
 * each user of the machine can read the arguments of a process.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '@kora-wake/shared/runtime/errors';

const PASSWORD_FILE = 'password';
const CONFIG_FILE = 'redis.conf';
/** Letters that need no escape in a URL and in the configuration of Redis. */
const PASSWORD = /^\w{16,}$/;

/** Path of the file with the password of the private Redis that has its data in this folder. */
export function passwordFile(folder: string): string {
  return join(folder, PASSWORD_FILE);
}

/** The password of the private Redis in this folder, or undefined if no version with a password has run there yet. */
export function readPassword(folder: string): string | undefined {
  try {
    const text = readFileSync(passwordFile(folder), 'utf8').trim();
    return PASSWORD.test(text) ? text : undefined;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Chooses a random password at the first start, and keeps it for later ones, so that a URL that contains it stays valid.
 *
 * @returns the password, and the path of a configuration file for Redis that sets it
 * @throws a system error if the folder is not writable
 */
export function writePassword(folder: string): { password: string; configFile: string } {
  const kept = readPassword(folder);
  const password = kept ?? randomBytes(24).toString('hex');
  const configFile = join(folder, CONFIG_FILE);
  if (kept === undefined) writeFileSync(passwordFile(folder), `${password}\n`, { mode: 0o600 });
  writeFileSync(configFile, `requirepass ${password}\n`, { mode: 0o600 });
  return { password, configFile };
}
