/**
 * Creates the audit log, if it is missing, so that the probes can still write to it: with the owner, group and mode of the
 * newest rotated file, or else of the folder.
 */
import { randomUUID } from 'node:crypto';
import { link, open, readdir, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { errorCode } from './errors.ts';
import { isRotatedName } from './rotated-name.ts';

export interface Access {
  uid: number;
  gid: number;
  /** Permission bits. */
  mode: number;
}

const ROOT = 0;
const READ_WRITE = 0o666;
const OTHERS_WRITE = 0o002;

/**
 * Decides the access to a new log.
 *
 * @param model the rotated file, or the folder
 * @param uid of this process
 * @returns undefined if this process may not create a file that the owner of the model can write to
 */
export function accessOfNewLog(model: Access, uid: number): Access | undefined {
  const mode = model.mode & READ_WRITE;
  if (uid === ROOT) return { ...model, mode };
  // Root can write to any file.
  const canOwnerWrite = model.uid === uid || model.uid === ROOT || (mode & OTHERS_WRITE) !== 0;
  return canOwnerWrite ? { uid, gid: model.gid, mode } : undefined;
}

/**
 * Creates the log if it does not exist.
 *
 * @param model the file whose access it gets; default: the newest rotated file, or else the folder
 * @returns false if it must be left to its owner
 * @throws a system error if the folder does not exist or cannot be written to
 */
export async function createLog(path: string, model?: Access): Promise<boolean> {
  const uid = process.geteuid?.();
  const access = uid === undefined ? undefined : accessOfNewLog(model ?? (await modelOf(path)), uid);
  if (uid !== undefined && !access) return false;
  // The log appears under its name only with its final access.
  const draft = join(dirname(path), `.${basename(path)}.${randomUUID()}`);
  await createFile(draft, access);
  try {
    await link(draft, path);
  } catch (error) {
    if (!NO_LINKS.has(errorCode(error) ?? '')) ignoreExisting(error);
    else await createFile(path, access).catch(ignoreExisting);
  } finally {
    await unlink(draft);
  }
  return true;
}

/** Some network file systems have no hard links. */
const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP']);

async function createFile(path: string, access: Access | undefined): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    if (!access) return;
    // A group that this process does not belong to stays as it is.
    await file.chown(access.uid, access.gid).catch(ignoreForbidden);
    await file.chmod(access.mode);
  } finally {
    await file.close();
  }
}

/** The newest rotated file of the log, or the folder. */
async function modelOf(path: string): Promise<Access> {
  const names = (await readdir(dirname(path))).filter((name) => isRotatedName(path, name));
  const stats = await Promise.all(names.map((name) => stat(join(dirname(path), name)).catch(() => undefined)));
  const rotated = stats.filter((each) => each?.isFile()).toSorted((a, b) => (b?.mtimeMs ?? 0) - (a?.mtimeMs ?? 0));
  return rotated[0] ?? (await stat(dirname(path)));
}

function ignoreForbidden(error: unknown): void {
  if (errorCode(error) !== 'EPERM') throw error;
}

function ignoreExisting(error: unknown): void {
  if (errorCode(error) !== 'EEXIST') throw error;
}
