/** Finds the JSON objects in a text of an LLM, which may put words, code fences and other objects around the one that counts. */
import { isJsonObject, type Json, type JsonObject, parsedJson } from '@kora-wake/shared/wake/json';

export interface FoundObject {
  value: JsonObject;
  /** Index of its first character, and of the character after its last one. */
  start: number;
  end: number;
}

/** Braces that do not begin an object cost one pass over the text each, so their number is limited. */
const MAX_MISSES = 100;

/** The objects of a text that are not inside each other, in their order. @param text at most about 100,000 characters */
export function objectsIn(text: string): FoundObject[] {
  const found: FoundObject[] = [];
  let misses = 0;
  for (let start = text.indexOf('{'); start >= 0 && misses < MAX_MISSES; ) {
    const end = endOfObject(text, start);
    const value = end === undefined ? undefined : parseLenient(text.slice(start, end));
    if (end !== undefined && isJsonObject(value)) {
      found.push({ value, start, end });
      start = text.indexOf('{', end);
    } else {
      misses++;
      start = text.indexOf('{', start + 1);
    }
  }
  return found;
}

/** The index after the brace that closes the one at `start`; undefined if none does. */
function endOfObject(text: string, start: number): number | undefined {
  let depth = 0;
  let isString = false;
  for (let i = start; i < text.length; i++) {
    const character = text[i];
    if (character === '"') isString = !isString;
    else if (isString) i += character === '\\' ? 1 : 0;
    else if (character === '{') depth++;
    else if (character === '}' && --depth === 0) return i + 1;
  }
  return undefined;
}

/** Parses JSON, also with unescaped line breaks in its strings, as LLMs write them. @returns undefined if it is not JSON */
export function parseLenient(json: string): Json | undefined {
  return parsedJson(json) ?? parsedJson(escapeControls(json));
}

const ESCAPED: Record<string, string> = { '\n': '\\n', '\t': '\\t' };

/** Escapes control characters inside strings. */
function escapeControls(json: string): string {
  let isString = false;
  let out = '';
  for (let i = 0; i < json.length; i++) {
    const character = json.charAt(i);
    if (character === '"') isString = !isString;
    if (isString && character === '\\') out += character + json.charAt(++i);
    else out += character < ' ' ? (isString && ESCAPED[character]) || ' ' : character;
  }
  return out;
}
