/** The log: JSON lines for machines. readable-log.ts makes readable lines of them. */
import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino';
import { errorCode } from './errors.ts';

export type Logger = PinoLogger;

const silent = () => undefined;

/** A logger for Slack's SDKs. Their own ones write to the console, and may quote a message or a token. */
export const noSlackLog = <Level>(level: Level) => ({
  debug: silent,
  info: silent,
  warn: silent,
  error: silent,
  setLevel: silent,
  getLevel: () => level,
  setName: silent,
});

/**
 * A log of JSON lines.
 *
 * @param level a pino level, or `silent`
 * @param to a stream, because with pino's own destination a process whose reader is gone never ends
 * @param fields returns more fields for each line, called when the line is written
 */
export function createLogger(app: string, level: string, to: DestinationStream, fields?: () => object): Logger {
  return pino({ level, base: { app }, ...(fields && { mixin: fields }) }, to);
}

/**
 * The parts of an error that may go to the log: its name, code and message. The rest of an SDK's error can contain headers and
 * bodies, and so credentials.
 */
export function errorFields(error: unknown): { error: string; code?: string } {
  if (!(error instanceof Error)) return { error: String(error) };
  const code = errorCode(error);
  return { error: `${error.name}: ${error.message}`, ...(code !== undefined && { code }) };
}
