/** The log: JSON lines for machines, or readable lines on a terminal. */
import { Writable } from 'node:stream';
import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino';
import pretty from 'pino-pretty';
import { removeInvisible } from '../wake/text.ts';
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

/** Takes JSON lines and writes readable ones. Texts of rows and of programs cannot control the terminal. */
export function prettyStream(to: NodeJS.WritableStream) {
  return pretty({
    destination: withoutControls(to),
    colorize: 'isTTY' in to && to.isTTY === true,
    translateTime: 'SYS:HH:MM:ss',
    ignore: 'pid,hostname,app,dm,event',
    messageFormat: (log, messageKey) => `${text(log.app).padEnd(6)} ${text(log[messageKey])}${indented(log.dm)}`,
    singleLine: true,
  });
}

// oxlint-disable-next-line no-control-regex -- the pattern matches the colours of pino-pretty
const COLOUR = /(\u001B\[\d{1,2}m)/;

/** Passes lines on without control characters. In the fields of a line only those beyond ASCII are not escaped. */
function withoutControls(to: NodeJS.WritableStream): Writable {
  return new Writable({
    decodeStrings: false,
    write: (line, _encoding, written) => {
      const parts = String(line).split(COLOUR);
      const clean = parts.map((part, i) => (i % 2 === 1 ? part : removeInvisible(part))).join('');
      if (to.write(clean)) written();
      else to.once('drain', () => written());
    },
  });
}

/** The text of a DM, indented under its log line, as the operator would read it. */
function indented(dm: unknown): string {
  const body = typeof dm === 'object' && dm !== null && 'text' in dm ? text(dm.text) : '';
  return body && `\n\n${body.replace(/^/gm, '    │ ')}\n`;
}

function text(value: unknown): string {
  return typeof value === 'string' ? removeInvisible(value) : '';
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
