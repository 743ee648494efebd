/**
 * Finds the rows in a line that names a seam. Nearly every line is one JSON object. Other lines are read as far as
 * possible, because an alert must not be lost: rows that are almost JSON, several rows on one line, a torn row before a whole
 * one, and rows that a container runtime has wrapped. The rest is reported as unreadable.
 */
import { isJsonObject, type Json, type JsonObject, parseJson } from '@kora-wake/shared/wake/json';
import { SEAMS } from '@kora-wake/shared/wake/wake';
import type { Line } from '../log/scan.ts';
import { rewriteObject } from './almost-json.ts';

/** Why a part of the log cannot be read. `malformed`: a recovery that names no pair. */
export type UnreadableReason = 'not_json' | 'torn' | 'cut_by_wrapper' | 'malformed';

/** A part of a line that names a seam but cannot be read. Its bytes are valid as long as the line's. */
export interface Unreadable extends Line {
  reason: UnreadableReason;
}

export interface LineContent {
  /** Parsed objects. Each has its own bytes and offset, from which the wake id is computed. */
  objects: Array<{ line: Line; json: Json }>;
  unreadable: Unreadable[];
  /** True if the line is not one JSON object, although something in it could be read. */
  isRepaired: boolean;
}

/**
 * The start of a row that is not the first thing on its line. Only double quotes: inside the text of a torn row they have a
 * backslash before them, so planted text cannot look like a row.
 */
const ROW_START = /\{[\s\0]*"(?:emitted_at|seam|details|caller_session_id|source)"[\s\0]*:/g;
/** Characters between two objects. */
const BETWEEN = /[\s\0,]*/y;
/** Torn rows that are skipped in one line. Each may cost a search to the end of the line. The rest is then one unreadable part. */
const MAX_TORN = 32;
/** Levels at which a row is looked for inside of a wrapper. */
const MAX_WRAPS = 4;

export function readLine(line: Line): LineContent {
  const json = parse(line.bytes);
  if (json === undefined || Array.isArray(json)) return findObjects(line, 0);
  return isJsonObject(json) ? unwrap(line, json, 0) : unwrapValue(line, json, 0);
}

/** Drops a byte order mark, as `TextDecoder` does, which is slower in Node. */
function parse(bytes: Buffer): Json | undefined {
  try {
    return parseJson(bytes.toString('utf8', bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0));
  } catch {
    return undefined;
  }
}

/** Finds the objects of a line that is not one JSON object, from left to right. @param wraps number of wrappers around it */
function findObjects({ bytes, offset }: Line, wraps: number): LineContent {
  const text = bytes.toString('latin1');
  const content: LineContent = { objects: [], unreadable: [], isRepaired: false };
  let torn = 0;
  for (let start = text.indexOf('{'); start >= 0; ) {
    const object = objectAt(text, start);
    torn += object ? 0 : 1;
    const next = object ? nextObject(text, object.end) : torn < MAX_TORN ? nextRow(text, start + 1) : -1;
    const end = object?.end ?? (next < 0 ? bytes.length : next);
    const part = { bytes: bytes.subarray(start, end), offset: offset + start };
    if (object) add(content, unwrap(part, object.json, wraps));
    else content.unreadable.push({ ...part, reason: next >= 0 || !/\}\s*$/.test(text) ? 'torn' : 'not_json' });
    start = next;
  }
  if (content.objects.length === 0 && content.unreadable.length === 0) {
    content.unreadable.push({ bytes, offset, reason: 'not_json' });
  }
  return { ...content, isRepaired: content.objects.length > 0 };
}

function add(content: LineContent, { objects, unreadable }: LineContent): void {
  content.objects.push(...objects);
  content.unreadable.push(...unreadable);
}

function objectAt(text: string, start: number): { json: JsonObject; end: number } | undefined {
  const rewritten = rewriteObject(text, start);
  const json = rewritten && parse(Buffer.from(rewritten.json, 'latin1'));
  return rewritten && isJsonObject(json) ? { json, end: rewritten.end } : undefined;
}

/** The index of the next object, or -1. */
function nextObject(text: string, from: number): number {
  BETWEEN.lastIndex = from;
  const at = from + (BETWEEN.exec(text)?.[0].length ?? 0);
  return text.charAt(at) === '{' ? at : nextRow(text, at);
}

function nextRow(text: string, from: number): number {
  ROW_START.lastIndex = from;
  return ROW_START.exec(text)?.index ?? -1;
}

/**
 * The object itself, or the rows that it wraps: container runtimes and log shippers put the original line into a field. A wrapped
 * row has its own bytes and the offset of the line.
 */
function unwrap(line: Line, json: JsonObject, wraps: number): LineContent {
  const whole = { objects: [{ line, json }], unreadable: [], isRepaired: false };
  if (json.seam !== undefined || wraps >= MAX_WRAPS) return whole;
  const wrapped: LineContent = { objects: [], unreadable: [], isRepaired: true };
  for (const value of Object.values(json)) add(wrapped, unwrapValue(line, value, wraps));
  return wrapped.objects.length === 0 && wrapped.unreadable.length === 0 ? whole : wrapped;
}

/** The rows in a value of a wrapper; none if the value does not name a seam inside of something that looks like JSON. */
function unwrapValue(line: Line, value: Json, wraps: number): LineContent {
  const rows: LineContent = { objects: [], unreadable: [], isRepaired: true };
  if (Array.isArray(value)) {
    for (const item of value) add(rows, unwrapValue(line, item, wraps + 1));
  } else if (isJsonObject(value)) {
    const isRow = SEAMS.some((seam) => seam === value.seam);
    if (isRow) rows.objects.push({ line: innerLine(line, JSON.stringify(value)), json: value });
    else if (wraps < MAX_WRAPS) add(rows, rowsOnly(unwrap(line, value, wraps + 1)));
  } else if (typeof value === 'string' && SEAMS.some((seam) => value.includes(seam)) && value.includes('{')) {
    const { objects, unreadable } = findObjects(innerLine(line, value), wraps + 1);
    add(rows, rowsOnly({ objects, unreadable: [], isRepaired: true }));
    if (rows.objects.length === 0 && unreadable.length > 0) rows.unreadable.push({ ...line, reason: 'cut_by_wrapper' });
  }
  return rows;
}

/** Without the objects that are not rows. */
function rowsOnly({ objects, ...content }: LineContent): LineContent {
  return { ...content, objects: objects.filter(({ json }) => isJsonObject(json) && json.seam !== undefined) };
}

function innerLine({ offset }: Line, text: string): Line {
  return { bytes: Buffer.from(text), offset };
}
