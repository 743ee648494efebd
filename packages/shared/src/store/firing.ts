/**
 * The firing instances of each pair, and the wakes since its last recovery. The commit of a batch changes them, in the order of the
 * rows; see lua/lib/firing.lua. The end of an incident removes them. Both are kept for a day after the last row: a tool may never say that an alert is over.
 */
import { incidentArgs } from './incidents.ts';
import type { Keys } from './keys.ts';

/** Seconds. */
const FIRING_TTL_S = 86_400;
/** Instances of a pair that are stored. If there are more, only a recovery without an instance closes the pair. */
export const MAX_INSTANCES = 1_000;
/** Wakes of a pair that one recovery marks; older ones are sent. */
const MAX_WAKES = 1_000;

/** A wake row that was not rejected. Rows that would change nothing may be left out. */
interface FiringRow {
  kind: 'firing';
  /** Deduplication id of its pair. */
  pair: string;
  /** Empty: the row has no instance. */
  instance: string;
  /** Sender and instance as {@link originOf} joins them, or empty. */
  origin: string;
  /** True if the pair has more instances than are stored. */
  isOverflow: boolean;
  /** The wake of the row: its own, or the one that it was coalesced into. */
  wakeId: string;
  isOwn: boolean;
  isCritical: boolean;
  severity: string;
  /** True if an alerting tool sent it, which may not send it again. */
  hasSender: boolean;
}

/** Equal recoveries in direct succession. */
export interface RecoveredRows {
  kind: 'recovered';
  /** Deduplication id of the pair. Empty: each pair in which the instance of the sender fires. */
  pair: string;
  /** Empty: the whole pair has recovered. */
  instance: string;
  origin: string;
  /** ms since the epoch. */
  at: number;
  rows: number;
}

export type FiringChange = FiringRow | RecoveredRows;

/** How recoveries are counted. `closed`: no instance of the pair fires any more. `partial`: others do. `ignored`: it did not fire. */
export type Recovery = 'closed' | 'partial' | 'ignored';

/** The name under which the pairs of a sender's instance are found. Empty if one of both is missing. */
export function originOf(sender: string, instance: string): string {
  return sender === '' || instance === '' ? '' : `${encodeURIComponent(sender)}:${encodeURIComponent(instance)}`;
}

/** The changes of a batch as the commit takes them. @param windowMs the debounce window */
export function firingArgs(keys: Keys, changes: FiringChange[], windowMs: number) {
  return {
    changes,
    // Which instances a recovery changes is known only inside the script. All keys have the same hash tag.
    keys: { instance: keys.instance('') },
    incidents: incidentArgs(keys, windowMs),
    ttlS: FIRING_TTL_S,
    maxInstances: MAX_INSTANCES,
    maxWakes: MAX_WAKES,
  };
}
