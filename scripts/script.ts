/** Runs a developer command: the same help, usage text and exit codes as the commands for users. */
import type { Command } from '../apps/cli/src/command.ts';

export async function runScript(command: Command): Promise<void> {
  process.exitCode = await command.run(process.argv.slice(2), process.env, {
    out: (text) => console.log(text),
    err: (text) => console.error(text),
    onStop: (stop) => {
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop);
    },
  });
}
