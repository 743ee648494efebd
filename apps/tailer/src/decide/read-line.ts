/**
 * Finds the rows in a line that names the wake seam. Nearly every line is one JSON object. Other lines are read as far as
 * possible, because an alert must not be lost: rows that are almost JSON, several rows on one line, a torn row before a whole
 * one, and rows that a container runtime has wrapped. The rest is reported as unreadable.
 */
import { isJsonObject, type Json, type JsonObject, parseJson } from '@kora-wake/shared/wake/json';
import { WAKE_SEAM } from '@kora-wake/shared/wake/wake';
import type { Line } from '../log/scan.ts';
import { rewriteObject } from './almost-json.ts';

/** Why a part of the log cannot be read. */
export type UnreadableReason = 'not_json' | 'torn' | 'cut_by_wrapper';

/** A part of a line that names the seam but cannot be read. Its bytes are valid as long as the line's. */
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

/** The start of a row that is not the first thing on its line. */
const ROW_START = /\{[\s\0]*["'](?:emitted_at|seam)["'][\s\0]*:/g;
/** Characters between two objects. */
const BETWEEN = /[\s\0,]*/y;
/** Torn rows that are skipped in one line. Each may cost a search to the end of the line. */
const MAX_TORN = 16;

export function readLine(line: Line): LineContent {
  const json = parse(line.bytes);
  if (isJsonObject(json)) return unwrap(line, json);
  return typeof json === 'string' ? readWrapped(line, json) : findObjects(line);
}

/** Drops a byte order mark, as `TextDecoder` does, which is slower in Node. */
function parse(bytes: Buffer): Json | undefined {
  try {
    return parseJson(bytes.toString('utf8', bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0));
  } catch {
    return undefined;
  }
}

/** Finds the objects of a line that is not one JSON object, from left to right. */
function findObjects({ bytes, offset }: Line): LineContent {
  const text = bytes.toString('latin1');
  const content: LineContent = { objects: [], unreadable: [], isRepaired: false };
  let start = text.indexOf('{');
  let end = 0;
  while (start >= 0) {
    const object = content.unreadable.length < MAX_TORN ? objectAt(text, start) : undefined;
    const next = object ? nextObject(text, object.end) : nextRow(text, start + 1);
    end = object?.end ?? (next < 0 ? bytes.length : next);
    const part = { bytes: bytes.subarray(start, end), offset: offset + start };
    if (object) {
      const { objects, unreadable } = unwrap(part, object.json);
      content.objects.push(...objects);
      content.unreadable.push(...unreadable);
    } else content.unreadable.push({ ...part, reason: next >= 0 || !/\}\s*$/.test(text) ? 'torn' : 'not_json' });
    start = next;
  }
  if (content.objects.length === 0 && content.unreadable.length === 0) {
    content.unreadable.push({ bytes, offset, reason: 'not_json' });
  }
  return { ...content, isRepaired: content.objects.length > 0 };
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

/** Fields in which container runtimes and log shippers put the original line. */
const WRAPPED = ['log', 'message', 'MESSAGE', 'msg', 'line'];

/** The object itself, or the row that it wraps. The wake id of a wrapped row is computed from the whole line. */
function unwrap(line: Line, json: JsonObject): LineContent {
  const whole = { objects: [{ line, json }], unreadable: [], isRepaired: false };
  if (json.seam !== undefined) return whole;
  const inner = WRAPPED.map((name) => json[name]).find((text) => typeof text === 'string' && text.includes(WAKE_SEAM));
  return typeof inner === 'string' && inner.trimStart().startsWith('{') ? readWrapped(line, inner) : whole;
}

function readWrapped(line: Line, inner: string): LineContent {
  const text = Buffer.from(inner).toString('latin1');
  const row = objectAt(text, text.indexOf('{'))?.json;
  return row
    ? { objects: [{ line, json: row }], unreadable: [], isRepaired: true }
    : { objects: [], unreadable: [{ ...line, reason: 'cut_by_wrapper' }], isRepaired: false };
}
