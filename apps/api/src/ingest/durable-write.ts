/** Appends rows to the audit log and makes them durable, with calls that block: in the API they run in a thread of their own. */
// The default import, so that a test can let one call fail.
import fs from 'node:fs';
import { type AuditLogFile, openToAppend } from '@kora-wake/shared/runtime/audit-log';
import { errorCode } from '@kora-wake/shared/runtime/errors';

/** The rows were not written, or not in time. */
export class LogUnavailable extends Error {
  override name = 'LogUnavailable';
}

/** Attempts of one write if the log is rotated meanwhile. */
const MAX_ATTEMPTS = 5;

/**
 * Appends all rows or none, and syncs them. If the path names another file after that, it appends them again.
 *
 * @param rows whole lines
 * @throws LogUnavailable, or a system error; then no part of the rows is in the log
 */
export async function writeDurably(target: AuditLogFile, rows: Uint8Array): Promise<void> {
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    const file = openExisting(target.path) ?? (await createAndOpen(target));
    if (file === undefined) throw new LogUnavailable('it does not exist, and only its owner may create it');
    try {
      const end = appendWhole(file, rows);
      fs.fdatasyncSync(file);
      if (isStillTheLog(target.path, file, end)) return;
    } finally {
      close(file);
    }
  }
  throw new LogUnavailable('it is rotated again and again');
}

function openExisting(path: string): number | undefined {
  try {
    return fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_APPEND);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    return undefined;
  }
}

/** Undefined if the log must be left to its owner to create it. */
async function createAndOpen(target: AuditLogFile): Promise<number | undefined> {
  const created = await openToAppend(target);
  await created?.close();
  return created && openExisting(target.path);
}

/** The rows are synced, or the caller learns the first error. */
function close(file: number): void {
  try {
    fs.closeSync(file);
  } catch {}
}

const NEWLINE = 0x0a;

/** @returns the size of the file after it, bytes; more if others appended too */
function appendWhole(file: number, rows: Uint8Array): number {
  const { size } = fs.fstatSync(file);
  const bytes = endsInNewline(file, size) ? rows : Buffer.concat([Buffer.of(NEWLINE), rows]);
  let written = 0;
  try {
    while (written < bytes.length) written += fs.writeSync(file, bytes, written, bytes.length - written);
  } catch (error) {
    // A full disk. Only if nobody else appended meanwhile are the last bytes ours.
    if (written > 0 && fs.fstatSync(file).size === size + written) fs.ftruncateSync(file, size);
    throw error;
  }
  return size + bytes.length;
}

/** False if the file ends in an incomplete line of a writer that died. */
function endsInNewline(file: number, size: number): boolean {
  const last = Buffer.alloc(1);
  return fs.readSync(file, last, 0, 1, Math.max(0, size - 1)) === 0 || last[0] === NEWLINE;
}

/** False if the log was renamed, removed or emptied during the write: the rows may then be in a file that nobody reads. */
function isStillTheLog(path: string, file: number, end: number): boolean {
  const own = fs.fstatSync(file, { bigint: true });
  const current = fs.statSync(path, { bigint: true, throwIfNoEntry: false });
  return current !== undefined && current.ino === own.ino && current.dev === own.dev && own.size >= BigInt(end);
}
