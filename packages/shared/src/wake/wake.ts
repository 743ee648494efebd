/** A wake: one `probe.wake_requested` row of the audit log, in the form that all code after the tailer uses. */
import { isJsonObject, type Json, type JsonObject } from './json.ts';
import { limitBody, limitName, limitTitle } from './limits.ts';
import { safeLinks } from './links.ts';
import { type Redact, redactJson, redact as redactKnown } from './redact.ts';

export const WAKE_SEAM = 'probe.wake_requested';
export const RECOVERED_SEAM = 'probe.recovered';
/** The rows that the tailer decides. */
export const SEAMS = [WAKE_SEAM, RECOVERED_SEAM] as const;

export interface Wake {
  /** `w-` and a hash of the row's bytes and its byte offset: the same row read twice is the same wake. */
  id: string;
  probe: string;
  category: string;
  /** `critical`, `warning`, `info`, or another word of the probe. */
  severity: string;
  title: string;
  detail: string;
  snapshotDetails: JsonObject;
  envelopeEnabled: boolean;
  /** `(none)` if there is none. */
  envelopeFixName: string;
  /** When the probe wrote the row, ms since the epoch by the probe's clock. */
  emittedAt: number;
  /** Names and web addresses, such as a runbook. Absent if there are none. */
  links?: Record<string, string>;
  /** The wake whose window it closed, because it is critical. Absent: none. */
  closed?: string;
  /** Number of rows before it that were buffered until it became a wake. Absent: 0. */
  buffered?: number;
  /** The row was appended after this time, ms since the epoch by the tailer's clock. Undefined for a row of the backlog. */
  appendedAfter?: number;
}

/** The kind of a parsed line. `other` lines are ignored. */
export type Row =
  | { kind: 'other' }
  /** A wake row whose details are not an object: it is rejected. */
  | { kind: 'malformed' }
  /** A recovery that names no pair, neither itself nor by a sender and its instance. */
  | { kind: 'malformed_recovery' }
  /** `emittedAt` in ms since the epoch, undefined if it cannot be read. `details` are not redacted yet. */
  | { kind: 'wake' | 'recovered'; details: JsonObject; emittedAt: number | undefined };

/** Finds the kind of a parsed line without the cost of reading all of it. */
export function rowOf(line: Json): Row {
  if (!isJsonObject(line)) return { kind: 'other' };
  const { seam, details, emitted_at } = line;
  if (seam === WAKE_SEAM) {
    return isJsonObject(details)
      ? { kind: 'wake', details, emittedAt: parseTimestamp(emitted_at) }
      : { kind: 'malformed' };
  }
  if (seam !== RECOVERED_SEAM) return { kind: 'other' };
  return isJsonObject(details) && namesPair(details)
    ? { kind: 'recovered', details, emittedAt: parseTimestamp(emitted_at) }
    : { kind: 'malformed_recovery' };
}

function isGiven(value: Json | undefined): boolean {
  return textOf(value, '', (text) => text) !== '';
}

function namesPair({ probe, category, received_from, instance }: JsonObject): boolean {
  return isGiven(probe) || isGiven(category) || (isGiven(received_from) && isGiven(instance));
}

/**
 * Reads the details of a row, leniently, as the contract asks: missing or empty fields get their stated defaults,
 * numbers and booleans become text, and long texts are shortened. Secrets are redacted before, so that no job, message or prompt
 * ever holds one, not even in part.
 *
 * @param id the wake id computed from the line's bytes and offset
 * @param emittedAt ms since the epoch
 * @param redact removes secrets; default: the known patterns
 */
export function wakeOf(details: JsonObject, id: string, emittedAt: number, redact: Redact = redactKnown): Wake {
  const text = (value: Json | undefined, whenEmpty: string) => textOf(value, whenEmpty, redact);
  const body = limitBody(text(details.detail, '(no detail)'), snapshotOf(details.snapshot_details, redact));
  return {
    id,
    ...pairOf(details, redact),
    severity: severityOf(details, redact),
    title: limitTitle(text(details.title, '(no title)')),
    detail: body.detail,
    snapshotDetails: body.snapshot,
    envelopeEnabled: details.envelope_enabled === true,
    envelopeFixName: limitName(text(details.envelope_fix_name, '(none)')),
    emittedAt,
    // Most rows of probes have none, and this runs for each row.
    ...(isJsonObject(details.links) && linksOf(details.links, redact)),
  };
}

function linksOf(given: JsonObject, redact: Redact): { links?: Record<string, string> } {
  const links = safeLinks(given, redact);
  return Object.keys(links).length > 0 ? { links } : {};
}

/** The pair that {@link wakeOf} reads. */
export function pairOf({ probe, category }: JsonObject, redact: Redact): { probe: string; category: string } {
  return {
    probe: limitName(textOf(probe, 'unknown', nameRedactor(redact))),
    category: limitName(textOf(category, 'unknown', nameRedactor(redact))),
  };
}

/** Which of several things behind a pair a row is about. Empty texts stand for missing fields. */
export interface RowInstance {
  instance: string;
  /** The ingestion source, such as `alertmanager`. */
  sender: string;
}

/** The instance and the sender of a row. */
export function instanceOf({ instance, received_from }: JsonObject, redact: Redact): RowInstance {
  // Most rows of probes have neither, and this runs for each row.
  if (instance === undefined && received_from === undefined) return NO_INSTANCE;
  return {
    instance: limitName(textOf(instance, '', nameRedactor(redact))),
    sender: limitName(textOf(received_from, '', nameRedactor(redact))),
  };
}

const NO_INSTANCE: RowInstance = { instance: '', sender: '' };

/** Whether a recovery names its pair completely. If not, and it has a sender and an instance, these name the pair. */
export function hasPair({ probe, category }: JsonObject): boolean {
  return isGiven(probe) && isGiven(category);
}

/** The severity that {@link wakeOf} reads. */
export function severityOf(details: JsonObject, redact: Redact): string {
  return limitName(textOf(details.severity, 'warning', nameRedactor(redact)));
}

/** Reads a parsed line, or returns undefined if it is not a wake row. @param now used if its time cannot be read, ms */
export function readWake(line: Json, id: string, now: number, redact?: Redact): Wake | undefined {
  const row = rowOf(line);
  return row.kind === 'wake' ? wakeOf(row.details, id, row.emittedAt ?? now, redact) : undefined;
}

function nameRedactor(redact: Redact): Redact {
  return (text, about) => redact(text, { ...about, isName: true });
}

function textOf(value: Json | undefined, whenEmpty: string, redact: Redact): string {
  if (value === undefined || value === null) return whenEmpty;
  const raw = typeof value === 'string' ? value : JSON.stringify(redactJson(value, redact));
  // A lone surrogate is not valid text: percent-encoding, Redis and Slack would each change it in a different way.
  return raw.trim() === '' ? whenEmpty : redact(raw.toWellFormed());
}

function snapshotOf(value: Json | undefined, redact: Redact): JsonObject {
  const clean = redactJson(value ?? {}, redact);
  return isJsonObject(clean) ? clean : { value: clean };
}

const ISO_8601 = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?)\s?(Z|[+-]\d\d(?::?\d\d)?)?)?$/i;

/** The usual form. `Date.parse` reads it directly, which is faster. */
const USUAL = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;

/**
 * Reads an ISO 8601 time; without an offset it is UTC.
 *
 * @returns ms since the epoch, or undefined if it cannot be read
 */
export function parseTimestamp(value: Json | undefined): number | undefined {
  if (typeof value === 'string' && USUAL.test(value)) return msOf(value);
  const parts = typeof value === 'string' ? ISO_8601.exec(value.trim()) : null;
  if (!parts) return undefined;
  const [, date, time = '00:00', zone = 'Z'] = parts;
  const offset = zone.toUpperCase() === 'Z' ? 'Z' : `${zone.slice(0, 3)}:${zone.slice(3).replace(':', '') || '00'}`;
  return msOf(`${date}T${time.replace(',', '.')}${offset}`);
}

function msOf(text: string): number | undefined {
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}
