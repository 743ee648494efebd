/**
 * Finds an earlier post of a wake before it is posted again. There are two reasons to look: an earlier attempt whose result is
 * not recorded (a claim), and a wake that is older than the data that Redis certainly has. In the second case Redis may have
 * lost the record of a post together with its last writes.
 */
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import { type Begun, type Claim, setClaim } from '@kora-wake/shared/store/claims';
import type { LookUp, Posted } from '@kora-wake/shared/store/queues';
import type { Wake } from '@kora-wake/shared/wake/wake';
import { DelayedError, type Job } from 'bullmq';
import type { Progress } from './history.ts';
import type { Message, Poster } from './post.ts';
import { DeliveryFailure, type Messenger, SLACK_TIMEOUT_MS } from './slack.ts';

/** After a claim, ms: by then the post has timed out, and Slack's history shows it. */
const VISIBLE_MS = SLACK_TIMEOUT_MS + 5_000;
/** The clocks of two machines differ by less, ms. */
export const CLOCK_SKEW_MS = 60_000;
/** A Redis that lost more than this is not compensated for, ms. */
const MAX_DATA_LOSS_MS = 24 * 3_600_000;
/** The look-up is retried for this long, ms, or this long after Slack first limited it. Then the message is posted again, marked as a possible duplicate. */
const LOOK_UP_MS = 5 * 60_000;

/** A wake that may be older than the data in Redis. */
export interface DataLoss {
  /** For how long the data of Redis is complete, ms. */
  completeForMs: number;
  /** Earliest possible time of a post, ms since the epoch. */
  postedAfter: number;
}

/**
 * Whether Redis may have lost the record of an earlier post of this wake.
 *
 * @param completeSince time from which the data of Redis is complete, ms since the epoch by its clock
 * @param now ms since the epoch
 */
export function possibleDataLoss(
  wake: Pick<Wake, 'emittedAt' | 'appendedAfter'>,
  begun: Begun,
  completeSince: number,
  now: number,
): DataLoss | undefined {
  const since = Math.max(completeSince, begun.dataLostAt);
  const completeForMs = begun.clock - since;
  // The row was appended after the data loss, whatever its own time says.
  if ((wake.appendedAfter ?? 0) > since + CLOCK_SKEW_MS) return undefined;
  // emittedAt is in the future, so the probe's clock is wrong: treat the wake as older than the data loss.
  const datedAhead = wake.emittedAt > now + CLOCK_SKEW_MS && completeForMs < MAX_DATA_LOSS_MS;
  const mayBeLost = wake.emittedAt < since || datedAhead;
  return mayBeLost ? { completeForMs, postedAfter: datedAhead ? 0 : wake.emittedAt } : undefined;
}

/** The result of a look-up: the message, or the claim that is still open and whether a new post may be a duplicate. */
interface EarlierPost {
  found?: Posted;
  open?: Claim | undefined;
  mayRepeat: boolean;
}

/**
 * Looks up an earlier post in Slack. Delays the job if the post may not be visible yet.
 *
 * @throws DeliveryFailure if the look-up failed and is to be retried; DelayedError if the job was delayed
 */
export async function findEarlierPost(
  { redis, now, log }: Poster,
  job: Job<{ lookUp?: LookUp }>,
  token: string | undefined,
  messenger: Messenger,
  { id: wakeId, recordKey, to, thread }: Message,
  earlier: Claim | undefined,
  dataLoss: DataLoss | undefined,
): Promise<EarlierPost> {
  // A claim in the future comes from a clock that was set back since.
  const claimedAt = earlier && Math.min(earlier.claimedAt, now());
  if (earlier && claimedAt !== undefined && claimedAt !== earlier.claimedAt) {
    await setClaim(redis, recordKey, { ...earlier, claimedAt });
  }
  const sinceClaimMs = claimedAt === undefined ? Infinity : now() - claimedAt;
  const waitedMs = Math.min(dataLoss?.completeForMs ?? Infinity, sinceClaimMs);
  if (waitedMs < VISIBLE_MS) {
    await job.moveToDelayed(Date.now() + VISIBLE_MS - waitedMs, token);
    throw new DelayedError();
  }
  const firstAt = earlier?.firstClaimedAt ?? now();
  const since = dataLoss ? Math.min(firstAt, Math.max(dataLoss.postedAfter, now() - MAX_DATA_LOSS_MS)) : firstAt;
  const earlierLookUp = lookUpOf(job, claimedAt);
  let place = earlierLookUp?.place;
  const progress: Progress = {
    from: place,
    reached: (next) => {
      place = next;
    },
  };
  try {
    const found = await messenger.find(wakeId, since, progress, to, thread);
    logEvent(log, 'delivery.looked_up', { wakeId, found: found !== undefined });
    return found ? { found, mayRepeat: false } : { mayRepeat: false };
  } catch (error) {
    const { kind, code, retryAfterMs } = error instanceof DeliveryFailure ? error : {};
    const isStaleCursor = code === 'invalid_cursor' && place !== undefined;
    const beganAt = earlierLookUp?.beganAt ?? (retryAfterMs === undefined ? (claimedAt ?? job.timestamp) : now());
    const leftMs = beganAt + LOOK_UP_MS - now();
    if (leftMs > 0 && (kind !== 'permanent' || isStaleCursor)) {
      const lookUp = { claimedAt: claimedAt ?? 0, beganAt, ...(!isStaleCursor && place && { place }) };
      await job.updateData({ ...job.data, lookUp });
      if (retryAfterMs === undefined) throw isStaleCursor ? new DeliveryFailure('unknown', 'invalid_cursor') : error;
      // Only this look-up waits: posts have a limit of their own.
      const waitMs = Math.min(retryAfterMs, leftMs);
      logEvent(log, 'delivery.look_up_limited', { wakeId, waitMs });
      await job.moveToDelayed(Date.now() + waitMs, token);
      throw new DelayedError();
    }
    logEvent(log, 'delivery.look_up_failed', { wakeId });
    return { open: earlier, mayRepeat: true };
  }
}

/** The progress of an earlier look-up for the same claim. A later claim belongs to a later post. */
function lookUpOf(job: Job<{ lookUp?: LookUp }>, claimedAt: number | undefined): LookUp | undefined {
  const { lookUp } = job.data;
  return lookUp?.claimedAt === (claimedAt ?? 0) ? lookUp : undefined;
}
