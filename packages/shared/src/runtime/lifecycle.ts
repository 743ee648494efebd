/**
 * How an app starts and stops. The only place that sees the process: environment, signals, exit codes.
 *
 * Stopping has two phases: closers run in reverse order of their making, each of which stops its intake, lets
 * work in hand end until its own deadline and gives the rest back; past {@link STOP_DEADLINE_MS}, or at a second
 * signal, the process ends at once. Exit codes: 0 stopped as asked, 1 could not start, crashed or was forced.
 */
import closeWithGrace from 'close-with-grace';
import { withTimeLimit } from './async.ts';
import { type Config, loadConfig } from './config.ts';
import { StartupError } from './errors.ts';
import { createLogger, errorFields, type Logger, prettyStream } from './log.ts';
import { startTracing, type Tracing, traceFields } from './tracing.ts';

/** A worker lets investigations end for this long before it gives them back, ms. */
export const DRAIN_MS = 20_000;
/** After this the process ends, whatever is left, ms. */
const STOP_DEADLINE_MS = DRAIN_MS + 5_000;
/** For the last of the log, ms. */
const FLUSH_MS = 1_000;

export interface App {
  config: Config;
  /** For what names variables of its own, such as a file of tool servers. */
  env: Record<string, string | undefined>;
  log: Logger;
  /** Undefined: nothing is traced. */
  tracing: Tracing | undefined;
  /** Registers what has to be closed, where it is made. */
  onClose(close: () => Promise<unknown>): void;
}

/** Runs one app: reads its configuration, starts it, and stops it on a signal. */
export async function runApp(name: string, start: (app: App) => Promise<void>): Promise<void> {
  const closers: Array<() => Promise<unknown>> = [];
  let log: Logger | undefined;
  const closeAll = async () => {
    // Taken off as they run: a second reason to stop finds only what is left, in order.
    for (let close = closers.pop(); close; close = closers.pop()) {
      try {
        await close();
      } catch (error) {
        log?.warn(errorFields(error), 'something did not close cleanly');
      }
    }
  };
  try {
    const { config, warnings } = loadConfig(process.env);
    // Whoever read the log may be gone; that is no reason to fail.
    process.stdout.on('error', () => undefined);
    const to = process.stdout.isTTY ? prettyStream(process.stdout) : process.stdout;
    log = createLogger(name, config.logLevel, to, config.otlp && traceFields);
    for (const warning of warnings) log.warn(warning);
    const onClose = (close: () => Promise<unknown>) => closers.push(close);
    const tracing = config.otlp && (await startTracing(name, config.otlp, log));
    if (tracing) onClose(tracing.close);
    const running = { config, env: process.env, log, tracing, onClose };
    const { close } = closeWithGrace({ delay: STOP_DEADLINE_MS, logger: graceLogger(log) }, async ({ signal, err }) => {
      if (err) log?.fatal(errorFields(err), 'unexpected error, stopping');
      else log?.info({ signal }, 'stopping');
      await closeAll();
      log?.info('stopped');
      await said();
    });
    // Started by `npm start`: it is told when we are ready, and we stop when it is gone, however it went.
    process.on('disconnect', () => close());
    await start(running);
    process.send?.('ready');
  } catch (error) {
    if (error instanceof StartupError) {
      log?.debug(errorFields(error.cause), 'start failed');
      process.stderr.write(`kora-wake ${name}: ${error.message}\n`);
    } else {
      process.stderr.write(`kora-wake ${name}: unexpected error: ${errorFields(error).error}\n`);
    }
    await closeAll();
    process.exit(1);
  }
}

/** Waits until all that was said is with its reader; one that does not read is not waited for. */
async function said(): Promise<void> {
  const written = new Promise<void>((resolve) => {
    process.stdout.write('', () => resolve());
  });
  await withTimeLimit(written, FLUSH_MS);
}

function graceLogger(log: Logger) {
  return { error: (what: unknown) => log.error(typeof what === 'string' ? what : errorFields(what).error) };
}
