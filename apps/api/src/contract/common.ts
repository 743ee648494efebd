/** Parts that several resources share. */
import { z } from 'zod';

/** ISO 8601. */
export const time = z.iso.datetime();

/** A day (its beginning in UTC) or a time of a query, ISO 8601. */
export const moment = z.union([z.iso.date(), z.iso.datetime({ offset: true })], {
  error: 'must be a day or a time, such as 2026-11-27T03:00:00Z',
});

/** Fastify's shape of an error. */
export const ErrorAnswer = z
  .object({
    statusCode: z.number(),
    error: z.string().describe('name of the HTTP status'),
    message: z.string().describe('a sentence for a person'),
  })
  .meta({ id: 'Error' });
export type ErrorAnswer = z.infer<typeof ErrorAnswer>;

/** Why something is changed. Every route that changes something takes it; the header `X-Reason` does the same. */
export const ReasonQuery = z.strictObject({
  reason: z.string().max(500).optional().describe('why; stored in the audit log'),
});

export const page = {
  limit: z.coerce.number().int().min(1).max(500).default(50).describe('maximum number of entries'),
  cursor: z.string().optional().describe('nextCursor of the previous page'),
};
export const nextCursor = z.string().nullable().describe('cursor of the next page; null at the end of the list');
export const probeName = z.string().min(1, 'must not be empty');

/** Query of lists that are newest first. */
export const PageQuery = z.strictObject(page);
