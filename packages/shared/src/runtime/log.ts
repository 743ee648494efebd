/** The log: JSON lines for machines, or readable lines on a terminal. */
import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino';
import pretty from 'pino-pretty';
import { errorCode } from './errors.ts';

export type Logger = PinoLogger;

/**
 * A log of JSON lines.
 *
 * @param level a pino level, or `silent`
 * @param to given as a stream, since pino's own destination never ends a process whose reader is gone
 * @param fields what each line has beside its own, asked as it is written
 */
export function createLogger(app: string, level: string, to: DestinationStream, fields?: () => object): Logger {
  return pino({ level, base: { app }, ...(fields && { mixin: fields }) }, to);
}

/** Takes JSON lines and writes readable ones. */
export function prettyStream(to: NodeJS.WritableStream) {
  return pretty({
    destination: to,
    colorize: 'isTTY' in to && to.isTTY === true,
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
