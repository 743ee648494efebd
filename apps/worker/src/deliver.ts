/**
 * A `deliver` job: post the DM once, remember where it went, record how the wake ended.
 *
 *   ready ── claim ── post ──▶ accepted ── record ──▶ done (diagnosis, fallback)
 *     ▲                 ├─ not posted ─▶ ready again, later, as long as Slack asks
 *     │                 ├─ outage ─────▶ held with all that come after it, looked at again every ten seconds
 *     │                 ├─ permanent ──▶ dead, until a person retries it
 *     │                 └─ unknown ────▶ claimed: Slack may have the message
 *     │                                     │
 *     └────────── not there ◀── look up ────┴── there ──▶ accepted
 *
 * The claim is saved before the post, so a worker that dies in between leaves the same question as an answer that was
 * lost, and it is settled in the same way. So is a wake that is older than what Redis is sure to know: it may have been
 * told, and the record of it lost with the last second of a Redis that crashed. Where Slack does not let us look, the message is posted again and says that
 * it may be a repeat. Without a Slack token the DM is printed in the log instead, and the wake ends as `dry_run`.
 */

import { deliveryNote, directMessage, escapeForSlack } from '@kora-wake/shared/core/messages';
import { dmStatus, type Outcome, type Report } from '@kora-wake/shared/core/report';
import { publish } from '@kora-wake/shared/events';
import { recordDelivery } from '@kora-wake/shared/investigations';
import type { Keys } from '@kora-wake/shared/keys';
import type { Logger } from '@kora-wake/shared/log';
import { settle } from '@kora-wake/shared/outcomes';
import type { DeliveriesQueue, DeliverJob, Posted } from '@kora-wake/shared/queues';
import type { Knowledge, RedisClient } from '@kora-wake/shared/redis';
import { DelayedError, type Job, UnrecoverableError, Worker } from 'bullmq';
import type { AuditWriter } from './audit.ts';
import type { Stages } from './metrics.ts';
import { DeliveryFailure, type Messenger, SLACK_TIMEOUT_MS } from './slack.ts';

/** How often held deliveries are looked at again, ms. */
const HOLD_MS = 10_000;
/** However long Slack asks to wait: a pager that is silent for a week is no pager, ms. */
const MAX_WAIT_MS = 15 * 60_000;
/** After a claim: the post has timed out by then, and Slack's history has caught up, ms. */
const SETTLED_MS = SLACK_TIMEOUT_MS + 5_000;
/** Between saving a claim and posting there is nothing to do, ms. */
const CLAIM_FRESH_MS = 2_000;
/** Clocks of two machines differ by less, ms. */
export const CLOCK_SKEW_MS = 60_000;
/** A Redis that went back further than this, in ms, is not made up for. */
const MAX_FORGOTTEN_MS = 24 * 3_600_000;
/** Looking up is tried for this long; then the message is posted again, marked, ms. */
const LOOK_UP_MS = 5 * 60_000;

export interface Delivery {
  /** Undefined: no Slack token, a dry run. */
  messenger: Messenger | undefined;
  deliveries: DeliveriesQueue;
  audit: AuditWriter;
  redis: RedisClient;
  keys: Keys;
  redisKnowledge(): Promise<Knowledge>;
  /** Hears how each wake ended. */
  ended(outcome: Outcome, report: Report, stages: Stages): void;
  now(): number;
  log: Logger;
}

export function deliverer(delivery: Delivery) {
  const { messenger, deliveries, audit, redis, keys, now, log } = delivery;
  // Whatever the log's level: it is the only sight of the message.
  const printed = log.child({}, { level: 'warn' });

  return async (job: Job<DeliverJob>, token?: string): Promise<void> => {
    const { wake, report } = job.data;
    if (!messenger) {
      const dm = { wakeId: wake.id, text: directMessage(wake, report) };
      printed.warn({ dm }, `dry run of ${wake.id}, since no Slack token is set; the DM would be:`);
      return record(job, 'dry_run');
    }
    try {
      const mayRepeat = await settleEarlier(job, token, messenger);
      if (!job.data.posted) await post(job, messenger, mayRepeat);
    } catch (error) {
      if (error instanceof DeliveryFailure) return failed(job, error);
      throw error;
    }
    return record(job, report.kind);
  };

  async function post(job: Job<DeliverJob>, to: Messenger, mayRepeat: boolean): Promise<void> {
    const { wake, report } = job.data;
    const note = deliveryNote(now() - job.timestamp, mayRepeat);
    const before = job.data;
    const claimedAt = now();
    await job.updateData({ ...before, claimedAt, firstClaimedAt: before.firstClaimedAt ?? claimedAt });
    try {
      // Frozen in between, and for so long that another worker may have the job by now.
      if (now() - claimedAt > CLAIM_FRESH_MS) throw new DeliveryFailure('not_posted', 'claim_went_stale');
      const posted = await to.post(escapeForSlack(directMessage(wake, report) + note), wake.id);
      await accepted(job, note === '' ? posted : { ...posted, note });
    } catch (error) {
      if (error instanceof DeliveryFailure && error.kind !== 'unknown') await job.updateData(before);
      throw error;
    }
  }

  /**
   * Finds out what became of an earlier post: one whose end is not known, or one that Redis may have forgotten.
   * Afterwards `posted` is set where Slack has it.
   *
   * @returns whether a post from now on may be a repeat
   */
  async function settleEarlier(job: Job<DeliverJob>, token: string | undefined, at: Messenger): Promise<boolean> {
    const { wake, claimedAt, firstClaimedAt, posted } = job.data;
    if (posted) return false;
    const known = await delivery.redisKnowledge();
    // A row that is dated ahead has a clock of its own: it may be from before.
    const datedAhead = wake.emittedAt > now() + CLOCK_SKEW_MS && known.forMs < MAX_FORGOTTEN_MS;
    const forgotten = wake.emittedAt < known.since || datedAhead;
    if (claimedAt === undefined && !forgotten) return false;
    // A claim of a time still to come is of a clock that was set back.
    const claim = claimedAt === undefined ? undefined : Math.min(claimedAt, now());
    if (claim !== undefined && claim !== claimedAt) await job.updateData({ ...job.data, claimedAt: claim });
    const settledForMs = Math.min(forgotten ? known.forMs : Infinity, claim === undefined ? Infinity : now() - claim);
    if (settledForMs < SETTLED_MS) {
      await job.moveToDelayed(Date.now() + SETTLED_MS - settledForMs, token);
      throw new DelayedError();
    }
    const firstAt = firstClaimedAt ?? claim ?? now();
    const rowAt = datedAhead ? 0 : wake.emittedAt;
    const since = forgotten ? Math.min(firstAt, Math.max(rowAt, now() - MAX_FORGOTTEN_MS)) : firstAt;
    try {
      const found = await at.find(wake.id, since);
      log.info({ wakeId: wake.id, found: found !== undefined }, 'looked up what became of an earlier post');
      if (found) await accepted(job, found);
      else if (claimedAt !== undefined) await job.updateData(withoutClaim(job.data));
      return false;
    } catch (error) {
      const forbidden = error instanceof DeliveryFailure && error.kind === 'permanent';
      if (!forbidden && now() < (claim ?? job.timestamp) + LOOK_UP_MS) throw error;
      log.warn({ wakeId: wake.id }, 'an earlier post cannot be looked up; posting again, marked as a possible repeat');
      return true;
    }
  }

  async function accepted(job: Job<DeliverJob>, posted: Posted): Promise<void> {
    await job.updateData({ ...withoutClaim(job.data), posted });
    const { channel, ts } = posted;
    log.info({ wakeId: job.data.wake.id, channel, ts }, 'DM accepted by Slack');
  }

  async function failed(job: Job<DeliverJob>, failure: DeliveryFailure): Promise<never> {
    const fields = { wakeId: job.data.wake.id, code: failure.code };
    if (failure.kind === 'outage') {
      log.error(fields, 'Slack refuses the token; all DMs are held until KORA_SLACK_BOT_TOKEN is mended');
    } else if (failure.retryAfterMs !== undefined) {
      log.warn({ ...fields, retryAfterMs: failure.retryAfterMs }, 'Slack asks to wait');
    }
    const waitMs =
      failure.kind === 'outage' ? HOLD_MS : failure.retryAfterMs && Math.min(failure.retryAfterMs, MAX_WAIT_MS);
    if (waitMs !== undefined) {
      // The whole queue waits, this job at its head, so that the oldest goes out first.
      await deliveries.rateLimit(waitMs);
      throw Worker.RateLimitError();
    }
    // Recorded as dead by whoever sees the job fail, see workers.ts.
    if (failure.kind === 'permanent') throw new UnrecoverableError(failure.code);
    log.warn(fields, 'the DM was not delivered; trying again');
    throw failure;
  }

  async function record(job: Job<DeliverJob>, outcome: Exclude<Outcome, 'dead'>): Promise<void> {
    const { wake, report } = job.data;
    const status = dmStatus(report, outcome !== 'dry_run');
    await audit.investigationCompleted(wake, report, status);
    await recordDelivery(redis, keys, wake.id, status, job.data.posted);
    const endedAt = now();
    const first = await settle(redis, keys, wake.id, outcome, endedAt);
    if (!first) return;
    const { id: wakeId, probe, category } = wake;
    await publish(redis, keys, log, 'dm.sent', { wakeId, probe, category, outcome });
    delivery.ended(outcome, report, { emittedAt: wake.emittedAt, readyAt: job.timestamp, endedAt });
  }
}

function withoutClaim(data: DeliverJob): DeliverJob {
  const rest = { ...data };
  delete rest.claimedAt;
  delete rest.firstClaimedAt;
  return rest;
}
