/** The readable log of all apps in this terminal. */
import { doNotBlock, dropWhenFull, type LogOutput } from '@kora-wake/shared/runtime/log-output';
import { prettyStream } from '@kora-wake/shared/runtime/readable-log';
import type { Io } from './command.ts';

/** A terminal that does not read stops nothing; later one line says how many lines are missing. */
export function terminalLog(io: Io): LogOutput {
  doNotBlock(process.stdout);
  return dropWhenFull(prettyStream(process.stdout), (lines) => {
    io.out(`(${lines} log lines are missing here, because the terminal did not read them.)`);
  });
}
