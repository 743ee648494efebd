/** Fingerprints: hashes of file content that identify a file after a rename, a copy or a truncation. */
import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';

/**
 * Bytes that a fingerprint covers. This is longer than the start of any row, so it includes times, which make the
 * fingerprint unique.
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

/** Whether the bytes of an open file before the offset are the ones that the fingerprint was made from. */
export async function hasFingerprint(
  file: FileHandle,
  { offset, fingerprint }: { offset: number; fingerprint: string },
): Promise<boolean> {
  const tail = await readTail(file, offset);
  return tail.length === Math.min(offset, FINGERPRINT_BYTES) && fingerprintOf(tail) === fingerprint;
}
