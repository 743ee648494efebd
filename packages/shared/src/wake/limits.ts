/** Limits of the texts of a wake. Every reader of rows applies them, so that Redis holds little of a long row. */
import type { Json, JsonObject } from './json.ts';
import { firstChars, shorten } from './text.ts';

/** Limit of probe, category, severity and the name of a fix, characters. */
const MAX_NAME = 200;
/** Characters. */
const MAX_TITLE = 1_000;
/** Limit of detail and snapshot together, bytes of UTF-8; the snapshot counts as JSON. */
const MAX_BODY_BYTES = 64 * 1024;
/** A shorter rest of a value says nothing, bytes. */
const MIN_REST_BYTES = 64;
/** Room for the note about omitted entries, bytes. */
const NOTE_BYTES = 128;

/**
 * A name of at most 200 characters. A longer one keeps its beginning and ends in a hash of the whole name, so that different names
 * stay different.
 */
export function limitName(name: string): string {
  if (name.length <= MAX_NAME) return name;
  const end = `…${hashOf(name)}`;
  return `${firstChars(name, MAX_NAME - end.length)}${end}`;
}

/** At most 1,000 characters. */
export function limitTitle(title: string): string {
  return shorten(title, MAX_TITLE);
}

/**
 * Shortens detail and snapshot to 64 KiB together. Each may use the half that the other leaves free. Entries of the snapshot are
 * kept as they are while they fit; a longer value becomes the beginning of its JSON. Notes say what is missing.
 */
export function limitBody(detail: string, snapshot: JsonObject): { detail: string; snapshot: JsonObject } {
  const json = JSON.stringify(snapshot);
  // A UTF-16 code unit takes at most three bytes. Counting them is slow.
  if ((detail.length + json.length) * 3 <= MAX_BODY_BYTES) return { detail, snapshot };
  const snapshotBytes = bytesOf(json);
  const detailBytes = bytesOf(detail);
  if (detailBytes + snapshotBytes <= MAX_BODY_BYTES) return { detail, snapshot };
  const half = MAX_BODY_BYTES / 2;
  return {
    detail: firstBytes(detail, Math.max(half, MAX_BODY_BYTES - snapshotBytes)),
    snapshot: limitSnapshot(snapshot, snapshotBytes, Math.max(half, MAX_BODY_BYTES - detailBytes)),
  };
}

function limitSnapshot(snapshot: JsonObject, bytes: number, max: number): JsonObject {
  if (bytes <= max) return snapshot;
  let left = max - NOTE_BYTES;
  let omitted = 0;
  const kept: Array<[string, Json]> = [];
  for (const [key, value] of Object.entries(snapshot)) {
    const json = JSON.stringify(value);
    // Colon, comma, and the quotes of a value that becomes text.
    const keyBytes = bytesOf(JSON.stringify(key)) + 4;
    const room = left - keyBytes;
    if (bytesOf(json) <= room) {
      kept.push([key, value]);
      left -= keyBytes + bytesOf(json);
    } else if (room >= MIN_REST_BYTES) {
      // In JSON a quote takes two bytes and a control character six.
      const text = firstBytes(typeof value === 'string' ? value : json, Math.floor(room / 6));
      kept.push([key, text]);
      left -= keyBytes + bytesOf(JSON.stringify(text));
    } else omitted++;
  }
  if (omitted > 0) kept.push(['(omitted)', `${omitted} more entries; the audit log has them`]);
  return Object.fromEntries(kept);
}

const ENCODER = new TextEncoder();

function bytesOf(text: string): number {
  return ENCODER.encode(text).length;
}

const CUT = '… (cut; the audit log has the rest)';

/** The beginning of a text with a mark, together at most `max` bytes; the whole text if it fits. */
function firstBytes(text: string, max: number): string {
  if (bytesOf(text) <= max) return text;
  const room = new Uint8Array(Math.max(0, max - bytesOf(CUT)));
  // It writes whole characters only.
  const { read } = ENCODER.encodeInto(text, room);
  return `${text.slice(0, read)}${CUT}`;
}

/** 16 hexadecimal digits (FNV-1a with two seeds). It tells names apart; it is no protection against a person who forges names. */
function hashOf(text: string): string {
  return [0x811c9dc5, 0x9e3779b9].map((seed) => fnv1a(text, seed).toString(16).padStart(8, '0')).join('');
}

function fnv1a(text: string, seed: number): number {
  let hash = seed;
  for (const byte of ENCODER.encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
