/**
 * The checkpoint of a log (hash `source:<id>`), its lease, and the commit that moves the position, the counters, the wake
 * records, the indexes and the events of one batch together. See lua/commit-batch.lua for the two fences.
 */

import type { StormRule } from '../policy/policy.ts';
import { type PolicyState, policyState } from '../policy/state.ts';
import type { RedisClient } from '../runtime/redis.ts';
import { VERSION } from '../runtime/version.ts';
import { debounceId } from '../wake/pair.ts';
import { isTestAlert } from '../wake/test-alert.ts';
import { firstChars } from '../wake/text.ts';
import type { Wake } from '../wake/wake.ts';
import { type FiringChange, firingArgs } from './firing.ts';
import type { Keys } from './keys.ts';
import { windowIndex } from './keys.ts';
import type { CountChange } from './pair-state.ts';
import { luaScript } from './scripts.ts';
import { statsArgs } from './stats.ts';
import { parseStored } from './stored-json.ts';
import { storedRow } from './stored-wake.ts';
import { type KeptLine, MAX_KEPT_UNREADABLE, type UnreadableLine } from './unreadable-lines.ts';
import { historyKeys } from './wake-history.ts';
import { WAKE_RECORD_TTL_S } from './wake-record.ts';

/** Changes of one batch to the counters, the winners and the index of windows. */
export interface Tally {
  /** Amounts by counter name. Enqueued wakes are counted by the commit itself, since some may be replays. */
  counters: Map<string, number>;
  /** Enqueued wakes by id. */
  enqueued: Map<string, Wake>;
  /** Coalesced rows by the id of their winner. `pair`: its deduplication id. */
  suppressed: Map<string, { pair: string; rows: number }>;
  /** Buffered and muted rows by the deduplication id of their pair, for the statistics. */
  pairRows: Map<string, { buffered: number; muted: number }>;
  /** The last lines that could not be read, oldest first. */
  unreadable: UnreadableLine[];
  /** Deduplication ids of the windows that this batch opened. */
  opened: Set<string>;
  /** Changes of counts of buffered rows. */
  counts: CountChange[];
  /** Firing and muted rows and recoveries, in the order of their rows. */
  firing: FiringChange[];
  /** When the batch was decided, ms since the epoch. */
  at: number;
}

export interface Commit {
  sourceId: string;
  /** Absolute path of the log. */
  path: string;
  /** `KORA_SOURCE_NAME`, or empty. */
  name: string;
  /** Token of the lease. */
  token: string;
  /** Stored position before and after the batch; `from` is empty if there is none. */
  from: string;
  to: string;
  /** True if lines after `to` may already have jobs. */
  mayReplay: boolean;
  /** Default false: recoveries are ignored. */
  hasIncidents?: boolean;
  /** When many wakes become one digest. Undefined: never. */
  storm?: StormRule | undefined;
  tally: Tally;
}

const COMMIT = luaScript('commit-batch');

/** Longer titles and severities are cut in events; characters. */
const MAX_EVENT_TEXT = 200;

/**
 * Commits a batch.
 *
 * @returns `fenced` if the lease or the position is no longer ours. `outdated` if the batch must be decided again: rows were coalesced
 *   into a wake that was withdrawn, or whose incident was closed, meanwhile, or another tailer has changed a count of buffered rows. In
 *   both cases nothing is committed.
 */
export async function commitBatch(
  redis: RedisClient,
  keys: Keys,
  commit: Commit,
): Promise<'committed' | 'fenced' | 'outdated'> {
  const { sourceId, path, name, token, from, to, mayReplay, hasIncidents = false, storm, tally } = commit;
  const wakes = [...tally.enqueued.values()];
  const scriptKeys = [
    keys.lease(sourceId),
    keys.source(sourceId),
    keys.counters,
    keys.sources,
    keys.events,
    keys.pending,
    keys.unreadable(sourceId),
    ...windowIndex(keys),
    ...[...tally.suppressed].flatMap(([winner, { pair }]) => [keys.wake(winner), keys.dedup(pair)]),
    ...[...tally.opened].map(keys.dedup),
    ...wakes.flatMap((wake) => [keys.wake(wake.id), keys.dedup(pairIdOf(wake)), ...historyKeys(keys, wake)]),
  ];
  const committed = await COMMIT(redis, scriptKeys, {
    token,
    from,
    to,
    path,
    name,
    sourceId,
    now: tally.at,
    recordTtlS: WAKE_RECORD_TTL_S,
    hasRows: wakes.length > 0 || tally.counters.has('rows'),
    mayReplay,
    unreadable: tally.unreadable.map((line) => JSON.stringify({ ...line, at: tally.at } satisfies KeptLine)),
    maxUnreadable: MAX_KEPT_UNREADABLE,
    counters: [...tally.counters],
    suppressed: [...tally.suppressed].map(([winner, { pair, rows }]) => ({ winner, pair, rows })),
    opened: [...tally.opened],
    enqueued: wakes.map((wake) => ({
      id: wake.id,
      row: storedRow(wake),
      pair: pairIdOf(wake),
      severity: firstChars(wake.severity, MAX_EVENT_TEXT),
      title: firstChars(wake.title, MAX_EVENT_TEXT),
      isTest: isTestAlert(wake),
    })),
    ...(storm && { storm }),
    stats: statsArgs(keys),
    pairRows: [...tally.pairRows].map(([pair, { buffered, muted }]) => [
      pair,
      { ...(buffered > 0 && { b: buffered }), ...(muted > 0 && { m: muted }) },
    ]),
    counts: tally.counts,
    bufferedKey: keys.buffered(''),
    ...(hasIncidents
      ? { ignored: 0, firing: firingArgs(keys, tally.firing) }
      : { ignored: recoveriesIn(tally.firing) }),
  });
  if (committed === -1) return 'outdated';
  return committed === 1 ? 'committed' : 'fenced';
}

function recoveriesIn(changes: FiringChange[]): number {
  return changes.reduce((sum, change) => sum + (change.kind === 'recovered' ? change.rows : 0), 0);
}

const pairIdOf = ({ probe, category }: Wake) => debounceId(probe, category);

/** The checkpoint as it is stored. Empty texts and nulls stand for missing fields. */
export interface StoredCheckpoint {
  /** JSON of the position, see position.ts. */
  position: string;
  path: string;
  /** `KORA_SOURCE_NAME`, or empty. */
  name: string;
  /** False only if the last tailer recorded that it has added no jobs for lines after the position. */
  mayReplay: boolean;
  /** ms since the epoch. */
  committedAt: number | null;
  lastRowAt: number | null;
  /** Since when the tailer has waited for the log to appear, ms since the epoch. */
  missingSince: number | null;
  /** Null: none was recorded. */
  policy: PolicyState | null;
  /** Of Kora Wake; null: none was recorded. */
  version: string | null;
}

export async function readCheckpoint(redis: RedisClient, keys: Keys, sourceId: string): Promise<StoredCheckpoint> {
  const stored = await redis.hgetall(keys.source(sourceId));
  const { position, path, name, deciding, committedAt, lastRowAt, missingSince, policy, version } = stored;
  return {
    position: position ?? '',
    path: path ?? '',
    name: name ?? '',
    mayReplay: deciding !== '0',
    committedAt: committedAt ? Number(committedAt) : null,
    lastRowAt: lastRowAt ? Number(lastRowAt) : null,
    missingSince: missingSince ? Number(missingSince) : null,
    policy: parseStored(policyState, policy),
    version: version ?? null,
  };
}

/**
 * Records, before the first job of a batch is added, that lines after the position may have jobs. The field keeps its name of 0.2,
 * `deciding`. It needs no fence: a wrong 1 only makes the next batch look for jobs that exist already.
 */
export async function recordMayReplay(redis: RedisClient, keys: Keys, sourceId: string): Promise<void> {
  await redis.hset(keys.source(sourceId), 'deciding', 1);
}

const TAKE_OVER = luaScript('take-over-checkpoint');

/**
 * Moves the checkpoint of the log `from` to the log `to`, which has none yet.
 *
 * @param token of the lease of `to`
 * @returns false if the lease is lost, `to` has a checkpoint, or a tailer follows `from`; then nothing was changed
 */
export async function takeOverCheckpoint(
  redis: RedisClient,
  keys: Keys,
  token: string,
  to: { sourceId: string; path: string },
  from: string,
): Promise<boolean> {
  const scriptKeys = [
    keys.lease(to.sourceId),
    keys.source(to.sourceId),
    keys.source(from),
    keys.lease(from),
    keys.sources,
  ];
  return (await TAKE_OVER(redis, scriptKeys, token, to.path, to.sourceId, from)) === 1;
}

/** Ids of all logs that have a checkpoint. */
export async function listSourceIds(redis: RedisClient, keys: Keys): Promise<string[]> {
  return redis.smembers(keys.sources);
}

/** Records that a tailer begins to follow the log: before it, rows may have been missed. @param at ms since the epoch */
export async function recordFollowed(redis: RedisClient, keys: Keys, sourceId: string, at: number): Promise<void> {
  await redis.hset(keys.source(sourceId), 'followedSince', at);
}

/** Records which policy and which version of Kora Wake the tailer of the log runs, for the operator. */
export async function recordPolicy(
  redis: RedisClient,
  keys: Keys,
  sourceId: string,
  policy: PolicyState,
): Promise<void> {
  await redis.hset(keys.source(sourceId), { policy: JSON.stringify(policy), version: VERSION });
}

/** Records that the log does not exist, for the operator. @param since ms since the epoch; undefined: it exists again */
export async function recordMissing(
  redis: RedisClient,
  keys: Keys,
  sourceId: string,
  since: number | undefined,
): Promise<void> {
  if (since === undefined) await redis.hdel(keys.source(sourceId), 'missingSince');
  else await redis.hset(keys.source(sourceId), 'missingSince', since);
}

/** A conflict ends this long after it was last recorded, ms. */
const CONFLICT_MS = 30_000;

/** Records that the holder of the lease follows a different log under the same path. It must be recorded again and again. */
export async function recordConflict(redis: RedisClient, keys: Keys, sourceId: string, heldBy: string): Promise<void> {
  await redis.set(keys.conflict(sourceId), heldBy, 'PX', CONFLICT_MS);
}

/** The tailer that follows a different log under the same path, as `host:pid`, or null. */
export async function readConflict(redis: RedisClient, keys: Keys, sourceId: string): Promise<string | null> {
  return redis.get(keys.conflict(sourceId));
}

const FORGET = luaScript('forget-source');

/** Forgets a log. If it is followed again, it is a new one. */
export async function forgetSource(
  redis: RedisClient,
  keys: Keys,
  sourceId: string,
): Promise<'forgotten' | 'followed' | 'unknown'> {
  const all = [
    keys.source(sourceId),
    keys.lease(sourceId),
    keys.unreadable(sourceId),
    keys.conflict(sourceId),
    keys.sources,
  ];
  const answer = await FORGET(redis, all, sourceId);
  if (answer === 1) return 'forgotten';
  return answer === 0 ? 'followed' : 'unknown';
}

const TAKE_LEASE = luaScript('take-lease');
const RENEW_LEASE = luaScript('renew-lease');
const RELEASE_LEASE = luaScript('release-lease');

/** Takes the lease of a log. @returns undefined if it is ours now, else the token of its holder */
export async function takeLease(
  redis: RedisClient,
  key: string,
  token: string,
  leaseMs: number,
): Promise<string | undefined> {
  const holder = await TAKE_LEASE(redis, [key], token, leaseMs);
  return typeof holder === 'string' ? holder : undefined;
}

/** Extends the lease. @returns false if it is no longer ours */
export async function renewLease(redis: RedisClient, key: string, token: string, leaseMs: number): Promise<boolean> {
  return (await RENEW_LEASE(redis, [key], token, leaseMs)) === 1;
}

export async function releaseLease(redis: RedisClient, key: string, token: string): Promise<void> {
  await RELEASE_LEASE(redis, [key], token);
}

/** The holder of the lease as `host:pid`, or null if the lease is free. */
export async function leaseHolder(redis: RedisClient, key: string): Promise<string | null> {
  const token = await redis.get(key);
  return token === null ? null : holderOf(token);
}

/** Whether a tailer with this Redis and prefix has a checkpoint of the log. */
export async function hasSource(redis: RedisClient, keys: Keys, sourceId: string): Promise<boolean> {
  return (await redis.exists(keys.source(sourceId))) === 1;
}

/** `host:pid` of a token `host:pid:uuid`. */
export function holderOf(token: string): string {
  return token.replace(/:[^:]*$/, '');
}
