/** The built apps as processes of a test: ended by their own pid, before its namespace and folder go. */
import { endBeforeCleanup } from './fixtures.ts';
import { type AppName, appScript, type Running, spawnScript } from './spawn.ts';

export type { Running } from './spawn.ts';

/** Runs a script of the project with just the given environment. A test's end kills what is left of it. */
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
