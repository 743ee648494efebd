/**
 * How an app starts and stops. The only module that uses the process itself: environment, signals, exit codes.
 *
 * An app stops in two phases. First its closers run in reverse order of registration. Each one stops its intake, lets
 * work in progress end until its own deadline, and returns the rest to the queue. After {@link STOP_DEADLINE_MS}, or at
 * a second signal, the process ends at once. Exit codes: 0 stopped as asked, 1 could not start, crashed or was forced.
 */
import closeWithGrace from 'close-with-grace';
import { type Config, loadConfig, usedBy } from './config.ts';
import type { AppName } from './env-table.ts';
import { StartupError } from './errors.ts';
import { createLogger, errorFields, type Logger } from './log.ts';
import { logEvent } from './log-events.ts';
import { doNotBlock, dropWhenFull, flush } from './log-output.ts';
import { startTracing, type Tracing, traceFields } from './tracing.ts';

/** A worker that stops lets its investigations run for this long, then returns them to the queue, ms. */
export const DRAIN_MS = 20_000;
/** The process ends after this time even if closers are still running, ms. */
const STOP_DEADLINE_MS = DRAIN_MS + 5_000;

export interface App {
  config: Config;
  /** For components with variables of their own, such as a file of MCP servers. */
  env: Record<string, string | undefined>;
  log: Logger;
  /** Undefined if tracing is off. */
  tracing: Tracing | undefined;
  /** Aborts when the app has to stop, also while it still starts. */
  stopping: AbortSignal;
  /** Registers the closer of a resource. Call it right after the resource was created. */
  onClose(close: () => Promise<unknown>): void;
  /** Registers a function that runs at each SIGHUP. Without any, SIGHUP stops the app. */
  onReload(reload: () => void): void;
}

const lastActions = new Set<() => void>();

/**
 * Registers a function that runs when the process exits, also if a second signal or a crash ends it. It must be synchronous.
 *
 * @returns a function that takes the registration back
 */
export function onProcessExit(action: () => void): () => void {
  // One listener for all, because Node warns about more than ten.
  if (lastActions.size === 0) process.once('exit', runLastActions);
  lastActions.add(action);
  return () => {
    lastActions.delete(action);
    if (lastActions.size === 0) process.off('exit', runLastActions);
  };
}

function runLastActions(): void {
  for (const action of lastActions) action();
}

/** Runs one app: reads its configuration, starts it, and stops it on a signal. */
export async function runApp(name: AppName, start: (app: App) => Promise<void>): Promise<void> {
  const closers: Array<() => Promise<unknown>> = [];
  const stop = new AbortController();
  let log: Logger | undefined;
  const closeAll = async () => {
    stop.abort();
    // Each closer is removed before it runs, so a second reason to stop continues with the rest.
    for (let close = closers.pop(); close; close = closers.pop()) {
      try {
        await close();
      } catch (error) {
        if (log) logEvent(log, 'app.close_failed', errorFields(error));
      }
    }
  };
  try {
    const { config, warnings } = loadConfig(process.env, usedBy(name));
    // The reader of the log may be gone. The app continues without it.
    process.stdout.on('error', () => undefined);
    doNotBlock(process.stdout);
    const stream = process.stdout.isTTY ? await readable(process.stdout) : process.stdout;
    const output = dropWhenFull(stream, (lines) => logEvent(appLog, 'app.log_dropped', { lines }));
    const appLog = createLogger(name, config.logLevel, output, config.otlp && traceFields);
    log = appLog;
    for (const warning of warnings) logEvent(log, 'config.warning', {}, warning);
    const reloads: Array<() => void> = [];
    const onClose = (close: () => Promise<unknown>) => closers.push(close);
    const onReload = (reload: () => void) => reloads.push(reload);
    const grace = { delay: STOP_DEADLINE_MS, logger: graceLogger(log), skip: ['SIGHUP' as const] };
    const { close } = closeWithGrace(grace, async ({ signal, err }) => {
      if (err) logEvent(appLog, 'app.crashed', errorFields(err));
      else logEvent(appLog, 'app.stopping', { signal });
      await closeAll();
      logEvent(appLog, 'app.stopped', {});
      await flush(process.stdout);
    });
    process.on('SIGHUP', () => {
      for (const reload of reloads) reload();
      if (reloads.length === 0) close();
    });
    // `npm start` is the parent: it waits for "ready", and we stop if it ends, even if it was killed.
    process.on('disconnect', () => close());
    const tracing = config.otlp && (await startTracing(name, config.otlp, log));
    if (tracing) onClose(tracing.close);
    await start({ config, env: process.env, log, tracing, stopping: stop.signal, onClose, onReload });
    process.send?.('ready');
  } catch (error) {
    // The app was asked to stop while it started. close-with-grace ends the process.
    if (stop.signal.aborted) {
      log?.debug(errorFields(error), 'stopped while starting');
      return;
    }
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

/** Loads the formatter only for a terminal: a service writes JSON. */
async function readable(terminal: NodeJS.WriteStream) {
  const { prettyStream } = await import('./readable-log.ts');
  return prettyStream(terminal);
}

function graceLogger(log: Logger) {
  return { error: (message: unknown) => log.error(typeof message === 'string' ? message : errorFields(message).error) };
}
