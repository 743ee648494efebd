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
 * Slack refuses or splits longer texts, so a long detail or answer is cut, and says so; the heading and the reason
 * are always whole. Characters, as Slack counts them.
 */
const MAX_BODY = 10_000;
const MAX_PROBE = 200;
const MAX_TITLE = 1_000;

/** The whole DM for a wake and its report, as a person reads it. */
export function directMessage(wake: Wake, report: Report): string {
  const emoji = EMOJI.get(wake.severity) ?? '🔔';
  return `${emoji} Probe alert · ${line(wake.probe, MAX_PROBE)}\n${messageBody(wake, report)}`;
}

/** Later than this, a DM says how late it is, ms. */
const LATE_MS = 5 * 60_000;

/**
 * What a DM says of its own delivery, after its text: how late it is, and whether it may be one too many.
 *
 * @param lateMs since the message was ready
 */
export function deliveryNote(lateMs: number, mayRepeat: boolean): string {
  const minutes = Math.floor(lateMs / 60_000);
  const time = minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  const late = lateMs > LATE_MS ? `\n\n(Delivered ${time} late: Slack could not be reached before.)` : '';
  return mayRepeat ? `${late}\n\n(This may be a repeat: what became of an earlier try is not known.)` : late;
}

/** The DM without its heading: the engine's answer, or the issue verbatim and why there is no answer. */
export function messageBody(wake: Wake, report: Report): string {
  return report.kind === 'diagnosis' ? cut(redact(visible(report.text)), MAX_BODY) : fallback(wake, report.code);
}

function fallback(wake: Wake, code: string): string {
  const before = `${line(wake.probe, MAX_PROBE)} (${line(wake.severity, MAX_PROBE)}): ${line(wake.title, MAX_TITLE)}\n\n`;
  const after = `\n\nI was unable to investigate — engine returned: ${code}`;
  return `${before}${cut(redact(visible(wake.detail)), MAX_BODY, ' in the audit log')}${after}`;
}

/**
 * Escapes the three characters of Slack's control sequences, by Slack's own rule. The text reads the same, and
 * `<!channel>`, `<@U…>` and `<url|label>` stay the letters they are.
 */
export function escapeForSlack(text: string): string {
  return text.replace(/[&<>]/g, (character) => ESCAPES[character] ?? character);
}

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

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
  const words = visible(text)
    .split('\n', MAX_TITLE)
    .map((part) => part.trim());
  return cut(redact(words.join(' ')), max);
}

/** Cuts by the length that Slack sees, escapes counted, and never inside a character. */
function cut(text: string, max: number, where = ''): string {
  if (escapeForSlack(text).length <= max) return text;
  const room = max - 60;
  let kept = '';
  let length = 0;
  for (const character of text) {
    length += escapeForSlack(character).length;
    if (length > room) break;
    kept += character;
  }
  return `${kept} … (${text.length - kept.length} more characters${where})`;
}
