/** Compares the content of two files: copies are not read twice. */
import type { FileHandle } from 'node:fs/promises';
import { readHead, readTail } from './fingerprint.ts';
import { NEWLINE } from './scan.ts';

/**
 * Whether `longer` probably starts with the whole content of `shorter`. Only both ends of that content are compared,
 * so the cost does not depend on the file size.
 */
export async function startsWithContentOf(longer: FileHandle, shorter: FileHandle): Promise<boolean> {
  const [{ size: room }, { size }] = await Promise.all([longer.stat(), shorter.stat()]);
  if (size === 0 || size > room) return false;
  const ends = [readHead(longer, size), readHead(shorter, size), readTail(longer, size), readTail(shorter, size)];
  const [head, sameHead, tail, sameTail] = await Promise.all(ends);
  return head?.equals(sameHead ?? Buffer.alloc(0)) === true && tail?.equals(sameTail ?? Buffer.alloc(0)) === true;
}

/** Size of one read of a comparison, bytes. */
const BLOCK_BYTES = 256 * 1024;

/** Number of bytes, at most `length`, up to which two files have the same whole lines. */
export async function sameLines(one: FileHandle, other: FileHandle, length: number): Promise<number> {
  let end = 0;
  for (let at = 0; at < length; at += BLOCK_BYTES) {
    const [a, b] = await Promise.all([readBlock(one, at, length), readBlock(other, at, length)]);
    const same = commonLength(a, b);
    const newline = a.subarray(0, same).lastIndexOf(NEWLINE);
    if (newline >= 0) end = at + newline + 1;
    if (same < BLOCK_BYTES) break;
  }
  return end;
}

/** Whether a file has these bytes at an offset; false if there are none. */
export async function hasBytesAt(file: FileHandle, offset: number, bytes: Buffer): Promise<boolean> {
  if (bytes.length === 0) return false;
  const there = Buffer.alloc(bytes.length);
  const { bytesRead } = await file.read(there, 0, there.length, offset);
  return bytesRead === bytes.length && there.equals(bytes);
}

async function readBlock(file: FileHandle, at: number, limit: number): Promise<Buffer> {
  const block = Buffer.alloc(Math.min(BLOCK_BYTES, limit - at));
  const { bytesRead } = await file.read(block, 0, block.length, at);
  return block.subarray(0, bytesRead);
}

function commonLength(a: Buffer, b: Buffer): number {
  const length = Math.min(a.length, b.length);
  if (a.subarray(0, length).equals(b.subarray(0, length))) return length;
  let same = 0;
  while (a[same] === b[same]) same++;
  return same;
}
