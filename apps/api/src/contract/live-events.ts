/** Server-sent events. */
import { EVENT_PAYLOADS } from '@kora-wake/shared/store/event-types';
import { z } from 'zod';

/** Payload of each server-sent event by its name. After `gap` some events are missing. */
export const LiveEvents = z.object({ ...EVENT_PAYLOADS, gap: z.object({}) }).meta({ id: 'LiveEvents' });
export type LiveEvents = z.infer<typeof LiveEvents>;

/** Headers with which a subscriber resumes. */
export const EventsHeaders = z.object({
  'last-event-id': z
    .string()
    .regex(/^\d{1,15}-\d{1,10}$/, 'must be the id of an event')
    .optional()
    .describe('id of the last event that was received'),
});
