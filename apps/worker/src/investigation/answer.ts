/**
 * The LLM's answer: a verdict, a diagnosis, a next step, and quotes as evidence. A quote that is not in the text that it names
 * is dropped, and a verdict without enough evidence is lowered.
 */

import { VERDICTS, type Verdict } from '@kora-wake/shared/wake/outcome';
import { shorten } from '@kora-wake/shared/wake/text';
import { z } from 'zod';

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
 * Reads an answer, whether it follows the schema or not.
 *
 * @param sources by name
 * @returns undefined if the answer is empty
 */
export function readAnswer(given: string, sources: ReadonlyMap<string, Source>): Finding | undefined {
  const text = given.trim();
  const json = text.slice(0, MAX_ANSWER).includes('"diagnosis"') ? extractJson(text) : undefined;
  if (json === undefined) return text === '' || isEmptyJson(text) ? undefined : { text, evidence: [], dropped: 0 };
  const read = answerSchema.safeParse(parseLenient(json));
  if (!read.success) return readBrokenAnswer(json);
  const { diagnosis, next_step: nextStep, evidence } = read.data;
  if (diagnosis.trim() === '') return undefined;
  const kept = evidence.filter(({ source, quote }) => isQuoted(quote, sources.get(source))).slice(0, MAX_EVIDENCE);
  const isProven = kept.some(({ source }) => sources.get(source)?.isSecondhand === false);
  const verdict = read.data.verdict === 'confirmed' && !isProven ? 'likely' : read.data.verdict;
  return {
    text: dmText(verdict, diagnosis, nextStep),
    verdict,
    evidence: kept,
    dropped: evidence.length - kept.length,
  };
}

/** The text from the first brace to the last: an LLM may put words or a code fence around it. */
function extractJson(text: string): string {
  const begin = text.indexOf('{');
  const end = text.lastIndexOf('}');
  return text.slice(begin, end > begin ? end + 1 : undefined).slice(0, MAX_ANSWER);
}

/** An object without a diagnosis must not be sent verbatim. */
function isEmptyJson(text: string): boolean {
  const value = text.startsWith('{') && text.length < MAX_ANSWER ? parseLenient(text) : undefined;
  return typeof value === 'object' && value !== null;
}

function dmText(verdict: Verdict, diagnosis: string, nextStep: string): string {
  const said = shorten(collapseSpace(diagnosis), MAX_DIAGNOSIS);
  const next = shorten(collapseSpace(nextStep), MAX_NEXT_STEP).replace(/^next step:\s*/i, '');
  return `${DOUBT[verdict]}${said}\nNext step: ${next || 'check it yourself; the AI gave none.'}`;
}

/** Reads an answer that is incomplete or breaks the schema. It is inconclusive, since it has no checked evidence. */
function readBrokenAnswer(json: string): Finding | undefined {
  const part = (name: string) => {
    const written = new RegExp(`"${name}"\\s*:\\s*"((?:[^"\\\\]|\\\\.)*)`).exec(json)?.[1];
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

// oxlint-disable-next-line no-control-regex -- it matches control characters
const CONTROLS = /[\u0000-\u001F]/g;

function parseLenient(json: string): unknown {
  try {
    // LLMs put unescaped line breaks into strings.
    return JSON.parse(json.replace(CONTROLS, (character) => (character === '\t' ? '\\t' : ' ')));
  } catch {
    return undefined;
  }
}

function isQuoted(quote: string, source: Source | undefined): boolean {
  const wanted = collapseSpace(quote);
  return source !== undefined && wanted.length >= MIN_QUOTE && collapseSpace(source.text).includes(wanted);
}

/** Quotes are compared without regard to white space. */
function collapseSpace(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
