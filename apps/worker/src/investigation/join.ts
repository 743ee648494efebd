/**
 * Wakes of one pair that waited together, because no worker ran for long. Only the newest is investigated and
 * sent. The older ones wait until Slack has accepted it, and then end as `joined`.
 */
import type { Logger } from '@kora-wake/shared/runtime/log';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import type { Keys } from '@kora-wake/shared/store/keys';
import { type DeliveriesQueue, deliverJobId, hasUnfinishedJob, type WakesQueue } from '@kora-wake/shared/store/queues';
import { listWakeRecords } from '@kora-wake/shared/store/wake-history';
import { listJoining, recordOutcome, type WakeRecord } from '@kora-wake/shared/store/wake-record';
import type { Outcome } from '@kora-wake/shared/wake/outcome';
import type { Wake } from '@kora-wake/shared/wake/wake';

/** Wakes that waited for less are each sent, ms. */
export const JOIN_AFTER_MS = 5 * 60_000;
/** Records of the pair that are read. */
const MAX_RECORDS = 500;
/** Delays of a wake that waits for a newer one, ms. All delays of a job, at most 19 (MAX_WAKE_STARTS), last longer than a day. */
const FIRST_DELAY_MS = 5_000;
const MAX_DELAY_MS = 4 * 3_600_000;

interface Stored {
  redis: RedisClient;
  keys: Keys;
}

export interface Pair extends Stored {
  wakes: WakesQueue;
  deliveries: DeliveriesQueue;
}

/** `alone`: no newer wake stands for it. `wait`: a newer one is not sent yet. `joined`: the newer one was sent. */
export type Newer = { kind: 'alone' } | { kind: 'wait' | 'joined'; wakeId: string };

/** Outcomes of wakes that were not sent themselves. */
const UNSENT: ReadonlySet<Outcome> = new Set(['dead', 'joined', 'withdrawn']);

/** Finds the newer wake that stands for this one. A critical wake is only covered by a critical one. */
export async function findNewer(pair: Pair, wake: Wake): Promise<Newer> {
  const { newer } = await readPair(pair, wake);
  const covering = newer.filter(({ row }) => covers(row, wake));
  const sent = covering.find(({ outcome }) => outcome !== null && !UNSENT.has(outcome));
  if (sent) return { kind: 'joined', wakeId: sent.wakeId };
  for (const { wakeId, outcome } of covering) {
    // Nobody sends a wake whose job a person has removed.
    if (outcome === null && (await hasUnfinishedJob(pair, wakeId))) return { kind: 'wait', wakeId };
  }
  return { kind: 'alone' };
}

/** Number of older wakes of the pair for which the message of this one stands. */
export async function countOlder(pair: Stored, wake: Wake): Promise<number> {
  const { older } = await readPair(pair, wake);
  return older.filter(({ outcome, recoveredAt, row }) => outcome === null && recoveredAt === null && covers(wake, row))
    .length;
}

/** The other wakes of the pair, newest first. */
async function readPair(
  { redis, keys }: Stored,
  { id, probe, category }: Wake,
): Promise<{ newer: WakeRecord[]; older: WakeRecord[] }> {
  const { entries } = await listWakeRecords(redis, keys, { probe, category }, { limit: MAX_RECORDS, since: 0 });
  const newestFirst = entries.toSorted((a, b) => byAge(b, a));
  const own = newestFirst.findIndex(({ wakeId }) => wakeId === id);
  if (own >= 0) return { newer: newestFirst.slice(0, own), older: newestFirst.slice(own + 1) };
  // It has no record yet, or more newer wakes than were read.
  return { newer: entries.length < MAX_RECORDS ? [] : newestFirst, older: [] };
}

function covers(newer: Pick<Wake, 'severity'>, older: Pick<Wake, 'severity'>): boolean {
  return older.severity !== 'critical' || newer.severity === 'critical';
}

/** Wakes of one batch were enqueued at the same time. */
function byAge(a: WakeRecord, b: WakeRecord): number {
  return a.enqueuedAt - b.enqueuedAt || a.row.emittedAt - b.row.emittedAt || a.wakeId.localeCompare(b.wakeId);
}

/**
 * Brings a waiting wake to the head of its queue, so that older ones do not wait for all jobs between. A delivery that a hold delayed is
 * looked at again: an older wake may be one that a hold lets through.
 */
export async function bringForward({ wakes, deliveries }: Pair, wakeId: string): Promise<void> {
  const job = await wakes.getJob(wakeId);
  if (job && (await job.isWaiting())) await job.changePriority({ priority: 0, lifo: true });
  const delivery = await deliveries.getJob(deliverJobId(wakeId));
  if (delivery && (await delivery.isDelayed())) await delivery.promote();
}

/**
 * Time until the job of a waiting wake starts again, ms.
 *
 * @param starts of its job so far
 */
export function joinDelayMs(starts: number): number {
  return Math.min(FIRST_DELAY_MS * 2 ** Math.max(0, starts - 1), MAX_DELAY_MS);
}

/** Ends a wake for which the message of another wake of its pair stands, and starts those that wait for it. */
export async function endJoined(
  pair: Pair & { now(): number; log: Logger },
  wake: Wake,
  joinedInto: string,
): Promise<void> {
  const { redis, keys, now, log } = pair;
  await recordOutcome(redis, keys, { wake, outcome: 'joined', at: now(), joinedInto });
  await releaseOlder(pair, wake.id);
  logEvent(log, 'investigation.joined', { wakeId: wake.id, into: joinedInto });
}

/** Starts the older wakes that wait for this one. Call it when this one has ended. */
export async function releaseOlder({ redis, keys, wakes }: Pair, wakeId: string): Promise<void> {
  for (const id of await listJoining(redis, keys, wakeId)) {
    const job = await wakes.getJob(id);
    if (job && (await job.isDelayed())) await job.promote();
  }
}
