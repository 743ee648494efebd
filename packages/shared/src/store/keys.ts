/**
 * Every Redis key we own, and the one private key of BullMQ that we read. All lie under the prefix, whose hash
 * tag keeps them in one slot of a cluster, so that a script may touch them together.
 */
import { createHash } from 'node:crypto';

export interface Keys {
  prefix: string;
  /** Hash: rows, decisions, bad lines and outcomes, counted. Owner: tailer (decisions), worker (outcomes). */
  counters: string;
  /** Sorted set, all scores 0: deduplication ids of open windows in lexical order. Owner: tailer; readers drop the ended. */
  windowNames: string;
  /** Sorted set: the same ids by the time their window ends, ms. */
  windowEnds: string;
  /**
   * Hash: what is known of one wake beside its jobs. Of the tailer: `row`, `enqueuedAt`, `suppressed`, `lastSuppressedAt`.
   * Of the workers: `report`, `investigatedAt`, the claims before a post (`claimedAt`, `firstClaimedAt`), `posted`,
   * `outcome`, `outcomeAt`, `dmStatus`.
   */
  wake(wakeId: string): string;
  /** Hash: the checkpoint of one log. Owner: the tailer that holds its lease. */
  source(sourceId: string): string;
  /** String: when a tailer last found its checkpoint gone, ms: what was told before may not be known. Owner: the tailer. */
  dataLostAt: string;
  /** String with a TTL: the token of the tailer that may commit for this log. */
  lease(sourceId: string): string;
  /** Hash: what a UTC month cost, in millionths of a dollar: `total`, and by day, route and model. Owner: the workers. */
  spend(month: string): string;
  /** Sorted set: what calls that are being made may cost, by when they lapse, ms. */
  reserved: string;
  /** Sorted set: the wakes that have no end yet, by when they were enqueued, ms. Owner: the tailer adds, who ends one removes. */
  pending: string;
  /** Sorted set: all wakes that are known, by when they were enqueued, ms. Owner: the tailer; the worker where it is first. */
  history: string;
  /** Sorted set: the same of one probe. */
  historyOfProbe(probe: string): string;
  /** Sorted set: the same of one pair. */
  historyOfPair(debounceId: string): string;
  /** Stream: what happens, for who listens; see events.ts. */
  events: string;
  /** List: what operators did, as JSON, newest first. Owner: the API. */
  operations: string;
  /** Set: the logs that are followed. Owner: the tailers. */
  sources: string;
  /**
   * BullMQ's own: the winner's job id, its TTL the window left. BullMQ has no public way to read that TTL; a
   * test pins this layout.
   */
  dedup(debounceId: string): string;
  /** BullMQ's own: the jobs of a queue that failed for good, by when, ms. */
  failed(queue: string): string;
  /** BullMQ's own lists and sets of the jobs of a queue that have not ended. */
  unended(queue: string): string[];
}

export function redisKeys(prefix: string): Keys {
  return {
    prefix,
    counters: `${prefix}:counters`,
    windowNames: `${prefix}:windows:names`,
    windowEnds: `${prefix}:windows:ends`,
    wake: (wakeId) => `${prefix}:wake:${wakeId}`,
    dataLostAt: `${prefix}:forgot`,
    source: (sourceId) => `${prefix}:source:${sourceId}`,
    spend: (month) => `${prefix}:spend:${month}`,
    reserved: `${prefix}:spend:reserved`,
    history: `${prefix}:history`,
    pending: `${prefix}:untold`,
    historyOfProbe: (probe) => `${prefix}:history:probe:${probe}`,
    historyOfPair: (debounceId) => `${prefix}:history:pair:${debounceId}`,
    events: `${prefix}:events`,
    operations: `${prefix}:operations`,
    sources: `${prefix}:sources`,
    lease: (sourceId) => `${prefix}:source:${sourceId}:lease`,
    dedup: (debounceId) => `${prefix}:wakes:de:${debounceId}`,
    failed: (queue) => `${prefix}:${queue}:failed`,
    unended: (queue) => ['wait', 'active', 'delayed', 'prioritized'].map((state) => `${prefix}:${queue}:${state}`),
  };
}

/** A log is known by its absolute path: a checkpoint outlives any one file that stands there. */
export function sourceId(path: string): string {
  return createHash('sha256').update(path).digest('hex').slice(0, 16);
}
