/**
 * The live events: each type and its payload, declared once. Only zod is imported here, so a browser can load it too.
 */
import { z } from 'zod';

const wake = { wakeId: z.string(), probe: z.string(), category: z.string() };
const pair = { probe: z.string(), category: z.string() };
const count = z.coerce.number();

export const EVENT_PAYLOADS = {
  'wake.enqueued': z.object({ ...wake, severity: z.string(), title: z.string() }),
  /** `winner`: id of the wake that the rows were coalesced into; `count`: number of rows. */
  'wake.coalesced': z.object({ winner: z.string(), count }),
  /** `into`: id of the newer wake that was sent for this one. */
  'wake.joined': z.object({ ...wake, into: z.string() }),
  'wake.withdrawn': z.object(wake),
  /** No instance of the pair fires any more. */
  'pair.recovered': z.object(pair),
  'incident.opened': z.object({ incidentId: z.string(), ...pair, wakeId: z.string() }),
  'incident.changed': z.object({ incidentId: z.string(), ...pair, state: z.string() }),
  'incident.closed': z.object({ incidentId: z.string(), ...pair, reason: z.string() }),
  /** `until`: end of the hold, ms since the epoch; 0 if it was ended. */
  'hold.changed': z.object({ until: count }),
  'wake.rejected': z.object({ reason: z.string(), count }),
  'wake.muted': z.object({ reason: z.string(), count }),
  'wake.buffered': z.object({ count }),
  'investigation.started': z.object(wake),
  /** `found`: the verdict, `plain text` if the answer has no verdict, or the error code. */
  'investigation.ended': z.object({ ...wake, found: z.string() }),
  'dm.sent': z.object({ ...wake, outcome: z.string() }),
  'dm.dead': z.object({ ...wake, reason: z.string() }),
  'dm.dismissed': z.object({ wakeId: z.string() }),
  'window.opened': z.object(pair),
  /** One window: its pair and its wake. All windows, or all of one probe: `cleared` is their number. */
  'window.cleared': z.object({
    probe: z.string().optional(),
    category: z.string().optional(),
    wakeId: z.string().optional(),
    cleared: count.optional(),
  }),
  'window.expired': z.object(pair),
  /** `code`: the error code of the service, '' if its problem has ended. */
  'problem.changed': z.object({ service: z.string(), code: z.string() }),
  /** `usd`: the amount that an operator added to the spend of the UTC month. */
  'costs.corrected': z.object({ month: z.string(), usd: z.coerce.number() }),
} as const;

export type EventType = keyof typeof EVENT_PAYLOADS;
export type EventPayload<T extends EventType> = z.infer<(typeof EVENT_PAYLOADS)[T]>;

export function isEventType(name: unknown): name is EventType {
  return typeof name === 'string' && Object.hasOwn(EVENT_PAYLOADS, name);
}
