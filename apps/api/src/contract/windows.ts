/** Debounce windows. */
import { WINDOW_SORTS } from '@kora-wake/shared/wake/pair';
import { z } from 'zod';
import { nextCursor, page, probeName, ReasonQuery, time } from './common.ts';

export const OpenWindow = z
  .object({
    probe: z.string(),
    category: z.string(),
    wakeId: z.string().describe('the wake that opened the window'),
    severity: z.string(),
    openedAt: time,
    expiresAt: time,
    remainingMs: z.number(),
    suppressed: z.number().describe('rows coalesced into the wake so far'),
    lastSuppressedAt: time.nullable(),
  })
  .meta({ id: 'OpenWindow' });
export type OpenWindow = z.infer<typeof OpenWindow>;

export const OpenWindows = z
  .object({
    entries: z.array(OpenWindow),
    nextCursor,
    open: z.number().describe('number of open windows that match the filters, on all pages'),
    suppressed: z.number().describe('rows suppressed in these windows so far'),
  })
  .meta({ id: 'OpenWindows' });
export type OpenWindows = z.infer<typeof OpenWindows>;

export const OpenWindowsQuery = z.strictObject({
  probe: probeName.optional(),
  category: z.string().optional().describe('with a probe: only the window of this pair'),
  q: z.string().min(1, 'must not be empty').optional().describe('part of the probe or of the category, in any case'),
  sort: z
    .enum(WINDOW_SORTS)
    .default('name')
    .describe('name; suppressed: most suppressed rows first; expires: the window that ends next first'),
  ...page,
});

export const PairParams = z.object({ probe: z.string(), category: z.string() });

export const ClearedWindow = z.object({ cleared: z.literal(true), entry: OpenWindow }).meta({ id: 'ClearedWindow' });
export type ClearedWindow = z.infer<typeof ClearedWindow>;

export const ClearWindowsQuery = ReasonQuery.extend({
  probe: probeName.optional(),
  category: z.string().optional(),
  all: z.literal('true').optional(),
}).refine(
  ({ probe, category, all }) =>
    (probe === undefined) !== (all === undefined) && (category === undefined || probe !== undefined),
  'give either probe=NAME, optionally with category=NAME, or all=true',
);

export const ClearedWindows = z
  .object({ cleared: z.number().describe('number of windows that were closed') })
  .meta({ id: 'ClearedWindows' });
export type ClearedWindows = z.infer<typeof ClearedWindows>;
