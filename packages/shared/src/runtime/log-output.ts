/**
 * The output of the log. A terminal that is stopped (Ctrl-S), or a pipe that nobody reads, must neither stop an app nor fill its
 * memory: lines that do not fit are dropped and counted.
 */
import type { Writable } from 'node:stream';
import { withTimeLimit } from './async.ts';

/** Takes one line with its line end. */
export interface LogOutput {
  write(line: string): void;
}

/** Output that may wait for its reader, bytes: some thousand lines. */
const MAX_WAITING_BYTES = 1_048_576;
/** Limit for writing the last lines of a process that ends, ms. */
const FLUSH_MS = 1_000;

/**
 * Writes lines to a stream, and drops those that come while its reader is behind.
 *
 * @param whenDropped called with the number of dropped lines once the reader has caught up
 */
export function dropWhenFull(to: Writable, whenDropped: (lines: number) => void): LogOutput {
  let dropped = 0;
  to.on('drain', () => {
    if (dropped === 0) return;
    const lines = dropped;
    dropped = 0;
    whenDropped(lines);
  });
  return {
    write: (line) => {
      if (to.writableLength < MAX_WAITING_BYTES) to.write(line);
      else dropped++;
    },
  };
}

/** Waits until everything is written, but not for long: the reader may have stopped reading. */
export async function flush(to: Writable): Promise<void> {
  const written = new Promise<void>((resolve) => {
    to.write('', () => resolve());
  });
  await withTimeLimit(written, FLUSH_MS);
}

/**
 * Makes writes to a terminal asynchronous, as those to a pipe are. Node makes them synchronous, so a stopped terminal would stop the
 * whole process. Node has no public function for this; without it the terminal stays synchronous.
 */
export function doNotBlock(stream: NodeJS.WriteStream): void {
  const handle: unknown = '_handle' in stream ? stream._handle : undefined;
  if (stream.isTTY && isBlockable(handle)) handle.setBlocking(false);
}

function isBlockable(handle: unknown): handle is { setBlocking(blocking: boolean): void } {
  return (
    typeof handle === 'object' && handle !== null && 'setBlocking' in handle && typeof handle.setBlocking === 'function'
  );
}
