/**
 * From bytes to lines: follows one append-only log by its open descriptors, through every kind of rotation.
 *
 * A log is at any time one live file, which the path names, and a few that rotation has left and that are not
 * finished yet. `read` looks at what stands after the position and never moves it; `accept` moves it, once the lines
 * of a batch are decided. So a batch that could not be decided is simply read again.
 *
 *   the path names another file      what was live is read on until it has been quiet for a while (its writers may
 *                                    linger), then what rotation made in between, then the new live file
 *   the bytes before the position    the live file was emptied: its copy, which copytruncate leaves, is looked for
 *   are not those that were read     among the siblings and read on; the live file is read from its start
 *   a restart                        each file is looked for at the path and among the siblings, by its identity
 *
 * An offset follows a newline, always: a half-written last line waits. Only when a left file is given up, its last
 * line counts without one. Lines over the cap are skipped in pieces, so memory stays bounded.
 */
import { type FileHandle, stat } from 'node:fs/promises';
import { errorReason } from '@kora-wake/shared/runtime/errors';
import type { Logger } from '@kora-wake/shared/runtime/log';
import {
  FINGERPRINT_BYTES,
  type FileState,
  fileKey,
  fingerprintOf,
  hasFingerprint,
  headOf,
  identify,
  openIfThere,
  type Sibling,
  siblingsOf,
  statKey,
  tailOf,
} from './fingerprint.ts';
import { type Collector, MAX_LINE_BYTES, type Place, scanner, tailAt } from './scan.ts';

/** How far a log is read: the files that are not finished, oldest first, and those that are. */
export interface Position {
  files: FileState[];
  /** By {@link fileKey}, so that none is taken for one that rotation made just now. */
  finished: string[];
}

interface Batch<C> {
  /** Has taken the whole lines that name the seam. */
  found: C;
  /** Where lines over the cap began; they are skipped. */
  overlong: number[];
  from: Position;
  to: Position;
}

export interface Follower<C> {
  /** What can be decided after the position, or null where there is nothing new. Rejects where a file cannot be read. */
  read(): Promise<Batch<C> | null>;
  accept(batch: Batch<C>): void;
  /** Whether a file that rotation left is still watched, which wants a look now and then without a hint. */
  hasRotatedFiles(): boolean;
  close(): Promise<void>;
}

export interface FollowOptions<C> {
  path: string;
  start: Position;
  /** What a line must name to be of interest. */
  seam: string;
  /** Makes what takes the lines of a batch; called again where a batch has to be begun again. */
  collect(): C;
  /** How long a left file must be quiet before it is given up, ms. */
  rotateWaitMs: number;
  /** Steady, ms. */
  clock(): number;
  log: Logger;
}

/** The first read of a look: most find less than that. */
const CHUNK_BYTES = 256 * 1024;
const NEWLINE = 0x0a;

/** Nothing read, nothing there: whatever file comes to be is new from its start. */
export const NOWHERE: Position = { files: [], finished: [] };

interface OpenFile {
  handle: FileHandle;
  state: FileState;
  /** The bytes of the fingerprint: read again with every read, they show that the file is still the one it was. */
  tail: Buffer;
  /** The first bytes that were read, up to as many: what a copy of it begins with. */
  head: Buffer;
  /** An over-long line: where to go on looking for its end, and how it begins. Memory only, a restart skips it again. */
  skip: { from: number; head: Buffer } | undefined;
  /** Its size when it last grew, and when that was seen. */
  seen: { size: number; at: number };
}

/** What a look into one file found. */
type Look<C> = { kind: 'lines'; batch: Batch<C> } | { kind: 'rest'; rest: Buffer } | { kind: 'emptied' };

export function followLog<C extends Collector>(options: FollowOptions<C>): Follower<C> {
  const { path, start, seam, collect, rotateWaitMs, clock, log } = options;
  let accepted = start;
  /** Oldest first. The last one is live as long as the path names it. */
  let files: OpenFile[] | undefined;
  let finished = start.finished;
  let buffer = Buffer.allocUnsafeSlow(FINGERPRINT_BYTES + CHUNK_BYTES);
  const { scan, sweep } = scanner(seam);
  /** Siblings that were complained of; once is enough. */
  const toldOf = new Set<string>();
  /** What `accept` of the batch given last has to change in memory. */
  let settle: (() => void) | undefined;

  async function read(): Promise<Batch<C> | null> {
    const open = files ?? (await resume());
    for (;;) {
      for (const file of open.slice()) {
        const look = await lookInto(file);
        if (await copiesBefore(file)) return read();
        if (look.kind === 'lines') return look.batch;
        if (look.kind === 'emptied') {
          await begunAgain(file);
          return read();
        }
        if (file !== open.at(-1) && quiet(file)) return giveUp(file, look.rest);
      }
      if (!(await discover())) return learned();
    }
  }

  /** With no line to decide: what was found out about the files, since a restart must know it, or null. */
  function learned(): Batch<C> | null {
    settle = undefined;
    const batch = batchTo(collect(), [], (file) => file.state);
    return JSON.stringify(batch.to) === JSON.stringify(accepted) ? null : batch;
  }

  /** Reads one file once, from its position. */
  async function lookInto(file: OpenFile): Promise<Look<C>> {
    for (;;) {
      const prefix = file.skip ? 0 : file.tail.length;
      const at = file.skip?.from ?? file.state.offset;
      const room = Math.min(buffer.length, prefix + MAX_LINE_BYTES + 1);
      const { bytesRead } = await file.handle.read(buffer, 0, room, at - prefix);
      const end = at - prefix + bytesRead;
      if (!buffer.subarray(0, Math.min(prefix, bytesRead)).equals(file.tail.subarray(0, prefix)))
        return { kind: 'emptied' };
      if (file.skip && !(await goesOn(file, file.skip))) return { kind: 'emptied' };
      if (end > file.seen.size) file.seen = { size: end, at: clock() };
      const bytes = buffer.subarray(prefix, bytesRead);
      const full = bytesRead === room;
      const newline = file.skip ? bytes.indexOf(NEWLINE) : bytes.lastIndexOf(NEWLINE);
      if (newline >= 0 && file.skip) {
        // Of an over-long line only the last piece is at hand, which may be shorter than a fingerprint.
        const past = at + newline + 1;
        const batch = await moved(file, { offset: past, tail: await tailOf(file.handle, past) }, collect(), [
          file.state.offset,
        ]);
        return { kind: 'lines', batch };
      }
      if (newline >= 0) {
        const found = collect();
        const place = await searched(file, bytes.subarray(0, newline + 1), full, found);
        return place ? { kind: 'lines', batch: await moved(file, place, found, []) } : { kind: 'emptied' };
      }
      if (file.skip) file.skip.from = end;
      else if (bytes.length > MAX_LINE_BYTES)
        file.skip = { from: end, head: Buffer.from(bytes.subarray(0, FINGERPRINT_BYTES)) };
      else if (full)
        buffer = Buffer.allocUnsafeSlow(FINGERPRINT_BYTES + Math.min(bytes.length * 2, MAX_LINE_BYTES + 1));
      if (!full) return { kind: 'rest', rest: file.skip ? Buffer.alloc(0) : bytes };
    }
  }

  /** Whether the over-long line that is skipped still stands where it began, after what was read before it. */
  async function goesOn({ handle, state, tail }: OpenFile, { from, head }: { from: number; head: Buffer }) {
    const before = Buffer.concat([tail, head]);
    const now = Buffer.alloc(before.length);
    await handle.read(now, 0, now.length, state.offset - tail.length);
    return now.equals(before) && (await handle.stat()).size >= from;
  }

  /**
   * Searches the lines that were read at a file's position, and where there are more, those after them. Undefined
   * where the file was emptied meanwhile: then nothing tells what was read before from what was read after.
   */
  async function searched(file: OpenFile, read: Buffer, more: boolean, into: C): Promise<Place | undefined> {
    const { offset } = file.state;
    const scanned = scan(read, offset, into);
    const place = { offset: offset + scanned, tail: tailAt(read, scanned, file.tail) };
    if (!more || scanned < read.length) return place;
    const reached = await sweep(file.handle, place, into);
    const begin = read.subarray(0, FINGERPRINT_BYTES);
    const again = Buffer.alloc(begin.length);
    await file.handle.read(again, 0, again.length, offset);
    if (!again.equals(begin) || (await file.handle.stat()).size < reached.offset) return undefined;
    if (reached.offset > file.seen.size) file.seen = { size: reached.offset, at: clock() };
    return reached;
  }

  /** The batch that moves one file to a place. */
  async function moved(file: OpenFile, { offset, tail }: Place, found: C, overlong: number[]): Promise<Batch<C>> {
    const head = file.head.length < FINGERPRINT_BYTES ? await headOf(file.handle, offset) : file.head;
    const state = { ...file.state, offset, print: fingerprintOf(tail) };
    settle = () => {
      file.state = state;
      file.tail = tail;
      file.head = head;
      file.skip = undefined;
    };
    return batchTo(found, overlong, (other) => (other === file ? state : other.state));
  }

  /** The batch that ends with a file which rotation left; its last line counts, newline or not. */
  async function giveUp(file: OpenFile, rest: Buffer): Promise<Batch<C>> {
    const found = collect();
    scan(rest, file.state.offset, found);
    // As long as rotation keeps a file it must be known; after that its key is of no use.
    const kept = new Set((await siblingsOf(path)).map(({ key }) => key));
    const nowFinished = [...finished.filter((key) => kept.has(key)), fileKey(file.state)];
    settle = () => {
      finished = nowFinished;
      files = files?.filter((other) => other !== file);
      file.handle.close().catch(() => undefined);
      log.debug({ inode: file.state.inode, offset: file.state.offset }, 'a rotated file is finished');
    };
    const overlong = file.skip ? [file.state.offset] : [];
    return batchTo(found, overlong, (other) => (other === file ? undefined : other.state), nowFinished);
  }

  function batchTo(
    found: C,
    overlong: number[],
    stateOf: (file: OpenFile) => FileState | undefined,
    nowFinished = finished,
  ): Batch<C> {
    const states = (files ?? []).map(stateOf).filter((state) => state !== undefined);
    return { found, overlong, from: accepted, to: { files: states, finished: nowFinished } };
  }

  function quiet(file: OpenFile): boolean {
    return clock() - file.seen.at >= rotateWaitMs;
  }

  /** A file was emptied under us: it begins again at 0, and its copy, where there is one, is read on before it. */
  async function begunAgain(file: OpenFile): Promise<void> {
    const { size } = await file.handle.stat();
    const siblings = await siblingsOf(path);
    const copy = await findCopy(file.state, siblings);
    if (copy)
      log.info(
        { path: copy.path, offset: file.state.offset },
        'the log was copied and emptied; reading the copy to its end',
      );
    else if (await markCopiesRead(file, siblings))
      log.info('the log was copied and emptied; all of the copy was read before');
    else log.warn({ offset: file.state.offset, size }, 'the log was emptied; what was not read before is gone');
    const again = await opened(file.handle, 0);
    const index = files?.indexOf(file) ?? 0;
    files?.splice(index, 1, ...(copy ? [await opened(copy.handle, file.state.offset)] : []), again);
  }

  /** Copies of a file that are shorter than what was read of it hold nothing new. Whether there are any. */
  async function markCopiesRead(file: OpenFile, siblings: Sibling[]): Promise<boolean> {
    const read: string[] = [];
    for (const sibling of siblings) {
      if (sibling.compressed || sibling.size === 0 || sibling.size >= file.state.offset) continue;
      const length = Math.min(sibling.size, file.head.length);
      const head = await usingSibling(sibling, (handle) => headOf(handle, length));
      if (head?.equals(file.head.subarray(0, length))) read.push(sibling.key);
    }
    finished = [...finished, ...read];
    return read.length > 0;
  }

  /** Reads from a sibling; one that cannot be read is told of once, and stops nothing. */
  async function usingSibling<T>(sibling: Sibling, use: (handle: FileHandle) => Promise<T>): Promise<T | undefined> {
    const handle = await openSibling(sibling);
    try {
      return handle && (await use(handle));
    } finally {
      await handle?.close();
    }
  }

  async function openSibling({ path: name, key }: Sibling): Promise<FileHandle | undefined> {
    try {
      return await openIfThere(name);
    } catch (error) {
      if (!toldOf.has(key)) log.warn({ path: name, reason: errorReason(error) }, 'a rotated file cannot be read');
      toldOf.add(key);
      return undefined;
    }
  }

  /**
   * At offset 0 nothing tells a file from the one it was before it was copied and emptied: whether there are copies
   * that come before it.
   */
  async function copiesBefore(file: OpenFile): Promise<boolean> {
    if (file.state.offset > 0 || file !== files?.at(-1)) return false;
    const named = await stat(path, { bigint: true }).catch(() => undefined);
    if (!named || statKey(named) !== fileKey(file.state)) return false;
    const copies = await madeSince(file.state, file);
    files.splice(-1, 0, ...copies);
    return copies.length > 0;
  }

  /** At the end of all files: whether the path has come to name another, which is then read from its start. */
  async function discover(): Promise<boolean> {
    const named = await stat(path, { bigint: true }).catch(() => undefined);
    if (named && files?.some(({ state }) => fileKey(state) === statKey(named))) return false;
    const handle = await openIfThere(path);
    if (!handle) return false;
    const left = files?.at(-1);
    // Its quiet time begins now, however long nothing was written before.
    if (left) left.seen.at = clock();
    files?.push(...(await upTo(handle, left?.state)));
    return true;
  }

  /** The live file, to be read from its start, after what rotation made between it and the last file known. */
  async function upTo(live: FileHandle, last: FileState | undefined): Promise<OpenFile[]> {
    const next = await opened(live, 0);
    return [...(await madeSince(last, next)), next];
  }

  /** Opens what rotation made after a file, or ever, and nobody has read yet, oldest first. */
  async function madeSince(last: FileState | undefined, live: OpenFile): Promise<OpenFile[]> {
    const since = BigInt(last?.born ?? 0);
    const known = new Set([...finished, ...(files ?? []).map(({ state }) => fileKey(state)), fileKey(live.state)]);
    if (last) known.add(fileKey(last));
    const made = (await siblingsOf(path)).filter(({ key, born }) => BigInt(born) >= since && !known.has(key));
    const opening: OpenFile[] = [];
    for (const sibling of made) {
      if (sibling.compressed) {
        const { path: name, size, key } = sibling;
        if (!toldOf.has(key)) log.warn({ path: name, bytes: size }, 'a rotated file is compressed and is not read');
        toldOf.add(key);
        continue;
      }
      const handle = await openSibling(sibling);
      if (handle) opening.push(await opened(handle, 0));
    }
    return withoutCopies(opening, [...(files ?? []), live]);
  }

  /** Drops what is only the beginning of another file: somebody's backup, not a generation of the log. */
  async function withoutCopies(made: OpenFile[], others: OpenFile[]): Promise<OpenFile[]> {
    const kept = [...made];
    // Of two that are the same the younger is the copy: to the older one a late writer may still add.
    const youngestFirst = made.toSorted((a, b) => Number(BigInt(b.state.born) - BigInt(a.state.born)));
    for (const file of youngestFirst) {
      const rivals = [...kept.filter((other) => other !== file), ...others];
      const copied = await Promise.all(rivals.map((other) => beginsAs(other.handle, file.handle)));
      if (!copied.includes(true)) continue;
      finished = [...finished, fileKey(file.state)];
      kept.splice(kept.indexOf(file), 1);
      await file.handle.close();
    }
    return kept;
  }

  /** Finds again, after a restart, the files of the position, and what came after them. */
  async function resume(): Promise<OpenFile[]> {
    const found: OpenFile[] = [];
    files = found;
    try {
      const live = await openIfThere(path);
      const siblings = start.files.length > 0 ? await siblingsOf(path) : [];
      for (const state of start.files) {
        if (live && state === start.files.at(-1) && (await isFile(live, state))) {
          found.push(await opened(live, state.offset));
          return found;
        }
        const copy = await findCopy(state, siblings);
        if (copy) found.push(await opened(copy.handle, state.offset));
        const emptied = copy?.key === fileKey(state) ? undefined : siblings.find(({ key }) => key === fileKey(state));
        const again = emptied && (await openIfThere(emptied.path));
        // Copied, emptied, and renamed later: what was written to it in between.
        if (again) found.push(await opened(again, 0));
        else if (!copy && state.offset > 0) reportGone(state, siblings);
      }
      if (live) found.push(...(await upTo(live, found.at(-1)?.state ?? start.files.at(-1))));
      return found;
    } catch (error) {
      await close();
      files = undefined;
      throw error;
    }
  }

  function reportGone({ offset }: FileState, siblings: Sibling[]): void {
    const compressed = siblings
      .filter((sibling) => sibling.compressed)
      .map(({ path: name, size }) => ({ path: name, bytes: size }));
    log.warn({ offset, compressed }, 'a file that was being read is gone; what it held after this place is not read');
  }

  async function close(): Promise<void> {
    await Promise.all(
      (files ?? []).map(({ handle }) => handle.close().catch((error: unknown) => log.debug(errorReason(error)))),
    );
  }

  async function opened(handle: FileHandle, offset: number): Promise<OpenFile> {
    const [state, tail, head] = await Promise.all([
      identify(handle, offset),
      tailOf(handle, offset),
      headOf(handle, offset),
    ]);
    return { handle, state, tail, head, skip: undefined, seen: { size: offset, at: clock() } };
  }

  return {
    read,
    accept: (batch) => {
      accepted = batch.to;
      settle?.();
      settle = undefined;
    },
    hasRotatedFiles: () => (files?.length ?? 0) > 1,
    close,
  };
}

/** Among the siblings: the same file under another name, or else its longest copy. */
async function findCopy(
  state: FileState,
  siblings: Sibling[],
): Promise<{ path: string; key: string; handle: FileHandle } | undefined> {
  const likely = siblings
    .filter(({ compressed, size }) => !compressed && size >= state.offset)
    .toSorted((a, b) => Number(b.key === fileKey(state)) - Number(a.key === fileKey(state)) || b.size - a.size);
  for (const sibling of likely) {
    const handle = await openIfThere(sibling.path).catch(() => undefined);
    if (handle && (state.offset > 0 ? await hasFingerprint(handle, state) : sibling.key === fileKey(state)))
      return { ...sibling, handle };
    await handle?.close();
  }
  return undefined;
}

/** Whether a file begins with all that another holds, as far as their ends show it. */
async function beginsAs(longer: FileHandle, shorter: FileHandle): Promise<boolean> {
  const [{ size: room }, { size }] = await Promise.all([longer.stat(), shorter.stat()]);
  if (size === 0 || size > room) return false;
  const ends = [headOf(longer, size), headOf(shorter, size), tailOf(longer, size), tailOf(shorter, size)];
  const [head, sameHead, tail, sameTail] = await Promise.all(ends);
  return head?.equals(sameHead ?? Buffer.alloc(0)) === true && tail?.equals(sameTail ?? Buffer.alloc(0)) === true;
}

async function isFile(handle: FileHandle, state: FileState): Promise<boolean> {
  return statKey(await handle.stat({ bigint: true })) === fileKey(state) && (await hasFingerprint(handle, state));
}

/** The position a log begins at when it was never followed before: after its last whole line, or at a file still to come. */
export async function endOf(path: string): Promise<Position> {
  const file = await openIfThere(path);
  // What rotation left before is history.
  const finished = (await siblingsOf(path)).map(({ key }) => key);
  if (!file) return { files: [], finished };
  try {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    let end = (await file.stat()).size;
    while (end > 0) {
      const begin = Math.max(0, end - buffer.length);
      const { bytesRead } = await file.read(buffer, 0, end - begin, begin);
      const newline = buffer.subarray(0, bytesRead).lastIndexOf(NEWLINE);
      if (newline >= 0) {
        end = begin + newline + 1;
        break;
      }
      end = begin;
    }
    return { files: [await identify(file, end)], finished };
  } finally {
    await file.close();
  }
}
