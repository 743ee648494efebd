/** The files of a log, oldest first: the log itself and its rotated and compressed pieces. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { errorReason, StartupError } from '@kora-wake/shared/runtime/errors';
import { isRotatedName } from '@kora-wake/shared/runtime/rotated-name';
import { isJsonObject } from '@kora-wake/shared/wake/json';
import { parseTimestamp } from '@kora-wake/shared/wake/wake';

export interface LogPiece {
  path: string;
  /** Time of its first row that has one, ms since the epoch. */
  firstAt: number;
}

/** Bytes of a piece that are read to find the time of its first row, and to recognize a copy. */
const HEAD_BYTES = 64 * 1024;
const BLOCK_BYTES = 1024 * 1024;

/**
 * Finds the pieces of logs.
 *
 * @param paths logs as an operator names them; rotated pieces next to them are found
 * @returns the pieces, oldest first, and sentences about pieces that are left out
 * @throws StartupError if a named log cannot be read and has no pieces
 */
export async function findPieces(paths: string[]): Promise<{ pieces: LogPiece[]; doubts: string[] }> {
  const doubts: string[] = [];
  const found = new Set<string>();
  for (const path of paths) for (const piece of await siblingsOf(path)) found.add(piece);
  const pieces: LogPiece[] = [];
  const heads = new Map<string, string>();
  for (const path of found) {
    try {
      const head = await readHead(path);
      const firstAt = firstTimeIn(head);
      if (head.length === 0) continue;
      if (firstAt === undefined) {
        doubts.push(`${path} is left out: its beginning has no row with a time.`);
        continue;
      }
      const hash = createHash('sha256').update(head.subarray(0, 4_096)).digest('hex');
      const other = heads.get(hash);
      if (other === undefined) {
        heads.set(hash, path);
        pieces.push({ path, firstAt });
      } else doubts.push(`${path} is left out: it begins like ${other}, so it is a copy.`);
    } catch (error) {
      doubts.push(`${path} cannot be read (${errorReason(error)}).`);
    }
  }
  if (pieces.length === 0) {
    throw new StartupError(`no rows in ${paths.join(', ')}.${doubts.length > 0 ? ` ${doubts.join(' ')}` : ''}`);
  }
  return { pieces: pieces.toSorted((a, b) => a.firstAt - b.firstAt), doubts };
}

/** The file and those next to it whose names begin with its name, as rotation makes them: `log.1`, `log-20261101.gz`. */
async function siblingsOf(path: string): Promise<string[]> {
  const folder = dirname(path);
  const names = await readdir(folder).catch((error: unknown) => {
    throw new StartupError(`${folder} cannot be read (${errorReason(error)}).`, { cause: error });
  });
  const isPiece = (name: string) => name === basename(path) || isRotatedName(path, name);
  const files = names.filter(isPiece).map((other) => join(folder, other));
  const stats = await Promise.all(files.map((file) => stat(file).catch(() => undefined)));
  const pieces = files.filter((_, i) => stats[i]?.isFile());
  if (pieces.length === 0) throw new StartupError(`${path} is not a file, and there are no rotated pieces of it.`);
  return pieces;
}

const GZIP = Buffer.from([0x1f, 0x8b]);
const ZSTD = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);

/** The reader of the last stream of a pipeline gets the error. */
const ignore = () => undefined;

/** Reads a compressed piece in blocks; undefined if it is not compressed. Its content decides, since names differ. */
export async function readCompressed(path: string): Promise<Readable | undefined> {
  const magic = (await readStart(path, 4)).subarray(0, 4);
  const raw = () => createReadStream(path, { highWaterMark: BLOCK_BYTES });
  if (magic.subarray(0, 2).equals(GZIP)) return pipeline(raw(), createGunzip({ chunkSize: BLOCK_BYTES }), ignore);
  return magic.equals(ZSTD) ? pipeline(raw(), createZstdDecompress({ chunkSize: BLOCK_BYTES }), ignore) : undefined;
}

async function readStart(path: string, bytes: number): Promise<Buffer> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** The beginning of the content. */
async function readHead(path: string): Promise<Buffer> {
  const stream = await readCompressed(path);
  if (!stream) return readStart(path, HEAD_BYTES);
  const blocks: Buffer[] = [];
  let length = 0;
  for await (const block of stream) {
    if (!Buffer.isBuffer(block)) continue;
    blocks.push(block);
    length += block.length;
    if (length >= HEAD_BYTES) break;
  }
  return Buffer.concat(blocks).subarray(0, HEAD_BYTES);
}

function firstTimeIn(head: Buffer): number | undefined {
  for (const line of head.toString('utf8').split('\n')) {
    try {
      const row: unknown = JSON.parse(line);
      const at = isJsonObject(row) ? parseTimestamp(row.emitted_at) : undefined;
      if (at !== undefined) return at;
    } catch {
      // A torn or foreign line.
    }
  }
  return undefined;
}
