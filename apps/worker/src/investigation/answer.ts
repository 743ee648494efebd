/**
 * The LLM's answer: a verdict, a diagnosis, a next step, and quotes as evidence. A quote that is not in the text that it names
 * is dropped, and a verdict without enough evidence is lowered.
 */

import { isJsonObject, type Json, type JsonObject } from '@kora-wake/shared/wake/json';
import { VERDICTS, type Verdict } from '@kora-wake/shared/wake/outcome';
import { firstChars, shorten } from '@kora-wake/shared/wake/text';
import { z } from 'zod';
import { cleanText } from './clean-text.ts';
import { objectsIn, parseLenient } from './json-in-text.ts';

/** The schema of the answer. */
export const answerSchema = z.object({
  verdict: z
    .string()
    .toLowerCase()
    .pipe(z.enum(VERDICTS))
    .describe('confirmed only if quotes prove it; inconclusive if you cannot tell'),
  diagnosis: z
    .string()
    .describe('2-4 sentences of plain text: the most likely cause, and the facts that you do not know'),
  next_step: z.string().describe('one line: the next thing that the person on call should do or check'),
  evidence: z
    .array(
      z.object({
        source: z.string().describe('the source named in the fence of the data: row, call-1, call-2, …'),
        quote: z.string().describe('copied from that data, letter by letter'),
      }),
    )
    .describe('quotes that support the diagnosis'),
});

interface Evidence {
  source: string;
  quote: string;
}

/** A checked answer. */
export interface Finding {
  /** Plain text for the DM: the diagnosis with its doubt in words, and the next step. */
  text: string;
  /** Absent if the LLM answered in plain text. */
  verdict?: Verdict;
  evidence: Evidence[];
  /** Number of quotes that are not in the text that they name. */
  dropped: number;
  /** True if the text only announces a tool call that the LLM wrote as text. */
  isAnnouncement?: true;
}

/** Longer answers are cut; characters. */
const MAX_ANSWER = 100_000;
/** Longer parts of an answer are cut; characters. */
const MAX_DIAGNOSIS = 2_000;
const MAX_NEXT_STEP = 400;
const MAX_EVIDENCE = 10;
/** Shorter quotes occur in any text and prove nothing; characters. */
const MIN_QUOTE = 8;

const DOUBT: Record<Verdict, string> = {
  confirmed: '',
  likely: 'Likely, not confirmed: ',
  inconclusive: 'Inconclusive: ',
};

/** A text that an answer may quote. */
export interface Source {
  text: string;
  /** True if it repeats earlier answers: a quote from it proves nothing. */
  isSecondhand: boolean;
}

/**
 * Reads an answer, whether it follows the schema or not. Thinking and tool calls in the text are not part of it. Of several
 * objects the last one that fits the schema counts, because earlier ones are drafts.
 *
 * @param sources by name
 * @returns undefined if the text has no answer
 */
export function readAnswer(given: string, sources: ReadonlyMap<string, Source>): Finding | undefined {
  const whole = firstChars(given.trim(), MAX_ANSWER);
  const parsed = parseLenient(whole);
  // Each text inside a text is shorter, so this ends.
  if (typeof parsed === 'string') return readAnswer(parsed, sources);
  // The words of an answer may mention the marks of thinking and of tool calls.
  const isObject = answersIn(parsed).length > 0;
  const { text, endsWithCall } = isObject ? { text: whole, endsWithCall: false } : cleanText(whole);
  const answers = objectsIn(text).flatMap(({ value }) => answersIn(value));
  const answer = answers.findLast((one) => answerSchema.safeParse(one).success) ?? answers.at(-1);
  if (answer) return checkAnswer(answer, sources);
  const broken = readBrokenAnswer(text);
  if (broken) return broken;
  const prose = proseOf(text);
  if (prose.text === '') return undefined;
  const isAnnouncement = endsWithCall || prose.endsWithCall;
  return { text: prose.text, evidence: [], dropped: 0, ...(isAnnouncement && { isAnnouncement }) };
}

/** Deeper objects are not read. */
const MAX_DEPTH = 4;

/** The objects with a diagnosis: the value itself, or objects inside it if an LLM wrapped its answer. */
function answersIn(value: Json | undefined, depth = 0): JsonObject[] {
  if (!isJsonObject(value) || depth > MAX_DEPTH) return [];
  const inside = Object.values(value).flatMap((part) => answersIn(part, depth + 1));
  return 'diagnosis' in value && textOf(value.diagnosis, '\n') !== '' ? [value, ...inside] : inside;
}

const quoteSchema = answerSchema.shape.evidence.element;

function checkAnswer(answer: JsonObject, sources: ReadonlyMap<string, Source>): Finding {
  const given = answerSchema.shape.verdict.safeParse(answer.verdict).data ?? 'inconclusive';
  const quotes = Array.isArray(answer.evidence) ? answer.evidence : [];
  const kept = quotes
    .flatMap((quote) => quoteSchema.safeParse(quote).data ?? [])
    .filter(({ source, quote }) => isQuoted(quote, sources.get(source)))
    .slice(0, MAX_EVIDENCE);
  const isProven = kept.some(({ source }) => sources.get(source)?.isSecondhand === false);
  const verdict = given === 'confirmed' && !isProven ? 'likely' : given;
  return {
    text: dmText(verdict, textOf(answer.diagnosis, '\n'), textOf(answer.next_step, ' ')),
    verdict,
    evidence: kept,
    dropped: quotes.length - kept.length,
  };
}

function dmText(verdict: Verdict, diagnosis: string, nextStep: string): string {
  const said = shorten(tidy(diagnosis), MAX_DIAGNOSIS);
  const next = shorten(tidy(nextStep), MAX_NEXT_STEP).replace(/^next step:\s*/i, '');
  return `${DOUBT[verdict]}${said}\nNext step: ${next || 'check it yourself; the AI gave none.'}`;
}

/** Reads an answer that breaks off. It is inconclusive, since it has no checked evidence. */
function readBrokenAnswer(text: string): Finding | undefined {
  const begin = text.indexOf('{');
  if (begin < 0) return undefined;
  const json = text.slice(begin);
  const part = (name: string) => {
    const pattern = new RegExp(`[{,]\\s{0,100}"${name}"\\s{0,100}:\\s{0,100}"((?:[^"\\\\]|\\\\.)*)`, 'gs');
    const written = [...json.matchAll(pattern)].at(-1)?.[1];
    const read =
      written === undefined ? undefined : parseLenient(`"${written.replace(/\\(?:u[0-9a-f]{0,3})?$/i, '')}"`);
    return typeof read === 'string' ? read : '';
  };
  const diagnosis = part('diagnosis').trim();
  if (diagnosis === '') return undefined;
  return {
    text: dmText('inconclusive', diagnosis, part('next_step')),
    verdict: 'inconclusive',
    evidence: [],
    dropped: 0,
  };
}

/** The text without tool calls. An object that begins a line becomes lines of text; other braces stay as they are. */
function proseOf(text: string): { text: string; endsWithCall: boolean } {
  let out = '';
  let at = 0;
  let endsWithCall = false;
  for (const { value, start, end } of objectsIn(text)) {
    if (!LINE_START.test(`\n${text.slice(0, start)}`.slice(-MAX_INDENT))) continue;
    out += `${text.slice(at, start)}${isCall(value) ? '' : textOf(value, '\n')}`;
    at = end;
    endsWithCall = isCall(value) && isBlank(text.slice(end));
  }
  const rest = out + text.slice(at);
  return { text: isBlank(rest) ? '' : (at > 0 ? rest.replace(FENCE, '') : rest).trim(), endsWithCall };
}

const LINE_START = /\n[^\S\n]*\[?$/;
/** Characters in front of an object in its line. */
const MAX_INDENT = 25;
const FENCE = /^```\w{0,20}[^\S\n]*$/gm;

function isBlank(text: string): boolean {
  return text.replace(FENCE, '').replace(/[[\],\s]/g, '') === '';
}

const CALL_NAMES = ['name', 'tool', 'tool_name', 'function'];
const CALL_INPUTS = ['arguments', 'parameters', 'input', 'args', 'tool_input'];
const CALL_KEYS = new Set([...CALL_NAMES, ...CALL_INPUTS, 'type', 'id', 'thought']);

/** True for a tool call that an LLM wrote as an object. */
function isCall(value: JsonObject): boolean {
  if (isJsonObject(value.function)) return isCall(value.function);
  const has = (names: string[]) => names.some((name) => name in value);
  return has(CALL_NAMES) && has(CALL_INPUTS) && Object.keys(value).every((key) => CALL_KEYS.has(key));
}

/** Parts of an answer that say nothing to a person. */
const SILENT_PARTS = new Set(['verdict', 'evidence', 'confidence']);

/** Any JSON as text: lists are joined, and the keys of objects become labels. */
function textOf(value: Json | undefined, separator: string, depth = 0): string {
  if (value === undefined || value === null || depth > MAX_DEPTH) return '';
  if (typeof value !== 'object') return String(value).trim();
  // An answer that says nothing, not an object of another shape.
  if ('diagnosis' in value) return '';
  const parts = Array.isArray(value)
    ? value.map((item) => textOf(item, separator, depth + 1))
    : Object.entries(value).map(([key, item]) => labelled(key, textOf(item, '\n', depth + 1)));
  return parts.filter((part) => part !== '').join(separator);
}

function labelled(key: string, text: string): string {
  if (text === '' || SILENT_PARTS.has(key)) return '';
  const label = key.replaceAll('_', ' ').trim();
  return `${label.charAt(0).toUpperCase()}${label.slice(1)}: ${text}`;
}

function isQuoted(quote: string, source: Source | undefined): boolean {
  const wanted = collapseSpace(quote);
  return source !== undefined && wanted.length >= MIN_QUOTE && collapseSpace(source.text).includes(wanted);
}

/** Quotes are compared without regard to white space. */
function collapseSpace(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

/** Keeps line breaks, because they make lists readable. */
function tidy(text: string): string {
  return text
    .split('\n')
    .map(collapseSpace)
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim();
}
