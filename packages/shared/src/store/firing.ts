/**
 * The firing instances of each pair, and the wakes since its last recovery. The commit of a batch changes them, in the order of the
 * rows; see lua/lib/firing.lua. The end of an incident removes them. Both are kept for a day after the last row: a tool may never say that an alert is over.
 */
import { MAX_INSTANCES } from '../wake/firing.ts';
import { incidentArgs } from './incidents.ts';
import type { Keys } from './keys.ts';

/** Seconds. */
const FIRING_TTL_S = 86_400;
/** Wakes of a pair that one recovery marks; older ones are sent. */
const MAX_WAKES = 1_000;

/** The instance of a row. */
interface RowOfInstance {
  /** Deduplication id of its pair. */
  pair: string;
  /** Empty: the row has no instance. */
  instance: string;
  /** Sender and instance as `originOf` joins them, or empty. */
  origin: string;
  /** True if the pair has more instances than are stored. */
  isOverflow: boolean;
}

/** A wake row that was neither rejected nor muted. Rows that would change nothing may be left out. */
type FiringRow = RowOfInstance & { kind: 'firing' } & (
    | { decision: 'buffered' }
    /** `wakeId`: the wake that it was coalesced into. */
    | { decision: 'coalesced'; wakeId: string }
    | {
        decision: 'enqueued';
        wakeId: string;
        isCritical: boolean;
        severity: string;
        /** True if an alerting tool sent it, which may not send it again. */
        hasSender: boolean;
        /** Length of the window that it opened, ms. */
        windowMs: number;
        /** Number of buffered rows that it stands for. */
        buffered: number;
      }
  );

/** Equal muted rows. They belong to the open incident of their pair, if there is one. */
export interface MutedRow extends RowOfInstance {
  kind: 'muted';
  rows: number;
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

export type FiringChange = FiringRow | MutedRow | RecoveredRows;

/** The changes of a batch as the commit takes them. */
export function firingArgs(keys: Keys, changes: FiringChange[]) {
  return {
    changes,
    // Which instances a recovery changes is known only inside the script. All keys have the same hash tag.
    keys: { instance: keys.instance('') },
    incidents: incidentArgs(keys),
    ttlS: FIRING_TTL_S,
    maxInstances: MAX_INSTANCES,
    maxWakes: MAX_WAKES,
  };
}
