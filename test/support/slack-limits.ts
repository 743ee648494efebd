/** Slack's limits for a message, for the double: it refuses what Slack refuses. */
import { z } from 'zod';

const plainText = (max: number) =>
  z.strictObject({ type: z.literal('plain_text'), text: z.string().min(1).max(max), emoji: z.literal(false) });

const element = z.union([
  z.strictObject({
    type: z.literal('text'),
    text: z.string().min(1),
    style: z.strictObject({ bold: z.literal(true).optional(), code: z.literal(true).optional() }).optional(),
  }),
  z.strictObject({
    type: z.literal('link'),
    url: z
      .string()
      .regex(/^https?:/)
      .max(3_000),
    text: z.string().min(1).optional(),
  }),
  z.strictObject({
    type: z.literal('date'),
    timestamp: z.number().int().positive(),
    format: z.string().min(1),
    fallback: z.string().min(1),
  }),
]);

const button = z.strictObject({
  type: z.literal('button'),
  action_id: z.string().min(1).max(255),
  value: z.string().min(1).max(2_000),
  text: plainText(75),
});

const block = z.union([
  z.strictObject({ type: z.literal('header'), text: plainText(150) }),
  z.strictObject({ type: z.literal('context'), elements: z.array(plainText(2_000)).min(1).max(10) }),
  z.strictObject({
    type: z.literal('rich_text'),
    elements: z
      .array(
        z.strictObject({
          type: z.enum(['rich_text_section', 'rich_text_preformatted', 'rich_text_quote']),
          elements: z.array(element).min(1),
        }),
      )
      .min(1),
  }),
  z.strictObject({
    type: z.literal('actions'),
    elements: z
      .array(button)
      .min(1)
      .max(25)
      .refine((buttons) => new Set(buttons.map(({ action_id: id }) => id)).size === buttons.length),
  }),
]);

const MAX_ALL = 13_200;
/** `chat.update` refuses more, and `chat.postMessage` splits it. */
const MAX_TEXT = 4_000;

/** Slack's error code for a message, or undefined if it accepts it. @param text escaped */
export function refusalOf(text: string, blocks: unknown): string | undefined {
  if (text.length > MAX_TEXT) return 'msg_too_long';
  if (blocks === undefined) return undefined;
  if (JSON.stringify(blocks).length > MAX_ALL) return 'msg_blocks_too_long';
  return z.array(block).max(50).safeParse(blocks).success ? undefined : 'invalid_blocks';
}
