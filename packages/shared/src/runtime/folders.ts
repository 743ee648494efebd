import { mkdir, realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { errorCode } from './errors.ts';

/**
 * Makes a folder and its missing parents, one by one: Node's recursive option never ends on file systems that accept no folders,
 * such as /proc.
 */
export async function makeFolder(path: string): Promise<void> {
  const make = () =>
    mkdir(path).catch((error: unknown) => {
      if (errorCode(error) !== 'EEXIST') throw error;
    });
  try {
    await make();
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' || dirname(path) === path) throw error;
    await makeFolder(dirname(path));
    await make();
  }
}

/** The path of a file with the links in its folder's path resolved. The file itself need not exist. */
export async function inRealFolder(path: string): Promise<string> {
  return join(await realpath(dirname(path)), basename(path));
}

/** The home folder of this user; undefined if HOME is not set and the list of users does not have this user. */
export function homeFolder(): string | undefined {
  try {
    return homedir() || undefined;
  } catch {
    return undefined;
  }
}
