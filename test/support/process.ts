/** The built apps as processes of a test. They end before the test's namespace and folder are removed. */

import type { AppName } from '@kora-wake/shared/runtime/env-table';
import { endBeforeCleanup } from './fixtures.ts';
import { appScript, type Running, spawnScript } from './spawn.ts';

export type { Running } from './spawn.ts';

/** Runs a script of the project with only the given environment. The end of the test kills it if it still runs. */
export function runScript(script: string, args: string[], env: Record<string, string>): Running {
  const running = spawnScript(script, args, env);
  const { child, exited } = running;
  endBeforeCleanup(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await exited;
  });
  return running;
}

/** Runs one of the built apps. */
export function runApp(app: AppName, env: Record<string, string>): Running {
  return runScript(appScript(app), [], env);
}
