/** The log: JSON lines for machines, or readable lines on a terminal. */
import { type Logger as PinoLogger, pino } from 'pino';
import pretty from 'pino-pretty';
import { errorCode } from './errors.ts';

export type Logger = PinoLogger;

/** @param level a pino level, or `silent` */
export function createLogger(app: string, level: string, terminal: boolean): Logger {
  const options = { level, base: { app } };
  return terminal ? pino(options, prettyStream()) : pino(options);
}

/** A stream that takes pino's JSON and writes lines for people to stdout. */
export function prettyStream() {
  return pretty({
    sync: true,
    translateTime: 'SYS:HH:MM:ss',
    ignore: 'pid,hostname,app,dm',
    messageFormat: (log, messageKey) => `${text(log.app).padEnd(6)} ${text(log[messageKey])}${indented(log.dm)}`,
    singleLine: true,
  });
}

/** The text of a DM under its log line, set off so that it can be read as the operator would. */
function indented(dm: unknown): string {
  const body = typeof dm === 'object' && dm !== null && 'text' in dm ? text(dm.text) : '';
  return body && `\n\n${body.replace(/^/gm, '    │ ')}\n`;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/**
 * What of an error may go to the log: its name, code and message. The rest of an SDK's error can hold headers
 * and bodies, and with them credentials.
 */
export function errorFields(error: unknown): { error: string; code?: string } {
  if (!(error instanceof Error)) return { error: String(error) };
  const code = errorCode(error);
  return { error: `${error.name}: ${error.message}`, ...(code !== undefined && { code }) };
}
