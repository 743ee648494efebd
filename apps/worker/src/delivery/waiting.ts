/** When a message that could not be sent is tried again. */
import type { Logger } from '@kora-wake/shared/runtime/log';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import { addHeld } from '@kora-wake/shared/store/hold';
import type { Keys } from '@kora-wake/shared/store/keys';
import { DelayedError, type Job, UnrecoverableError, Worker } from 'bullmq';
import type { DeliveryFailure } from './slack.ts';

/** How long messages wait while Slack refuses the token, ms. */
const HOLD_MS = 10_000;
/** Limit for the time that Slack asks us to wait, ms: an alert must not wait for a week. */
const MAX_WAIT_MS = 15 * 60_000;

/** Ends an attempt that failed, so that BullMQ makes the next one at the right time. @throws always */
export async function retryLater(attempt: {
  /** Id of the wake or the notice. */
  id: string;
  failure: DeliveryFailure;
  queue: { rateLimit(ms: number): Promise<void> };
  /** Default {@link HOLD_MS}. */
  holdMs?: number | undefined;
  log: Logger;
}): Promise<never> {
  const { id, failure, queue, holdMs = HOLD_MS, log } = attempt;
  const { kind, code, retryAfterMs } = failure;
  const fields = { wakeId: id, code };
  if (kind === 'outage') logEvent(log, 'delivery.held', fields);
  else if (retryAfterMs !== undefined) logEvent(log, 'delivery.rate_limited', { ...fields, retryAfterMs });
  const waitMs = kind === 'outage' ? holdMs : retryAfterMs && Math.min(retryAfterMs, MAX_WAIT_MS);
  if (waitMs !== undefined) {
    // The whole queue waits with this job at its head, so that the oldest message is sent first.
    await queue.rateLimit(waitMs);
    throw Worker.RateLimitError();
  }
  // workers.ts records the dead letter when BullMQ reports the failed job.
  if (kind === 'permanent') throw new UnrecoverableError(code);
  logEvent(log, 'delivery.retrying', fields);
  throw failure;
}

/** Delays a job until the hold ends. A worker starts it earlier if a person ends the hold. @throws always */
export async function waitForHold(
  { redis, keys, log }: { redis: RedisClient; keys: Keys; log: Logger },
  job: Job,
  token: string | undefined,
  until: number,
): Promise<never> {
  const jobId = job.id ?? '';
  logEvent(log, 'delivery.waits_for_hold', { jobId, until: new Date(until).toISOString() });
  await addHeld(redis, keys, jobId);
  await job.moveToDelayed(until, token);
  throw new DelayedError();
}
