import type { Place } from '@kora-wake/shared/investigations';
import { z } from 'zod';

/** Fastify's own shape of an error. */
export const errorSchema = z.object({ statusCode: z.number(), error: z.string(), message: z.string() });

/** Of lists that are newest first. */
export const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(500).default(50),
  cursor: z
    .string()
    .regex(/^\d{1,16}\.[\w-]{1,200}$/, 'must be the nextCursor of the page before')
    .optional(),
});

export function cursorOf({ at, wakeId }: Place): string {
  return `${at}.${wakeId}`;
}

/** @param cursor as `pageQuery` takes it */
export function placeOf(cursor: string): Place {
  const [at = '', wakeId = ''] = cursor.split('.');
  return { at: Number(at), wakeId };
}
