/**
 * Where a log was read up to, and what was decided before that place: one hash, counters and counts that move in
 * one Redis script, so that there is no moment at which a row is counted and not passed, or the other way round.
 *
 * The script is fenced twice. It asks for the lease, so that a tailer that was overtaken changes nothing. And it
 * asks for the position the batch began at, so that a commit that is sent again, after its answer was lost, is
 * not counted again.
 */

import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import { commitBatch, readCheckpoint, recordMayReplay, type Tally } from '@kora-wake/shared/store/checkpoint';
import type { Keys } from '@kora-wake/shared/store/keys';
import { debounceId } from '@kora-wake/shared/wake/pair';
import { z } from 'zod';
import type { Decided } from './decide/batch.ts';
import type { Position } from './log/follower.ts';

export interface Checkpoint {
  /**
   * What is stored, and the position it says: undefined where the log was never followed, or it cannot be read. `again`:
   * whether of lines after it jobs may have been added already.
   */
  load(): Promise<{ stored: string; position: Position | undefined; again: boolean }>;
  /** Records, before the first job of a batch is added, that this may be so. */
  deciding(): Promise<void>;
  /**
   * Records the first position of a source, in the place of what is stored.
   *
   * @param again as `load` gave it
   */
  begin(token: string, stored: string, at: Position, again: boolean): Promise<boolean>;
  /**
   * Commits a batch.
   *
   * @param again whether of lines after it jobs may have been added already
   * @returns false where the lease or the position is no longer ours, and nothing was changed
   */
  commit(token: string, from: Position, to: Position, tally: Tally, again: boolean): Promise<boolean>;
}

/** Adds up what was decided on one batch. @param at when, ms since the epoch */
export function tallyOf({ enqueued, coalesced, rejected, bad }: Decided, overlong: number, at: number): Tally {
  const tally: Tally = { counters: new Map(), enqueued: new Map(), suppressed: new Map(), opened: new Set(), at };
  for (const wake of enqueued) {
    tally.enqueued.set(wake.id, wake);
    tally.opened.add(debounceId(wake.probe, wake.category));
  }
  for (const { winner, rows } of coalesced) {
    tally.suppressed.set(winner, (tally.suppressed.get(winner) ?? 0) + rows);
  }
  const taken = [...tally.suppressed.values()].reduce((sum, rows) => sum + rows, 0);
  const counts = {
    // Those that were enqueued are counted with them, once.
    rows: taken + rejected.stale + rejected.malformed,
    coalesced: taken,
    'rejected:stale': rejected.stale,
    'rejected:malformed': rejected.malformed,
    'lines:bad': bad,
    'lines:overlong': overlong,
  };
  for (const [name, n] of Object.entries(counts)) if (n > 0) tally.counters.set(name, n);
  return tally;
}

const NOTHING: Tally = { counters: new Map(), enqueued: new Map(), suppressed: new Map(), opened: new Set(), at: 0 };

export function checkpoint(redis: RedisClient, keys: Keys, sourceId: string, path: string): Checkpoint {
  const commit = (token: string, from: string, to: Position, tally: Tally, mayReplay: boolean) =>
    commitBatch(redis, keys, { sourceId, path, token, from, to: JSON.stringify(to), mayReplay, tally });
  return {
    load: async () => {
      const { position: stored, mayReplay } = await readCheckpoint(redis, keys, sourceId);
      return { stored, position: decode(stored), again: mayReplay };
    },
    deciding: () => recordMayReplay(redis, keys, sourceId),
    begin: (token, stored, at, again) => commit(token, stored, at, { ...NOTHING, at: Date.now() }, again),
    commit: (token, from, to, tally, again) => commit(token, JSON.stringify(from), to, tally, again),
  };
}

const fileState = z.object({
  device: z.string(),
  inode: z.string(),
  born: z.string().regex(/^\d+$/),
  offset: z.number().int().min(0),
  print: z.string(),
});
const position = z.object({ files: z.array(fileState), finished: z.array(z.string()) });

function decode(stored: string): Position | undefined {
  try {
    return position.parse(JSON.parse(stored));
  } catch {
    return undefined;
  }
}
