/** One of the three apps as a child process of `start` and of the developer command `dev`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { AppName } from '@kora-wake/shared/runtime/env-table';
import type { LogOutput } from '@kora-wake/shared/runtime/log-output';

const appsFolder = join(import.meta.dirname, '..', '..');

export interface AppProcess {
  child: ChildProcess;
  /** Resolves with true when the app is ready, with false if it ended before. */
  ready: Promise<boolean>;
  /** Resolves with the exit code, or with null if a signal ended it. */
  ended: Promise<number | null>;
  /** Asks it to stop, and waits until it has ended. */
  stop(): Promise<void>;
}

/** @param log takes its log lines */
export function startApp(app: AppName, env: NodeJS.ProcessEnv, log: LogOutput): AppProcess {
  const child = spawn(process.execPath, ['--enable-source-maps', join(appsFolder, app, 'dist', 'main.js')], {
    env,
    // The app sends a message over the channel when it is ready, and stops when the channel closes because we are gone.
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    // Its own process group, so that Ctrl-C in a terminal reaches it once, through us.
    detached: true,
  });
  if (child.stdout) createInterface({ input: child.stdout }).on('line', (line) => log.write(`${line}\n`));
  const ended = new Promise<number | null>((resolve) => {
    child.once('exit', (code) => resolve(code));
  });
  const ready = new Promise<boolean>((resolve) => {
    child.once('message', () => resolve(true));
    void ended.then(() => resolve(false));
  });
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    await ended;
  };
  return { child, ready, ended, stop };
}
