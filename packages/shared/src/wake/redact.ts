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

/** Keys beside a value that name it, and keys of such a value. */
const NAMING = ['name', 'key', 'path', 'field', 'Name', 'Key'];
const NAMED = /^(?:(?:old|new|previous|current)?value|old|new|previous|current|before|after|from|to)$/;

/** The key of the data of a Secret of Kubernetes. Its keys are names that people chose, so none of them stands for a fact. */
const DATA_OF_SECRET = 'data of a secret';

/**
 * Copies a value of JSON without its secrets. Each text is redacted with its key. An item of a list has the key of the list, or the
 * option before it: `["--password", "…"]`. A value has the name beside it: `{"name": "DB_PASSWORD", "value": "…"}`,
 * `{"path": "/spec/password", "from": "…"}`. A number under the name of a password is removed too. Inside an object under the name
 * of a secret everything is secret, except facts about it, such as a name or a time; in a Secret of Kubernetes, all of its data. A
 * note replaces values that are nested too deeply.
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
  if (Array.isArray(value)) {
    return value.map((item, i) => redactJson(item, redactText, optionBefore(value, i) ?? key, depth + 1));
  }
  const isSecret = key !== undefined && secrecyOf(key) !== undefined;
  const names = NAMING.map((naming) => value[naming]).filter((name) => typeof name === 'string');
  const name = names.find((each) => secrecyOf(each) !== undefined) ?? names[0];
  const keyOf = (own: string): string => {
    if (value.kind === 'Secret' && /^(?:data|stringData)$/.test(own)) return DATA_OF_SECRET;
    // What stands inside a secret is secret too, except facts about it.
    if (isSecret) return key !== DATA_OF_SECRET && (isFactOfSecret(own) || secrecyOf(own) === 'strong') ? own : key;
    const plain = own.toLowerCase().replace(/[_-]/g, '');
    if (name !== undefined && NAMED.test(plain)) return name;
    return plain === 'value' ? (key ?? own) : own;
  };
  return Object.fromEntries(
    Object.entries(value).map(([own, item]) => [
      redactText(own.toWellFormed()),
      redactJson(item, redactText, keyOf(own), depth + 1),
    ]),
  );
}

/** The name of the item of a list: the option of a command before it, or the first of two, as in a list of headers. */
function optionBefore(list: readonly Json[], index: number): string | undefined {
  const [before, item] = [list[index - 1], list[index]];
  if (typeof before !== 'string' || typeof item !== 'string') return undefined;
  const isOption = /^--?\w[\w-]*$/.test(before) && !item.startsWith('-');
  return isOption || (list.length === 2 && secrecyOf(before) === 'strong') ? before : undefined;
}
