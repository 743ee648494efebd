/**
 * Waits for file events, which make the tailer fast. Events can get lost, and some file systems have none, so the tailer
 * also polls.
 */
import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { isRotatedName } from './rotation.ts';

export interface FileWatcher {
  /** Starts to watch and drops earlier events. Call it before reading, so that an event during the read is kept. */
  listen(): void;
  /** Resolves if there was an event since the last `listen`, after `ms`, or when `signal` aborts. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
  close(): void;
}

/** Watches the folder of `path`, since the file itself may be created, deleted or replaced. */
export function fileWatcher(path: string): FileWatcher {
  const name = basename(path);
  let changedSinceListen = false;
  let wakeUp: (() => void) | undefined;
  let watcher: FSWatcher | undefined;

  function startWatching(): void {
    try {
      watcher = watch(dirname(path), (_event, changed) => {
        if (changed !== null && changed !== name && !isRotatedName(path, changed)) return;
        changedSinceListen = true;
        wakeUp?.();
      });
      watcher.on('error', stopWatching);
    } catch {
      watcher = undefined;
    }
  }

  function stopWatching(): void {
    watcher?.close();
    watcher = undefined;
  }

  return {
    listen: () => {
      changedSinceListen = false;
      // The folder may be missing, or the system may be out of watches: try again at each poll.
      if (!watcher) startWatching();
    },
    wait: async (ms, signal) => {
      if (changedSinceListen || signal.aborted) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(done, ms);
        function done() {
          clearTimeout(timer);
          signal.removeEventListener('abort', done);
          wakeUp = undefined;
          resolve();
        }
        signal.addEventListener('abort', done);
        wakeUp = done;
      });
    },
    close: stopWatching,
  };
}
