/** Reads the result of an MCP tool call as text for the model. */

import { isDeepStrictEqual } from 'node:util';
import { isJsonObject, parsedJson } from '@kora-wake/shared/wake/json';
import { z } from 'zod';
import { cutEnd } from '../../investigation/untrusted.ts';

const MAX_RESULT_CHARS = 1_024 * 1_024;

const contentBlock = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text'), text: z.string() }),
  z.object({ type: z.enum(['image', 'audio']), data: z.string() }),
  z.object({ type: z.literal('resource_link'), uri: z.string() }),
  z.object({
    type: z.literal('resource'),
    resource: z.union([z.object({ text: z.string() }), z.object({ blob: z.string() })]),
  }),
]);
type ContentBlock = z.infer<typeof contentBlock>;

/** The parts of a result that are read. Some servers send only data, and many write null for a missing part. */
export const toolResult = z
  .object({
    content: z.array(contentBlock).nullish(),
    structuredContent: z.unknown().optional(),
    isError: z.boolean().nullish(),
  })
  .refine(({ content, structuredContent }) => (content ?? structuredContent ?? null) !== null, 'has no content');

/**
 * The result of a call as text of at most about 1 MiB. Binary content is replaced with its type and size. Structured content follows
 * the text, unless the text is the same data: most servers send it in both forms.
 */
export function resultText({ content, structuredContent }: z.infer<typeof toolResult>): string {
  const blocks = content ?? [];
  let text = '';
  for (const block of blocks) {
    if (text.length >= MAX_RESULT_CHARS) break;
    text += (text && '\n') + blockText(block).slice(0, MAX_RESULT_CHARS + 1 - text.length);
  }
  if (text.trim() === '') text = '';
  const data = structuredContent ?? null;
  if (data !== null && !isInTexts(data, blocks.flatMap(textOf))) text += (text && '\n') + dataText(data, text !== '');
  return cutEnd(text, MAX_RESULT_CHARS) || '(nothing)';
}

/** @throws RangeError if the data is nested too deeply and there is no text in its place */
function dataText(data: unknown, hasText: boolean): string {
  try {
    return JSON.stringify(data);
  } catch (error) {
    if (!hasText) throw error;
    return '[data that is nested too deeply]';
  }
}

/** True if the texts have the same data: as JSON, as one JSON text for each item, or as plain text. */
function isInTexts(data: unknown, texts: string[]): boolean {
  if (texts.every((text) => text.trim() === '')) return false;
  const parsed = texts.map((text) => parsedJson(text) ?? text);
  const shown = [...texts, ...parsed, parsed];
  // Data must be an object, so libraries wrap other data: `{"result": ["a", "b"]}`, `{"content": "text of a file"}`.
  const values = isJsonObject(data) ? Object.values(data) : [];
  const forms = values.length === 1 ? [data, ...values] : [data];
  return forms.some((form) => shown.some((text) => isSame(form, text)));
}

/** The comparison is recursive, so it fails for data that is nested very deeply. */
function isSame(a: unknown, b: unknown): boolean {
  try {
    return isDeepStrictEqual(a, b);
  } catch {
    return false;
  }
}

/** The text of a block, as a list of at most one. */
function textOf(block: ContentBlock): string[] {
  if (block.type === 'text') return [block.text];
  return block.type === 'resource' && 'text' in block.resource ? [block.resource.text] : [];
}

function blockText(block: ContentBlock): string {
  if (block.type === 'text') return block.text;
  if (block.type === 'resource_link') return `[resource link: ${block.uri}]`;
  if (block.type !== 'resource') return bytesNote(block.type, block.data);
  return 'text' in block.resource ? block.resource.text : bytesNote('blob', block.resource.blob);
}

function bytesNote(type: string, base64: string): string {
  return `[${type}, ${Buffer.byteLength(base64, 'base64')} bytes]`;
}
