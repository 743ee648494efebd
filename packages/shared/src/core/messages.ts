/** The operator's DM, in the format of the contract. */
import { redact } from './redact.ts';
import type { Report } from './report.ts';
import type { Wake } from './wake.ts';

const EMOJI = new Map([
  ['critical', '🚨'],
  ['warning', '⚠️'],
  ['info', 'ℹ️'],
]);

/**
 * Slack refuses or splits longer texts; past this a message is cut, and says so. The cut falls in the detail
 * or the answer, never in the heading or the reason. Characters.
 */
const MAX_BODY = 10_000;
const MAX_PROBE = 200;
const MAX_TITLE = 1_000;

/** The whole DM for a wake and its report, as a person reads it. */
export function directMessage(wake: Wake, report: Report): string {
  const emoji = EMOJI.get(wake.severity) ?? '🔔';
  return `${emoji} Probe alert · ${line(wake.probe, MAX_PROBE)}\n${messageBody(wake, report)}`;
}

/** The DM without its heading: the engine's answer, or the issue verbatim and why there is no answer. */
export function messageBody(wake: Wake, report: Report): string {
  return report.kind === 'diagnosis' ? cut(visible(redact(report.text)), MAX_BODY) : fallback(wake, report.code);
}

function fallback(wake: Wake, code: string): string {
  const before = `${line(wake.probe, MAX_PROBE)} (${line(wake.severity, MAX_PROBE)}): ${line(wake.title, MAX_TITLE)}\n\n`;
  const after = `\n\nI was unable to investigate — engine returned: ${code}`;
  return `${before}${cut(visible(wake.detail), MAX_BODY - before.length - after.length)}${after}`;
}

/** Slack cuts or refuses what is longer, escapes counted. Characters. */
const MAX_ESCAPED = 39_000;

/**
 * Escapes the three characters of Slack's control sequences, by Slack's own rule. The text reads the same, and
 * `<!channel>`, `<@U…>` and `<url|label>` stay the letters they are.
 */
export function escapeForSlack(text: string): string {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return escaped.length <= MAX_ESCAPED ? escaped : escaped.slice(0, MAX_ESCAPED).replace(/&[a-z]*$/, '');
}

// oxlint-disable-next-line no-control-regex -- control characters are what it is about
const INVISIBLE = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u200B\u200E\u200F\u202A-\u202E\u2060-\u2069\uFEFF]/g;

/** Drops what cannot be seen: controls, zero-width characters and the marks that reverse reading order. */
function visible(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .replace(/[\u2028\u2029]/g, '\n')
    .replace(INVISIBLE, '');
}

function line(text: string, max: number): string {
  return cut(visible(text).replace(/\s*\n\s*/g, ' '), max);
}

function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  const note = ` … (${text.length - max} more characters in the audit log)`;
  // Well-formed again, since the cut may fall inside a surrogate pair.
  return `${text.slice(0, Math.max(0, max - note.length)).toWellFormed()}${note}`;
}
