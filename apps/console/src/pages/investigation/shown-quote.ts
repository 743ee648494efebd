/** A quote of the evidence, and its place in the text of a step. */
import type { KeptStep } from '../../api/types.ts';

/** The quote that a person asked to see. A new object for each click. */
export interface ShownQuote {
  source: string;
  quote: string;
}

/** Index of the step that contains a source: the alert is in the first request to the AI. -1: no step does. */
export function stepOf(steps: readonly KeptStep[], source: string): number {
  return steps.findIndex((step) =>
    source === 'row' ? step.kind === 'llm' : step.kind === 'tool' && step.source === source,
  );
}

/** The text before, at and after the quote. White space may differ. Undefined if the text does not have the quote. */
export function splitAt(text: string, quote: string): [string, string, string] | undefined {
  const words = quote
    .trim()
    .split(/\s+/)
    .map((word) => word.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  const match = new RegExp(words.join('\\s+')).exec(text);
  if (!match || match[0] === '') return undefined;
  const end = match.index + match[0].length;
  return [text.slice(0, match.index), match[0], text.slice(end)];
}
