/**
 * Removes secrets from text: known values, published formats, and values whose name says that they are secret.
 * `[redacted …]` replaces a whole secret.
 *
 * The text is untrusted, so every step runs in linear time. It may be JSON inside text, percent-encoded, or coloured for a terminal.
 */
import { redactAssignments } from './assignments.ts';
import { formsOf } from './encodings.ts';
import { redactFormats } from './formats.ts';
import { redactHeaders } from './headers.ts';
import { type Json, MAX_DEPTH, TOO_DEEP } from './json.ts';
import { isFactOfSecret, isSecretValue, secrecyOf } from './secretkeys.ts';
import { redactUrls } from './urlsecrets.ts';

/** Facts about a text that are not in it. */
interface About {
  /** The key of the value, or the name of the variable. */
  key?: string;
  /** True for probe, category and severity, which identify an alert: a value that is only likely a secret stays in them. */
  isName?: boolean;
}

/** Values of our own environment. */
export interface KnownValues {
  /** Credentials. They may have any shape. */
  certain: readonly string[];
  /** Values that are likely credentials. */
  likely: readonly string[];
}

/** Replaces every secret. A text without a secret stays the same. */
export type Redact = (text: string, about?: About) => string;

/** Shorter known values occur in any text; characters. */
const MIN_KNOWN = 6;

/**
 * Characters and colour codes that a reader does not see, also as escapes. Without them, a text may contain a secret that the
 * text with them hides.
 */
const INVISIBLE =
  // oxlint-disable-next-line no-control-regex, no-misleading-character-class -- the pattern removes single characters
  /(?:\u001B|\\{1,8}(?:u001[bB]|x1[bB]|033|e))\[[\d;?]{0,20}[A-Za-z]|[\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F\u00AD\u034F\u061C\u115F\u1160\u17B4\u17B5\u180B-\u180F\u200B-\u200F\u202A-\u202E\u2060-\u206F\u3164\uFE00-\uFE0F\uFEFF\uFFA0]|\\{1,8}u(?:00[aA][dD]|200[b-fB-F]|20[26][0-9a-fA-F]|[fF][eE][fF][fF])/g;

/** Visible ASCII characters, percent-encoded, as escapes of JSON, or as entities of HTML. */
const ENCODED =
  /%([2-7][0-9A-Fa-f])|\\{1,8}u00([2-7][0-9A-Fa-f])|&#x([2-7][0-9A-Fa-f]);|&#(\d{2,3});|&(amp|quot|apos|lt|gt|equals);/g;
const ENTITIES: Record<string, string> = { amp: '&', quot: '"', apos: "'", lt: '<', gt: '>', equals: '=' };

function decode(text: string): string {
  return text.replace(
    ENCODED,
    (_, percent?: string, escape?: string, hex?: string, decimal?: string, entity?: string) =>
      entity === undefined
        ? String.fromCharCode(
            decimal === undefined ? Number.parseInt(percent ?? escape ?? hex ?? '', 16) : Number(decimal),
          )
        : (ENTITIES[entity] ?? ''),
  );
}

const HIDING = new RegExp(`${INVISIBLE.source}|${ENCODED.source}`);
const LINE = /[^\n]+/g;

/** The text as a reader sees it, then also as a program decodes it. */
const VIEWS: ReadonlyArray<(text: string) => string> = [(text) => text.replace(INVISIBLE, ''), decode];

/**
 * Makes a function that replaces secrets.
 *
 * @param patterns the operator's own patterns
 * @param known values of our own environment; they are removed in all their forms
 */
export function redactor(
  patterns: readonly RegExp[] = [],
  { certain, likely }: KnownValues = { certain: [], likely: [] },
): Redact {
  const inNames = longestFirst(certain);
  const inTexts = longestFirst([...certain, ...likely]);

  function redactVisible(text: string, known: readonly string[]): string {
    let out = text;
    for (const value of known) out = out.replaceAll(value, '[redacted credential]');
    for (const pattern of patterns) out = out.replace(pattern, '[redacted by KORA_REDACT]');
    return redactAssignments(redactHeaders(redactFormats(redactUrls(out))));
  }

  /** Redacts the line as each view shows it. The line stays as it is if no view shows a secret. */
  function redactHidden(line: string, known: readonly string[]): string {
    if (!HIDING.test(line)) return line;
    let clean = line;
    let out = line;
    for (const view of VIEWS) {
      const seen = view(clean);
      if (seen === clean) continue;
      clean = redactVisible(seen, known);
      if (clean !== seen) out = clean;
    }
    return out;
  }

  return (text, { key, isName = false } = {}) => {
    const known = isName ? inNames : inTexts;
    if (key !== undefined && isSecretValue(secrecyOf(key), text)) return '[redacted value]';
    // First, because the part of a secret before a hidden character may look like a whole one.
    return redactVisible(HIDING.test(text) ? text.replace(LINE, (line) => redactHidden(line, known)) : text, known);
  };
}

/** Each form of each value, once. A longer one first, because a shorter one may be a part of it. */
function longestFirst(values: readonly string[]): string[] {
  const forms = values.filter(({ length }) => length >= MIN_KNOWN).flatMap(formsOf);
  return [...new Set(forms)].toSorted((a, b) => b.length - a.length);
}

/** Uses no values of the environment. */
export const redact = redactor();

/**
 * Copies a value of JSON without its secrets. Each text is redacted with its key. An item of a list has the key of the list, and
 * `value` has the name beside it: `{"name": "DB_PASSWORD", "value": "…"}`. A number under the name of a password is removed too.
 * Inside an object under the name of a secret everything is secret, except facts about it, such as a name or a time. A note replaces
 * values that are nested too deeply.
 */
export function redactJson(value: Json, redactText: Redact, key?: string, depth = 0): Json {
  if (typeof value === 'string') return redactText(value.toWellFormed(), key === undefined ? {} : { key });
  if (typeof value === 'number' && key !== undefined) {
    return Number.isInteger(value) && isSecretValue(secrecyOf(key), String(value))
      ? redactText(String(value), { key })
      : value;
  }
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return TOO_DEEP;
  if (Array.isArray(value)) return value.map((item) => redactJson(item, redactText, key, depth + 1));
  const isSecret = key !== undefined && secrecyOf(key) !== undefined;
  // What stands inside a secret is secret too, except facts about it.
  const keyOf = (own: string) => (isSecret && !isFactOfSecret(own) && secrecyOf(own) !== 'strong' ? key : own);
  const name = [value.name, value.key, value.Name, value.Key].find((each) => typeof each === 'string');
  return Object.fromEntries(
    Object.entries(value).map(([own, item]) => {
      const isValue = own.toLowerCase() === 'value';
      const itemKey = isValue && !isSecret ? (name ?? key ?? own) : keyOf(own);
      return [redactText(own.toWellFormed()), redactJson(item, redactText, itemKey, depth + 1)];
    }),
  );
}
