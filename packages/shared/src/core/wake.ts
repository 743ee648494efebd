/** A wake: one `probe.wake_requested` row of the audit log, as everything after the tailer sees it. */
import { isJsonObject, type Json, type JsonObject, mapStrings } from './json.ts';
import { type Redact, redact as redactKnown } from './redact.ts';

export const WAKE_SEAM = 'probe.wake_requested';

export interface Wake {
  /** `w-` and a hash of the row's bytes and its byte offset: the same row read twice is the same wake. */
  id: string;
  probe: string;
  category: string;
  /** `critical`, `warning`, `info`, or whatever else the probe wrote. */
  severity: string;
  title: string;
  detail: string;
  snapshotDetails: JsonObject;
  envelopeEnabled: boolean;
  /** `(none)` where there is none. */
  envelopeFixName: string;
  /** When the probe wrote the row, ms since the epoch. */
  emittedAt: number;
}

/** What a parsed line turned out to be. `malformed` and `wake` are rows; `other` is none of our business. */
export type Row =
  | { kind: 'other' }
  | { kind: 'malformed' }
  | { kind: 'wake'; wake: Wake; emittedAtUnreadable: boolean };

/**
 * Reads one line of the log, leniently, as the contract asks: missing or empty fields get their stated
 * defaults, numbers and booleans become text, an unreadable clock becomes `now`. Secrets are redacted here,
 * so that no job, message or prompt ever holds one.
 *
 * @param line the parsed JSON of the line
 * @param id the wake id computed from the line's bytes and offset
 * @param now ms since the epoch
 * @param redact takes secrets out; the known shapes where none is given
 */
export function readRow(line: Json, id: string, now: number, redact: Redact = redactKnown): Row {
  const text = (value: Json | undefined, whenEmpty: string) => textOf(value, whenEmpty, redact);
  if (!isJsonObject(line) || line.seam !== WAKE_SEAM) return { kind: 'other' };
  const details = line.details;
  if (!isJsonObject(details)) return { kind: 'malformed' };
  const emittedAt = parseTimestamp(line.emitted_at);
  return {
    kind: 'wake',
    emittedAtUnreadable: emittedAt === undefined,
    wake: {
      id,
      probe: text(details.probe, 'unknown'),
      category: text(details.category, 'unknown'),
      severity: text(details.severity, 'warning'),
      title: text(details.title, '(no title)'),
      detail: text(details.detail, '(no detail)'),
      snapshotDetails: snapshot(details.snapshot_details, redact),
      envelopeEnabled: details.envelope_enabled === true,
      envelopeFixName: text(details.envelope_fix_name, '(none)'),
      emittedAt: emittedAt ?? now,
    },
  };
}

function textOf(value: Json | undefined, whenEmpty: string, redact: Redact): string {
  if (value === undefined || value === null) return whenEmpty;
  const raw = typeof value === 'string' ? value : JSON.stringify(mapStrings(value, (s) => redact(s.toWellFormed())));
  // A lone surrogate is not text: percent-encoding, Redis and Slack would each mangle it in their own way.
  return raw.trim() === '' ? whenEmpty : redact(raw.toWellFormed());
}

function snapshot(value: Json | undefined, redact: Redact): JsonObject {
  const clean = mapStrings(value ?? {}, (s) => redact(s.toWellFormed()));
  return isJsonObject(clean) ? clean : { value: clean };
}

const ISO_8601 = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?)\s?(Z|[+-]\d\d(?::?\d\d)?)?)?$/i;

/**
 * Reads an ISO 8601 time; without an offset it is UTC.
 *
 * @returns ms since the epoch, or undefined where it cannot be read
 */
export function parseTimestamp(value: Json | undefined): number | undefined {
  const parts = typeof value === 'string' ? ISO_8601.exec(value.trim()) : null;
  if (!parts) return undefined;
  const [, date, time = '00:00', zone = 'Z'] = parts;
  const offset = zone.toUpperCase() === 'Z' ? 'Z' : `${zone.slice(0, 3)}:${zone.slice(3).replace(':', '') || '00'}`;
  const ms = Date.parse(`${date}T${time.replace(',', '.')}${offset}`);
  return Number.isNaN(ms) ? undefined : ms;
}
