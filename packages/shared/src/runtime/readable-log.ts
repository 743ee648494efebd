/** The log as readable lines on a terminal. */
import { Writable } from 'node:stream';
import pretty from 'pino-pretty';
import { removeInvisible } from '../wake/text.ts';

/** Takes JSON lines and writes readable ones. Texts of rows and of programs cannot control the terminal. */
export function prettyStream(to: NodeJS.WritableStream) {
  return pretty({
    destination: withoutControls(to),
    colorize: 'isTTY' in to && to.isTTY === true,
    translateTime: 'SYS:HH:MM:ss',
    ignore: 'pid,hostname,app,dm,incident,event',
    messageFormat: (log, messageKey) =>
      `${text(log.app).padEnd(6)} ${text(log[messageKey])}${indented(log.dm)}${stateOf(log.incident)}`,
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

/** How an incident develops, after its log line. */
function stateOf(incident: unknown): string {
  if (typeof incident !== 'object' || incident === null) return '';
  const { probe, category, line }: { probe?: unknown; category?: unknown; line?: unknown } = incident;
  return `: ${text(probe)} / ${text(category)}: ${text(line)}`;
}

function text(value: unknown): string {
  return typeof value === 'string' ? removeInvisible(value) : '';
}
