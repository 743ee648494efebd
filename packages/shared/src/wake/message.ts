/** The operator's DM, in the format that the contract fixes. */
import { redact } from './redact.ts';
import type { Report } from './report.ts';
import { removeInvisible, shortenForSlack } from './text.ts';
import type { Wake } from './wake.ts';

const EMOJIS: ReadonlyMap<string, string> = new Map([
  ['critical', '🚨'],
  ['warning', '⚠️'],
  ['info', 'ℹ️'],
]);
const OTHER_EMOJI = '🔔';

/**
 * Slack refuses or splits longer texts, so a long detail or answer is shortened, with a note. The heading and the
 * reason are never shortened away. In characters, as Slack counts them.
 */
const MAX_BODY = 10_000;
const MAX_PROBE = 200;
const MAX_TITLE = 1_000;

/** The whole DM for a wake and its report, before escaping. */
export function directMessage(wake: Wake, report: Report): string {
  const emoji = EMOJIS.get(wake.severity) ?? OTHER_EMOJI;
  return `${emoji} Probe alert · ${oneLine(wake.probe, MAX_PROBE)}\n${messageBody(wake, report)}`;
}

/** A DM that is later than this mentions its delay, ms. */
const LATE_MS = 5 * 60_000;

/** How long ago the row of a wake was written, ms, as far as the clocks can be trusted. @param now ms since the epoch */
export function lateMs({ emittedAt, appendedAfter }: Wake, now: number): number {
  return now - Math.max(Math.min(emittedAt, now), appendedAfter ?? -Infinity);
}

/** A duration as a person says it, such as `3 h 12 min`. */
function spanText(ms: number): string {
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
 * Text after the DM about its own delivery: its delay, the older alerts that it stands for, and whether it may be a duplicate.
 * Empty if none applies.
 */
export function deliveryNote(about: { lateMs: number; older: number; mayRepeat: boolean }): string {
  const { older, mayRepeat } = about;
  const late = about.lateMs > LATE_MS ? [`Sent ${spanText(about.lateMs)} late.`] : [];
  const alerts =
    older === 1 ? 'alert of this probe and category that was' : 'alerts of this probe and category that were';
  const others = older > 0 ? [`This message stands for ${older} earlier ${alerts} not sent in time.`] : [];
  const delay = [...late, ...others].join(' ');
  return [...(delay === '' ? [] : [`(${delay})`]), ...(mayRepeat ? [DUPLICATE_NOTE] : [])]
    .map((note) => `\n\n${note}`)
    .join('');
}

/** The DM without its heading: the engine's answer, or the issue verbatim and the error code. */
export function messageBody(wake: Wake, report: Report): string {
  return report.kind === 'diagnosis'
    ? shortenForSlack(redact(removeInvisible(report.text)), MAX_BODY)
    : fallback(wake, report.code);
}

function fallback(wake: Wake, code: string): string {
  const severity = oneLine(wake.severity, MAX_PROBE);
  const heading = `${oneLine(wake.probe, MAX_PROBE)} (${severity}): ${oneLine(wake.title, MAX_TITLE)}`;
  const detail = shortenForSlack(redact(removeInvisible(wake.detail)), MAX_BODY, ' in the audit log');
  return `${heading}\n\n${detail}\n\nI was unable to investigate — engine returned: ${code}`;
}

function oneLine(text: string, max: number): string {
  const parts = removeInvisible(text)
    .split('\n', MAX_TITLE)
    .map((part) => part.trim());
  return shortenForSlack(redact(parts.join(' ')), max);
}
