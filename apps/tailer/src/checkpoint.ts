/**
 * The checkpoint of one log: the position up to which it is decided. The position, the counters and the wake records
 * change in one Redis script (lua/commit-batch.lua). So a row is counted exactly when the position moves past it.
 *
 * The script has two fences. It checks the lease, so a tailer that lost the log changes nothing. It checks the position
 * at which the batch starts, so a commit that is sent twice, because its answer was lost, counts once.
 */

import type { StormRule } from '@kora-wake/shared/policy/policy';
import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import { commitBatch, readCheckpoint, recordMayReplay, type Tally } from '@kora-wake/shared/store/checkpoint';
import type { Keys } from '@kora-wake/shared/store/keys';
import { decodePosition, encodePosition, type Position } from '@kora-wake/shared/store/position';
import { MAX_KEPT_UNREADABLE } from '@kora-wake/shared/store/unreadable-lines';
import { debounceId } from '@kora-wake/shared/wake/pair';
import { beginningOf, type Decided, rowsIn } from './decide/batch.ts';
import type { Decider } from './decide/enqueue.ts';
import type { SkippedLine } from './log/log-file.ts';

export interface LoadedCheckpoint {
  /** As Redis has it; empty if the log was never followed. */
  stored: string;
  /** Undefined if the log was never followed, or if `stored` cannot be read. */
  position: Position | undefined;
  /** True if lines after `position` may already have jobs: a tailer may have crashed between adding jobs and committing. */
  mayReplay: boolean;
}

export interface Checkpoint {
  load(): Promise<LoadedCheckpoint>;
  /** Records that lines after the position may have jobs. Call it before the first job of a batch is added. */
  recordMayReplay(): Promise<void>;
  /**
   * Records the first position of a log.
   *
   * @param stored the text to replace, as `load` returned it
   * @param mayReplay as `load` returned it
   * @returns false if the lease or the stored position is no longer ours; then nothing was changed
   */
  begin(token: string, stored: string, at: Position, mayReplay: boolean): Promise<boolean>;
  /**
   * Commits a batch.
   *
   * @param mayReplay whether lines after `to` may already have jobs
   * @returns see {@link commitBatch}
   */
  commit(token: string, from: Position, to: Position, tally: Tally, mayReplay: boolean): ReturnType<typeof commitBatch>;
}

/**
 * Sums up the decisions on one batch.
 *
 * @param skipped lines of the batch that were not read
 */
export function tallyOf(
  { enqueued, coalesced, buffered, counts, muted, rejected, firing, bad, unreadable }: Decided,
  skipped: SkippedLine[],
  { now, redact }: Pick<Decider, 'now' | 'redact'>,
): Tally {
  const skippedParts = skipped.map(({ offset, reason, head }) => ({ offset, reason, text: beginningOf(head, redact) }));
  const tally = {
    ...emptyTally(now()),
    firing,
    counts,
    unreadable: [...unreadable, ...skippedParts].slice(-MAX_KEPT_UNREADABLE),
  };
  const overlong = skipped.filter(({ reason }) => reason === 'too_long').length;
  for (const wake of enqueued) {
    tally.enqueued.set(wake.id, wake);
    tally.opened.add(debounceId(wake.probe, wake.category));
  }
  for (const { first, winner, rows } of coalesced) {
    const earlier = tally.suppressed.get(winner)?.rows ?? 0;
    tally.suppressed.set(winner, { pair: debounceId(first.probe, first.category), rows: earlier + rows });
  }
  const [suppressed, waiting] = [rowsIn(coalesced), rowsIn(buffered)];
  const amounts = {
    // The commit itself counts the enqueued rows, since some of them may be replays.
    rows: suppressed + waiting + rowsIn(muted) + rejected.stale + rejected.malformed,
    coalesced: suppressed,
    buffered: waiting,
    'rejected:stale': rejected.stale,
    'rejected:malformed': rejected.malformed,
    'lines:bad': bad + skipped.length - overlong,
    'lines:overlong': overlong,
  };
  for (const [name, n] of Object.entries(amounts)) if (n > 0) tally.counters.set(name, n);
  for (const { reason, rows } of muted) {
    const name = `muted:${reason}`;
    tally.counters.set(name, (tally.counters.get(name) ?? 0) + rows);
  }
  tally.pairRows = pairRowsOf(buffered, muted);
  return tally;
}

function pairRowsOf(buffered: Decided['buffered'], muted: Decided['muted']): Tally['pairRows'] {
  const pairRows: Tally['pairRows'] = new Map();
  const add = ({ probe, category }: { probe: string; category: string }, kind: 'buffered' | 'muted', rows: number) => {
    const pair = debounceId(probe, category);
    const before = pairRows.get(pair) ?? { buffered: 0, muted: 0 };
    pairRows.set(pair, { ...before, [kind]: before[kind] + rows });
  };
  for (const { first, rows } of buffered) add(first, 'buffered', rows);
  for (const group of muted) add(group, 'muted', group.rows);
  return pairRows;
}

function emptyTally(at: number): Tally {
  return {
    counters: new Map(),
    enqueued: new Map(),
    suppressed: new Map(),
    pairRows: new Map(),
    unreadable: [],
    opened: new Set(),
    counts: [],
    firing: [],
    at,
  };
}

export interface CheckpointOptions {
  /** `KORA_SOURCE_NAME`. */
  name?: string | undefined;
  hasIncidents?: boolean;
  /** When many wakes become one digest. Read at each commit: the policy can change. */
  storm?(): StormRule | undefined;
}

export function checkpoint(
  redis: RedisClient,
  keys: Keys,
  sourceId: string,
  path: string,
  { name = '', hasIncidents = false, storm = () => undefined }: CheckpointOptions = {},
): Checkpoint {
  const commit = (token: string, from: string, to: Position, tally: Tally, mayReplay: boolean) =>
    commitBatch(redis, keys, {
      sourceId,
      path,
      name,
      token,
      from,
      to: encodePosition(to),
      mayReplay,
      hasIncidents,
      storm: storm(),
      tally,
    });
  return {
    load: async () => {
      const { position: stored, mayReplay } = await readCheckpoint(redis, keys, sourceId);
      return { stored, position: decodePosition(stored), mayReplay };
    },
    recordMayReplay: () => recordMayReplay(redis, keys, sourceId),
    begin: async (token, stored, at, mayReplay) =>
      (await commit(token, stored, at, emptyTally(Date.now()), mayReplay)) === 'committed',
    commit: (token, from, to, tally, mayReplay) => commit(token, encodePosition(from), to, tally, mayReplay),
  };
}
