import type { Place } from '@kora-wake/shared/store/wake-history';
import { z } from 'zod';

/** Fastify's own shape of an error. */
export const errorSchema = z.object({ statusCode: z.number(), error: z.string(), message: z.string() });

/** Of lists that are newest first. */
export const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(500).default(50),
  cursor: z
    .string()
    .refine((text) => placeIn(text) !== undefined, 'must be the nextCursor of the page before')
    .optional(),
});

/** A cursor is its place, in letters that need no encoding. */
export function cursorOf({ at, wakeId }: Place): string {
  return Buffer.from(`${at}.${wakeId}`).toString('base64url');
}

/** @param cursor as `pageQuery` takes it */
export function placeOf(cursor: string | undefined): Place | undefined {
  return cursor === undefined ? undefined : placeIn(cursor);
}

function placeIn(cursor: string): Place | undefined {
  const [, at, wakeId] = /^(\d{1,16})\.(.+)$/s.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  return at === undefined || wakeId === undefined ? undefined : { at: Number(at), wakeId };
}
