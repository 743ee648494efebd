/** Fits the steps of an investigation into a number of bytes. `store/step-types.ts` has their types. */
import { cutMiddle } from './text.ts';

interface Texts {
  input: string;
  output: string;
}

/** Replaces steps that did not fit. */
export interface OmittedSteps {
  kind: 'omitted';
  count: number;
}

/** No step is shorter as JSON. */
const MIN_STEP_BYTES = '{"input":"","output":""}'.length;
/** Unit of the limit of a text. */
const UNIT_BYTES = 64;

/**
 * Shortens the longest texts first, in their middle, until the JSON of all steps has at most `maxBytes`. If even the shortest texts do not
 * fit, it keeps the first and the last steps. Notes say how much is missing.
 *
 * @param maxBytes of UTF-8; at least 100
 */
export function fitSteps<T extends Texts>(steps: readonly T[], maxBytes: number): Array<T | OmittedSteps> {
  const fits = (count: number, maxTextBytes: number) =>
    bytesOf(JSON.stringify(shortened(steps, count, maxTextBytes))) <= maxBytes;
  const count = highest(Math.min(steps.length, Math.floor(maxBytes / MIN_STEP_BYTES)), (n) => fits(n, 0));
  // A search to the byte would take twice as long, in the thread that investigates.
  const units = highest(Math.ceil(maxBytes / UNIT_BYTES), (n) => fits(count, n * UNIT_BYTES));
  return shortened(steps, count, units * UNIT_BYTES);
}

/** @param count of steps that are kept, half of them from each end */
function shortened<T extends Texts>(steps: readonly T[], count: number, maxTextBytes: number): Array<T | OmittedSteps> {
  const short = (step: T): T => ({
    ...step,
    input: shortText(step.input, maxTextBytes),
    output: shortText(step.output, maxTextBytes),
  });
  const last = Math.floor(count / 2);
  const omitted = steps.length - count;
  const note: OmittedSteps[] = omitted > 0 ? [{ kind: 'omitted', count: omitted }] : [];
  return [...steps.slice(0, count - last).map(short), ...note, ...steps.slice(steps.length - last).map(short)];
}

/** The note about the cut must not make a short text longer. */
function shortText(text: string, maxBytes: number): string {
  // A UTF-16 code unit takes at most three bytes. Counting them is slow.
  if (text.length * 3 <= maxBytes) return text;
  const cut = cutMiddle(text, maxBytes);
  return cut.length < text.length ? cut : text;
}

function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** The highest number up to `max` that is possible. Zero always is. */
function highest(max: number, isPossible: (n: number) => boolean): number {
  if (isPossible(max)) return max;
  let [possible, impossible] = [0, max];
  while (impossible - possible > 1) {
    const middle = Math.floor((possible + impossible) / 2);
    if (isPossible(middle)) possible = middle;
    else impossible = middle;
  }
  return possible;
}
