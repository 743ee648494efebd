/** The operator's DM, in the format that the contract fixes. */
import { redact } from './redact.ts';
import { isRepeated, type Repeated, type Report } from './report.ts';
import { escapeForSlack, removeInvisible, shortenForSlack } from './text.ts';
import type { Wake } from './wake.ts';

export const EMOJIS: ReadonlyMap<string, string> = new Map([
  ['critical', '🚨'],
  ['warning', '⚠️'],
  ['info', 'ℹ️'],
]);
export const OTHER_EMOJI = '🔔';

/**
 * Slack splits a text above about 4,000 characters into several messages, and refuses to change it. So a long detail or answer is
 * shortened, with a note. The heading, the reason and the note about the delivery are never shortened away. In characters after
 * escaping, as Slack counts them.
 */
export const MAX_TEXT = 3_900;
/** An answer in plain text has no parts of known length, so it is cut to one screen; characters. */
const MAX_PLAIN = 1_200;
/** Limit for the audit log, which no screen limits; characters. */
const MAX_SUMMARY = 10_000;
const MAX_PROBE = 200;
const MAX_TITLE = 1_000;

/** More about a DM than its wake and its report. */
export interface DmExtras {
  /** From {@link deliveryNote}. */
  note?: string;
  /** Address of the console, without a slash at the end. A shortened DM links to its page there. */
  consoleUrl?: string | undefined;
  /** Whether the incident is closed. */
  isOver?: boolean;
}

/** The whole DM for a wake and its report, before escaping. It has at most 3,900 characters after escaping. */
export function directMessage(wake: Wake, report: Report, extras: DmExtras = {}): string {
  const { heading, repeated, body, note } = dmParts(wake, report, extras);
  return heading + repeatedText(repeated) + body + note;
}

/**
 * The parts of a DM, redacted and shortened, before escaping. `heading`, `repeated`, `body` and `note` together are its text. `repeated`
 * is empty unless the diagnosis is an earlier one.
 */
export function dmParts(wake: Wake, report: Report, { note = '', consoleUrl, isOver = false }: DmExtras) {
  const emoji = EMOJIS.get(wake.severity) ?? OTHER_EMOJI;
  const probe = oneLine(wake.probe, MAX_PROBE);
  const title = oneLine(wake.title, MAX_TITLE);
  const heading = `${emoji} Probe alert · ${probe}\n`;
  const repeated = isRepeated(report) ? repeatedSentence(report.repeats, isOver) : [];
  const room = MAX_TEXT - escapeForSlack(heading + repeatedText(repeated) + note).length;
  const url = consoleUrl === undefined ? undefined : `${consoleUrl}/#/investigations/${wake.id}`;
  return { emoji, probe, title, heading, repeated, body: messageBody(wake, report, room, url), note, url };
}

/** The diagnosis, or the issue and the reason, for the audit log: at most about 10,000 characters. */
export function reportSummary(wake: Wake, report: Report): string {
  if (report.kind === 'fallback') return fallback(wake, report.code, MAX_SUMMARY);
  const repeated = isRepeated(report) ? repeatedText(repeatedSentence(report.repeats, false)) : '';
  return repeated + cleaned(report.text, MAX_SUMMARY);
}

/**
 * Says that the diagnosis below is an earlier one, and since when the alert fires. Times are numbers, ms since the epoch: Slack shows them
 * in the time zone of the reader.
 */
function repeatedSentence({ at, since }: Repeated, isOver: boolean): Array<string | number> {
  if (isOver) {
    return ['Failed since ', since, '; nothing had changed, so the diagnosis of ', at, ' was repeated.'];
  }
  // The incident was closed and reopened after that diagnosis.
  const failing = since > at ? 'Failing again since ' : 'Still failing since ';
  return [failing, since, '; nothing has changed, so the diagnosis of ', at, ' is repeated.'];
}

function repeatedText(sentence: Array<string | number>): string {
  if (sentence.length === 0) return '';
  return `${sentence.map((part) => (typeof part === 'number' ? utcText(part) : part)).join('')}\n\n`;
}

/** A DM that is later than this mentions its delay, ms. */
const LATE_MS = 5 * 60_000;

/** How long ago the row of a wake was written, ms, as far as the clocks can be trusted. @param now ms since the epoch */
export function lateMs({ emittedAt, appendedAfter }: Wake, now: number): number {
  return now - Math.max(Math.min(emittedAt, now), appendedAfter ?? -Infinity);
}

/** A duration as a person says it, such as `3 h 12 min`. */
export function spanText(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** The age of an alert that waited for long, as a sentence for the LLM; empty if it is fresh. */
export function ageNote(ms: number): string {
  return ms > LATE_MS ? `The probe wrote this ${spanText(ms)} ago. The issue may be over by now.` : '';
}

/** Begins the note of a DM that Slack may have accepted before. */
const DUPLICATE_NOTE = '(Possible duplicate: Slack did not confirm an earlier attempt.)';

/**
 * Text after the DM about its own delivery: when the issue ended if it did before, its delay, the older alerts that it stands for, and
 * whether it may be a duplicate. `recoveredAt` in ms since the epoch.
 * Empty if none applies.
 */
export function deliveryNote(about: {
  lateMs: number;
  older: number;
  mayRepeat: boolean;
  recoveredAt?: number | null;
}): string {
  const { older, mayRepeat, recoveredAt = null } = about;
  const late = about.lateMs > LATE_MS ? [`Sent ${spanText(about.lateMs)} late.`] : [];
  const alerts =
    older === 1 ? 'alert of this probe and category that was' : 'alerts of this probe and category that were';
  const others = older > 0 ? [`This message stands for ${older} earlier ${alerts} not sent in time.`] : [];
  const delay = [...late, ...others].join(' ');
  const over = recoveredAt === null ? [] : [`(This is over: recovered ${utcText(recoveredAt)}.)`];
  return [...over, ...(delay === '' ? [] : [`(${delay})`]), ...(mayRepeat ? [DUPLICATE_NOTE] : [])]
    .map((note) => `\n\n${note}`)
    .join('');
}

/** A time as a person reads it, such as `2026-11-26 14:03 UTC`. @param ms since the epoch */
export function utcText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/** The DM without heading and note: the engine's answer, or the issue verbatim and the error code. */
function messageBody(wake: Wake, report: Report, room: number, url: string | undefined): string {
  if (report.kind === 'fallback') return fallback(wake, report.code, room, url);
  const isPlain = report.verdict === undefined;
  return cleaned(report.text, isPlain ? Math.min(room, MAX_PLAIN) : room, url);
}

function fallback(wake: Wake, code: string, max: number, url?: string): string {
  const severity = oneLine(wake.severity, MAX_PROBE);
  const heading = `${oneLine(wake.probe, MAX_PROBE)} (${severity}): ${oneLine(wake.title, MAX_TITLE)}\n\n`;
  const reason = `\n\nI was unable to investigate — engine returned: ${code}`;
  const room = max - escapeForSlack(heading + reason).length;
  return `${heading}${cleaned(wake.detail, room, url, ' in the audit log')}${reason}`;
}

/** @param url if there is none, `words` say how to find the rest of a shortened text */
export function cleaned(text: string, max: number, url?: string, words = ''): string {
  return shortenForSlack(redact(removeInvisible(text)), max, { words, ...(url !== undefined && { url }) });
}

/** A text of one line without secrets. @param max characters after escaping */
export function oneLine(text: string, max: number): string {
  const parts = removeInvisible(text)
    .split('\n', MAX_TITLE)
    .map((part) => part.trim());
  return shortenForSlack(redact(parts.join(' ')), max);
}
