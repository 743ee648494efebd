/** The blocks of a message as parts that a page can show, in the order in which Slack shows them. */
import type { DmBlock } from './blocks.ts';

export const PREVIEW_KINDS = ['header', 'context', 'text', 'quote', 'code', 'buttons'] as const;

export interface PreviewPart {
  kind: (typeof PREVIEW_KINDS)[number];
  text: string;
  /** Only of `buttons`. */
  labels?: string[];
}

export function previewOf(blocks: DmBlock[]): PreviewPart[] {
  return blocks.flatMap((block): PreviewPart[] => {
    if (block.type === 'header') return [{ kind: 'header', text: block.text.text }];
    if (block.type === 'context') return block.elements.map(({ text }) => ({ kind: 'context', text }));
    if (block.type === 'actions') {
      return [{ kind: 'buttons', text: '', labels: block.elements.map(({ text }) => text.text) }];
    }
    return block.elements.map(({ type, elements }) => ({
      kind: RICH_TEXT[type],
      text: elements.map(elementText).join(''),
    }));
  });
}

const RICH_TEXT = {
  rich_text_section: 'text',
  rich_text_preformatted: 'code',
  rich_text_quote: 'quote',
} as const;

type RichTextElement = Extract<DmBlock, { type: 'rich_text' }>['elements'][number]['elements'][number];

function elementText(element: RichTextElement): string {
  if (element.type === 'date') return element.fallback;
  return element.type === 'link' ? (element.text ?? element.url) : element.text;
}
