/** Blocks of a message as plain lines, for tests: what a person sees in Slack. */
import type { DmBlock } from '../../packages/shared/src/wake/blocks.ts';
import { type PreviewPart, previewOf } from '../../packages/shared/src/wake/preview.ts';

const MARKS: Record<PreviewPart['kind'], string> = {
  header: '# ',
  context: '- ',
  text: '',
  quote: '> ',
  code: '    ',
  buttons: '',
};

export function readable(blocks: DmBlock[]): string {
  return previewOf(blocks)
    .map(({ kind, text, labels }) => (labels ? labels.map((label) => `[${label}]`).join(' ') : `${MARKS[kind]}${text}`))
    .join('\n\n');
}
