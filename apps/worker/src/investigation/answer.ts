/**
 * The model's answer: a verdict, a diagnosis, a next step, and the evidence for it as quotes. A quote that is not in
 * the text it names is dropped here, in code, and a verdict is lowered where nothing is left to hold it up.
 */
import { VERDICTS, type Verdict } from '@kora-wake/shared/wake/outcome';
import { z } from 'zod';

/** What the model is asked to answer in. */
export const answerSchema = z.object({
  verdict: z
    .string()
    .toLowerCase()
    .pipe(z.enum(VERDICTS))
    .describe('confirmed only where quotes prove it; inconclusive where you cannot tell'),
  diagnosis: z.string().describe('2-4 sentences of plain text: what it most likely is, and what you do not know'),
  next_step: z.string().describe('one line: what the person on call should do or check next'),
  evidence: z
    .array(
      z.object({
        source: z.string().describe('the source named at the fence of the data: row, call-1, call-2, …'),
        quote: z.string().describe('copied from that data, letter by letter'),
      }),
    )
    .describe('the quotes that the diagnosis rests on'),
});

interface Evidence {
  source: string;
  quote: string;
}

/** What an answer comes to. */
export interface Finding {
  /** Plain text for the DM: the diagnosis, its doubt in words, the next step. */
  text: string;
  /** Absent where the model answered in plain text. */
  verdict?: Verdict;
  evidence: Evidence[];
  /** Quotes that were not where they were said to be. */
  dropped: number;
}

/** No answer is longer, in characters. */
const MAX_ANSWER = 100_000;
/** Longer parts of an answer are cut; characters. */
const MAX_DIAGNOSIS = 2_000;
const MAX_NEXT_STEP = 400;
const MAX_EVIDENCE = 10;
/** Shorter quotes are found anywhere and prove nothing; characters. */
const MIN_QUOTE = 8;

const DOUBT: Record<Verdict, string> = {
  confirmed: '',
  likely: 'Likely, not confirmed: ',
  inconclusive: 'Inconclusive: ',
};

/** What may be quoted from one source, and whether a quote from it can prove anything. */
export interface Source {
  text: string;
  proves: boolean;
}

/**
 * Reads an answer, in the schema or not.
 *
 * @param sources by their names
 * @returns undefined where nothing was said
 */
export function readAnswer(given: string, sources: ReadonlyMap<string, Source>): Finding | undefined {
  const text = given.trim();
  const json = text.slice(0, MAX_ANSWER).includes('"diagnosis"') ? jsonIn(text) : undefined;
  if (json === undefined) return text === '' || isEmptyJson(text) ? undefined : { text, evidence: [], dropped: 0 };
  const read = answerSchema.safeParse(parsed(json));
  if (!read.success) return salvaged(json);
  const { diagnosis, next_step: nextStep, evidence } = read.data;
  if (diagnosis.trim() === '') return undefined;
  const kept = evidence.filter(({ source, quote }) => isQuoted(quote, sources.get(source))).slice(0, MAX_EVIDENCE);
  const proven = kept.some(({ source }) => sources.get(source)?.proves);
  const verdict = read.data.verdict === 'confirmed' && !proven ? 'likely' : read.data.verdict;
  return { text: dm(verdict, diagnosis, nextStep), verdict, evidence: kept, dropped: evidence.length - kept.length };
}

/** From the first brace to the last: a model may put words or a fence around it. */
function jsonIn(text: string): string {
  const begin = text.indexOf('{');
  const end = text.lastIndexOf('}');
  return text.slice(begin, end > begin ? end + 1 : undefined).slice(0, MAX_ANSWER);
}

/** An object that says nothing is no diagnosis to be told verbatim. */
function isEmptyJson(text: string): boolean {
  const value = text.startsWith('{') && text.length < MAX_ANSWER ? parsed(text) : undefined;
  return typeof value === 'object' && value !== null;
}

function dm(verdict: Verdict, diagnosis: string, nextStep: string): string {
  const said = oneLine(diagnosis, MAX_DIAGNOSIS);
  const next = oneLine(nextStep, MAX_NEXT_STEP).replace(/^next step:\s*/i, '');
  return `${DOUBT[verdict]}${said}\nNext step: ${next || 'look at it yourself; none was given.'}`;
}

/** Of an answer that breaks off or breaks the schema, what was said; whatever it claims, nothing holds it up. */
function salvaged(json: string): Finding | undefined {
  const part = (name: string) => {
    const written = new RegExp(`"${name}"\\s*:\\s*"((?:[^"\\\\]|\\\\.)*)`).exec(json)?.[1];
    const read = written === undefined ? undefined : parsed(`"${written.replace(/\\(?:u[0-9a-f]{0,3})?$/i, '')}"`);
    return typeof read === 'string' ? read : '';
  };
  const diagnosis = part('diagnosis').trim();
  if (diagnosis === '') return undefined;
  return { text: dm('inconclusive', diagnosis, part('next_step')), verdict: 'inconclusive', evidence: [], dropped: 0 };
}

// oxlint-disable-next-line no-control-regex -- control characters are what it is about
const CONTROLS = /[\u0000-\u001F]/g;

function parsed(json: string): unknown {
  try {
    // Models put line breaks into strings as they are.
    return JSON.parse(json.replace(CONTROLS, (character) => (character === '\t' ? '\\t' : ' ')));
  } catch {
    return undefined;
  }
}

function isQuoted(quote: string, source: Source | undefined): boolean {
  const wanted = squeezed(quote);
  return source !== undefined && wanted.length >= MIN_QUOTE && squeezed(source.text).includes(wanted);
}

/** Line ends and runs of blanks are not what makes a quote. */
function squeezed(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

function oneLine(text: string, max: number): string {
  const line = squeezed(text);
  return line.length <= max ? line : `${line.slice(0, max - 1).toWellFormed()}…`;
}
