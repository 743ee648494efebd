/** Fits the steps of an investigation into a number of bytes. `store/step-types.ts` has their types. */
import { cutMiddle } from './text.ts';

interface Texts {
  input: string;
  output: string;
}

/** Stands in place of steps that did not fit. */
export interface OmittedSteps {
  kind: 'omitted';
  count: number;
}

/**
 * Shortens the longest texts first, in their middle, until the JSON of all steps has at most `maxBytes`. If even the shortest texts do not
 * fit, it keeps the first and the last steps. Notes say how much is missing.
 *
 * @param maxBytes of UTF-8; at least 100
 */
export function fitSteps<T extends Texts>(steps: readonly T[], maxBytes: number): Array<T | OmittedSteps> {
  const fits = (count: number, maxTextBytes: number) =>
    bytesOf(JSON.stringify(shortened(steps, count, maxTextBytes))) <= maxBytes;
  const count = highest(steps.length, (n) => fits(n, 0));
  const maxTextBytes = highest(maxBytes, (n) => fits(count, n));
  return shortened(steps, count, maxTextBytes);
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
  const cut = cutMiddle(text, maxBytes);
  if (cut === text) return text;
  return bytesOf(JSON.stringify(cut)) < bytesOf(JSON.stringify(text)) ? cut : text;
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
