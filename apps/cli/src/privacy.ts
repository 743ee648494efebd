/** Rights of files and folders: which of them other users of this machine can open. */
import { chmodSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Rights of group and others. */
const OTHERS = 0o077;

/**
 * Takes the rights of other users from a folder and everything in it, because an earlier version gave them. Links are not
 * followed. An entry that this user may not change, or that has just been removed, stays as it is: {@link openToOthers} shows it.
 */
export function makePrivate(folder: string): void {
  restrict(folder);
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile() || entry.isDirectory()) restrict(join(entry.parentPath, entry.name));
  }
}

function restrict(path: string): void {
  try {
    const { mode } = statSync(path);
    if (mode & OTHERS) chmodSync(path, mode & 0o700);
  } catch {
    // It belongs to another user, was removed, or the file system has no rights.
  }
}

/** True if the path exists and its group or others have any right to it. */
export function openToOthers(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats !== undefined && (stats.mode & OTHERS) !== 0;
}
