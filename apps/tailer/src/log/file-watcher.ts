/**
 * Waits for file events, which make the tailer fast. Events can get lost, and some file systems have none, so the tailer
 * also polls.
 */
import { type FSWatcher, realpathSync, watch } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isRotatedName } from '@kora-wake/shared/runtime/rotated-name';

export interface FileWatcher {
  /** Starts to watch and drops earlier events. Call it before reading, so that an event during the read is kept. */
  listen(): void;
  /** Resolves if there was an event since the last `listen`, after `ms`, or when `signal` aborts. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
  close(): void;
}

/** A folder that is watched for changes of one file in it. */
interface Watched {
  /** The file's path with the links of its folder resolved. */
  file: string;
  watcher: FSWatcher;
}

/**
 * Watches the folder of `path`, since the file itself may be created, deleted or replaced. If `path` is a link, the folder of
 * its target is watched as well.
 */
export function fileWatcher(path: string): FileWatcher {
  let changedSinceListen = false;
  let wakeUp: (() => void) | undefined;
  let watched: Watched[] = [];

  function startWatching(file: string): Watched[] {
    try {
      const watcher = watch(dirname(file), (_event, changed) => {
        if (changed !== null && changed !== basename(file) && !isRotatedName(file, changed)) return;
        changedSinceListen = true;
        wakeUp?.();
      });
      watcher.on('error', () => stopWatching(file));
      return [{ file, watcher }];
    } catch {
      // The folder may be missing, or the system may be out of watches: `listen` tries again.
      return [];
    }
  }

  function stopWatching(file: string): void {
    for (const each of watched.filter((other) => other.file === file)) each.watcher.close();
    watched = watched.filter((other) => other.file !== file);
  }

  /** A link in the path may point to another folder now. */
  function updateWatched(): void {
    const files = filesToWatch(path);
    for (const { file } of watched) if (!files.includes(file)) stopWatching(file);
    for (const file of files) {
      if (!watched.some((other) => other.file === file)) watched.push(...startWatching(file));
    }
  }

  return {
    listen: () => {
      changedSinceListen = false;
      updateWatched();
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
    close: () => {
      for (const { file } of watched) stopWatching(file);
    },
  };
}

function filesToWatch(path: string): string[] {
  const inRealFolder = realPath(dirname(path));
  const target = realPath(path);
  const files = [inRealFolder && join(inRealFolder, basename(path)), target];
  return [...new Set(files.filter((file) => file !== undefined))];
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
