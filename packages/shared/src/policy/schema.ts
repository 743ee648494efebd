/** Parts of the schema of the policy file. Every message completes a sentence that begins with the key. */
import { z } from 'zod';
import type { FieldSpec } from '../ingest/field-spec.ts';
import { suggestion } from '../runtime/env-names.ts';
import { isJsonObject } from '../wake/json.ts';

const MUST_BE_MAPPING = 'must be a mapping of keys to values';

/** An object without other keys. An unknown key is a fault, with the key that was probably meant. */
export function keys<const S extends z.ZodRawShape>(shape: S, otherwise = MUST_BE_MAPPING) {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) =>
      // One line for each key: faultsOf() splits them.
      issue.code === 'unrecognized_keys' ? issue.keys.map((key) => unknownKey(key, known)).join('\n') : otherwise,
  });
}

function unknownKey(key: string, known: string[]): string {
  const meant = suggestion(key, known);
  return meant === undefined
    ? `is not a key here. Possible keys: ${known.join(', ')}.`
    : `is not a key here. Did you mean ${meant}?`;
}

/** Names of one's own choice, and a value for each. */
export function named<T extends z.ZodType>(name: z.ZodType<string, string>, value: T) {
  return z.record(name, value, { error: () => MUST_BE_MAPPING });
}

/** One of the words. */
export function wordOf<const W extends readonly [string, ...string[]]>(words: W) {
  return z.enum(words, {
    error: ({ input }) => {
      const meant = typeof input === 'string' ? suggestion(input, words) : undefined;
      return `must be one of ${words.join(', ')}${meant === undefined ? '' : `. Did you mean ${meant}?`}`;
    },
  });
}

const UNITS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const MUST_BE_DURATION = 'must be a duration: a number and ms, s, m, h or d, such as 30m';
/** A year: longer ones are mistakes, ms. */
const MAX_DURATION = 366 * 86_400_000;

/** A duration such as `90s`, in whole ms. */
export const duration = durationFrom(1);
/** The same, or `0s`. */
export const durationOrZero = durationFrom(0);

function durationFrom(minMs: number) {
  return z.string({ error: () => MUST_BE_DURATION }).transform((text, context): number => {
    const [, amount = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/.exec(text.trim()) ?? [];
    const ms = Math.round(Number(amount) * (UNITS[unit] ?? Number.NaN));
    const message = ms > MAX_DURATION ? 'must be at most a year' : MUST_BE_DURATION;
    if (!(ms >= minMs && ms <= MAX_DURATION)) context.addIssue({ code: 'custom', message });
    return ms;
  });
}

/** Characters. */
const MAX_PATH = 200;

/** A dot path. */
export const path = z.string({ error: () => MUST_BE_PATH }).superRefine((text, context) => {
  const mistake = mistakeIn(text);
  if (mistake !== undefined) context.addIssue({ code: 'custom', message: mistake });
});

const MUST_BE_PATH = 'must be a dot path such as data.alerts';

function mistakeIn(text: string): string | undefined {
  if (text.length > MAX_PATH) return `must be a path of at most ${MAX_PATH} characters`;
  if (/^\$|[[\]{}]/.test(text)) return 'must be a dot path such as alerts.0.labels, without $, brackets and braces';
  const isWhole = text.split('.').every((part) => part !== '' && part.trim() === part);
  return isWhole ? undefined : 'must be a dot path without empty parts, such as labels.service';
}

const MUST_BE_FIELD = 'must be a path such as labels.service, a list of paths, or { text: … }';

const fixedText = keys(
  { text: z.string({ error: () => 'must be a text: put it in quotes' }).min(1, 'must not be empty') },
  MUST_BE_FIELD,
);
const pathOnly = path.transform((text) => ({ path: text }));

/** A path, a fixed text, or a list of them. */
export const fieldSpec = z.unknown().transform((value, context): FieldSpec => {
  const fault = (at: PropertyKey[], message: string) => context.addIssue({ code: 'custom', path: at, message });
  if (value === undefined) {
    fault([], 'is missing');
    return [];
  }
  if (Array.isArray(value) && value.length === 0) fault([], 'must not be an empty list');
  const alternatives: Array<[PropertyKey[], unknown]> = Array.isArray(value)
    ? value.map((each, i) => [[i], each])
    : [[[], value]];
  return alternatives.flatMap(([at, each]) => {
    const read = typeof each === 'string' ? pathOnly.safeParse(each) : fixedText.safeParse(each);
    if (read.success) return [read.data];
    for (const issue of faultsOf(read.error)) fault([...at, ...issue.path], issue.message);
    return [];
  });
});

/** The faults of a value: one for each key and message. */
export function faultsOf(error: z.ZodError): Array<{ path: PropertyKey[]; message: string }> {
  return error.issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') {
      const messages = issue.message.split('\n');
      return issue.keys.map((key, i) => ({ path: [...issue.path, key], message: messages[i] ?? '' }));
    }
    if (issue.code === 'invalid_key') {
      return issue.issues.map(({ message }) => ({ path: issue.path, message }));
    }
    return [{ path: issue.path, message: issue.message }];
  });
}

/**
 * For `refine`: `key` is of no use without `other`. It is checked even if other keys have faults, so that people see all at once.
 */
export function needs(key: string, other: string) {
  const isFine = (value: unknown) => !isJsonObject(value) || value[key] === undefined || value[other] !== undefined;
  const path: PropertyKey[] = [key];
  return [isFine, { path, message: `needs ${other} beside it`, when: () => true }] as const;
}
