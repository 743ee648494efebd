#!/usr/bin/env node
/** The only file that gives commands access to the process: arguments, environment, file rights, signals and the exit code. */
import { errorFields } from '@kora-wake/shared/runtime/log';
import { flush } from '@kora-wake/shared/runtime/log-output';
import { removeInvisible } from '@kora-wake/shared/wake/text';
import { runCommandLine } from './command-line.ts';

/** True for commands that run until they are asked to stop. */
let runsLong = false;

const io = {
  // Texts of rows, models and servers must not control the terminal.
  out: (text: string) => void process.stdout.write(`${removeInvisible(text)}\n`),
  err: (text: string) => void process.stderr.write(`${removeInvisible(text)}\n`),
  onStop: (stop: () => void) => {
    runsLong = true;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop);
    // A Node process that started this one with a channel is gone. Listening must not keep this process alive.
    process.on('disconnect', stop);
    process.channel?.unref();
  },
};

// Files and folders that a command or one of its apps creates are private to this user: rows and reports are confidential.
process.umask(0o077);

// The reader of a pipe, such as `head`, may end first.
process.stdout.on('error', () => undefined);

try {
  process.exitCode = await runCommandLine(process.argv.slice(2), process.env, io);
} catch (error) {
  const stack = process.env.LOG_LEVEL?.toLowerCase() === 'debug' && error instanceof Error ? `\n${error.stack}` : '';
  io.err(`kora-wake: unexpected error: ${errorFields(error).error}${stack}`);
  process.exitCode = 1;
}

if (runsLong) {
  // Output that nobody reads would keep the process.
  await flush(process.stdout);
  process.exit();
}
