/** Reads fields of an untrusted body. A missing field, null, or a value of the wrong type reads as empty. */
import { isJsonObject, type Json, type JsonObject } from '../wake/json.ts';
import { MappingError } from './alert.ts';

/**
 * The value at a dot path such as `labels.service` or `alerts.0.labels`. A key may contain dots itself: a key that equals the whole
 * rest of the path wins. Only own properties count, so `constructor` finds nothing by chance.
 */
export function fieldAt(value: Json | undefined, path: string): Json | undefined {
  let current = value;
  let rest = path;
  while (typeof current === 'object' && current !== null) {
    if (Object.hasOwn(current, rest)) return valueOf(current, rest);
    const dot = rest.indexOf('.');
    const key = rest.slice(0, Math.max(0, dot));
    if (dot < 0 || !Object.hasOwn(current, key)) return undefined;
    current = valueOf(current, key);
    rest = rest.slice(dot + 1);
  }
  return undefined;
}

function valueOf(container: Json[] | JsonObject, key: string): Json | undefined {
  if (!Array.isArray(container)) return container[key];
  return /^\d+$/.test(key) ? container[Number(key)] : undefined;
}

/** The text at the first path that has one. Numbers and booleans become text; anything else, and blank text, counts as missing. */
export function textAt(value: Json | undefined, ...paths: string[]): string {
  for (const path of paths) {
    const text = asText(fieldAt(value, path));
    if (text !== '') return text;
  }
  return '';
}

/** A value as text; '' for anything but a text that is not blank, a number or a boolean. */
export function asText(value: Json | undefined): string {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return typeof value === 'string' ? value.trim() : '';
}

/** @throws MappingError if the body or the value at the path is not an object */
export function objectAt(body: Json, path: string): JsonObject {
  return asObject(fieldAt(body, path), path);
}

/** @throws MappingError that names `path` */
export function asObject(value: Json | undefined, path: string): JsonObject {
  if (isJsonObject(value)) return value;
  throw new MappingError(path, isMissing(value) ? 'is missing' : 'must be an object');
}

/** The body of a source that sends an object. @throws MappingError */
export function objectBody(body: Json): JsonObject {
  return asObject(body, 'body');
}

/** @throws MappingError if the value at the path is not a list */
export function listAt(body: Json, path: string): Json[] {
  const value = fieldAt(body, path);
  if (Array.isArray(value)) return value;
  throw new MappingError(path, isMissing(value) ? 'is missing' : 'must be a list');
}

/** @throws MappingError if no path has a text; it names the first one, below `where` */
export function requiredText(value: Json | undefined, where: string, ...paths: [string, ...string[]]): string {
  const text = textAt(value, ...paths);
  if (text !== '') return text;
  const [first] = paths;
  const hasWrongType = !isMissing(fieldAt(value, first)) && asText(fieldAt(value, first)) === '';
  throw new MappingError(`${where}${first}`, hasWrongType ? 'must be a text that is not empty' : 'is missing');
}

function isMissing(value: Json | undefined): value is null | undefined {
  return value === undefined || value === null;
}

/** The entries that are texts, numbers or booleans, as text. Nested values are left out. */
export function textsOf(value: Json | undefined): Record<string, string> {
  if (!isJsonObject(value)) return {};
  const entries = Object.entries(value).map(([key, item]): [string, string] => [key, asText(item)]);
  return Object.fromEntries(entries.filter(([, text]) => text !== ''));
}

/** Copies the named fields that are texts, numbers or booleans. @param paths names in the copy and their dot paths */
export function pick(value: Json | undefined, paths: Record<string, string>): JsonObject {
  const found = Object.entries(paths).map(([name, path]): [string, Json | undefined] => [name, fieldAt(value, path)]);
  return Object.fromEntries(
    found.flatMap(([name, field]): Array<[string, Json]> => {
      if (field === undefined || asText(field) === '') return [];
      return [[name, field]];
    }),
  );
}

/** The links that are there. @param links names and URLs, empty if missing */
export function present(links: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(links).filter(([, url]) => url !== ''));
}
