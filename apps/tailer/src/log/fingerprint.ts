/** Fingerprints: hashes of file content that identify a file after a rename, a copy or a truncation. */
import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { FileState } from '@kora-wake/shared/store/position';

/**
 * Bytes that a fingerprint covers. The end of a row may be the same in each alert of a probe, so the first bytes of a file are
 * compared as well: they include the time of its first row.
 */
export const FINGERPRINT_BYTES = 1024;

/** The fingerprint of the bytes before an offset. @param tail as {@link readTail} returns it */
export function fingerprintOf(tail: Buffer): string {
  return tail.length === 0 ? '' : createHash('sha256').update(tail).digest('hex').slice(0, 16);
}

/** Reads the bytes before `offset` that a fingerprint covers. The result is shorter if the file is shorter. */
export async function readTail(file: FileHandle, offset: number): Promise<Buffer> {
  const tail = Buffer.alloc(Math.min(offset, FINGERPRINT_BYTES));
  const { bytesRead } = await file.read(tail, 0, tail.length, offset - tail.length);
  return tail.subarray(0, bytesRead);
}

/** Reads the first bytes of an open file: at most `length`, and at most {@link FINGERPRINT_BYTES}. */
export async function readHead(file: FileHandle, length: number): Promise<Buffer> {
  const head = Buffer.alloc(Math.min(length, FINGERPRINT_BYTES));
  const { bytesRead } = await file.read(head, 0, head.length, 0);
  return head.subarray(0, bytesRead);
}

/** Whether an open file has the content of a state up to its offset. Only both ends are compared. */
export async function hasFingerprint(
  file: FileHandle,
  { offset, fingerprint, head }: Pick<FileState, 'offset' | 'fingerprint' | 'head'>,
): Promise<boolean> {
  const tail = await readTail(file, offset);
  if (tail.length !== Math.min(offset, FINGERPRINT_BYTES) || fingerprintOf(tail) !== fingerprint) return false;
  return head === '' || fingerprintOf(await readHead(file, offset)) === head;
}
