/**
 * File events, which make the tailer quick. They are only hints: they get lost, and some file systems have none. The
 * poll makes it sure.
 */
import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { isSiblingName } from './fingerprint.ts';

export interface FileWatcher {
  /** Listens, and forgets the hints so far; call before reading, so that one which comes while reading is kept. */
  listen(): void;
  /** Resolves at a hint since the last `listen`, after `ms`, or when `signal` aborts. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
  close(): void;
}

/** Watches the folder of `path`, since the file itself may come, go and be replaced. */
export function fileWatcher(path: string): FileWatcher {
  const name = basename(path);
  let hinted = false;
  let wake: (() => void) | undefined;
  let watcher: FSWatcher | undefined;

  function arm(): void {
    try {
      watcher = watch(dirname(path), (_event, changed) => {
        if (changed !== null && changed !== name && !isSiblingName(path, changed)) return;
        hinted = true;
        wake?.();
      });
      watcher.on('error', disarm);
    } catch {
      watcher = undefined;
    }
  }

  function disarm(): void {
    watcher?.close();
    watcher = undefined;
  }

  return {
    listen: () => {
      hinted = false;
      // The folder may have been away, or there were no watches left: each round tries again.
      if (!watcher) arm();
    },
    wait: async (ms, signal) => {
      if (hinted || signal.aborted) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(done, ms);
        function done() {
          clearTimeout(timer);
          signal.removeEventListener('abort', done);
          wake = undefined;
          resolve();
        }
        signal.addEventListener('abort', done);
        wake = done;
      });
    },
    close: disarm,
  };
}
