/**
 * A `deliver` job: post the DM once, remember where it went, record how the wake ended.
 *
 *   ready ── claim ── post ──▶ recorded ──▶ done (diagnosis, fallback)
 *     ▲                 ├─ not posted ─▶ ready again, later, as long as Slack asks
 *     │                 ├─ outage ─────▶ held with all that come after it, looked at again every ten seconds
 *     │                 ├─ permanent ──▶ dead, until a person retries it
 *     │                 └─ unknown ────▶ claimed: Slack may have the message
 *     │                                     │
 *     └────────── not there ◀── look up ────┴── there ──▶ recorded
 *
 * The claim is saved before the post, so a worker that dies in between leaves the same question as an answer that was
 * lost, and it is settled in the same way. So is a wake that is older than what Redis is sure to know: it may have been
 * told, and the record of it lost with the last second of a Redis that crashed. Where Slack does not let us look, the
 * message is posted again and says that it may be a repeat. Without a Slack token the DM is printed in the log instead, and the wake ends as `dry_run`.
 */

import type { Logger } from '@kora-wake/shared/runtime/log';
import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import type { Keys } from '@kora-wake/shared/store/keys';
import type { DeliveriesQueue, DeliverJob, Posted } from '@kora-wake/shared/store/queues';
import {
  type Begun,
  beginDelivery,
  type Claim,
  recordOutcome,
  reopen,
  setClaim,
} from '@kora-wake/shared/store/wake-record';
import { deliveryNote, directMessage } from '@kora-wake/shared/wake/message';
import { dmStatus, type Outcome } from '@kora-wake/shared/wake/outcome';
import { type Report } from '@kora-wake/shared/wake/report';
import { escapeForSlack } from '@kora-wake/shared/wake/text';
import { DelayedError, type Job, UnrecoverableError, Worker } from 'bullmq';
import type { AuditWriter } from '../audit.ts';
import type { Stages } from '../metrics.ts';
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
  /** Since when this Redis knows all it was told, ms since the epoch by its clock. */
  redisCompleteSince(): Promise<number>;
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
      if (job.attemptsStarted > 1) await reopen(redis, keys, wake.id, now());
      const dm = { wakeId: wake.id, text: directMessage(wake, report) };
      printed.warn({ dm }, `dry run of ${wake.id}, since no Slack token is set; the DM would be:`);
      return record(job, 'dry_run');
    }
    try {
      const at = now();
      const begun = await beginDelivery(redis, keys, wake.id, at);
      // Its row in the audit log may be missing.
      if (begun.ended) return await record(job, begun.ended);
      const claim = { claimedAt: at, firstClaimedAt: at };
      return await record(job, report.kind, await deliver(job, token, messenger, begun, claim));
    } catch (error) {
      if (error instanceof DeliveryFailure) return failed(job, error);
      throw error;
    }
  };

  /** Sees to it that Slack has the message, once. Returns where. @param claim the one that was made, where none was before */
  async function deliver(
    job: Job<DeliverJob>,
    token: string | undefined,
    to: Messenger,
    begun: Begun,
    claim: Claim,
  ): Promise<Posted> {
    const { wake } = job.data;
    const since = Math.max(await delivery.redisCompleteSince(), begun.dataLostAt);
    const knownForMs = begun.clock - since;
    // A row that is dated ahead has a clock of its own: it may be from before.
    const datedAhead = wake.emittedAt > now() + CLOCK_SKEW_MS && knownForMs < MAX_FORGOTTEN_MS;
    const forgotten = wake.emittedAt < since || datedAhead;
    if (!begun.earlier && !forgotten) return post(job, to, claim, undefined, false);
    // Nothing was posted yet under the claim that was just made.
    if (!begun.earlier) await setClaim(redis, keys, wake.id, undefined);
    const rowAt = datedAhead ? 0 : wake.emittedAt;
    const forgot = forgotten ? { knownForMs, rowAt } : undefined;
    const { found, open, mayRepeat } = await settleEarlier(job, token, to, begun.earlier, forgot);
    if (found) return found;
    const next = { claimedAt: now(), firstClaimedAt: open?.firstClaimedAt ?? now() };
    await setClaim(redis, keys, wake.id, next);
    return post(job, to, next, open, mayRepeat);
  }

  /** @param before the claim to go back to where Slack has not got it */
  async function post(
    job: Job<DeliverJob>,
    to: Messenger,
    { claimedAt }: Claim,
    before: Claim | undefined,
    mayRepeat: boolean,
  ): Promise<Posted> {
    const { wake, report } = job.data;
    const note = deliveryNote(now() - job.timestamp, mayRepeat);
    try {
      // Frozen in between, and for so long that another worker may have the job by now.
      if (now() - claimedAt > CLAIM_FRESH_MS) throw new DeliveryFailure('not_posted', 'claim_went_stale');
      const posted = await to.post(escapeForSlack(directMessage(wake, report) + note), wake.id);
      return note === '' ? posted : { ...posted, note };
    } catch (error) {
      if (error instanceof DeliveryFailure && error.kind !== 'unknown') await setClaim(redis, keys, wake.id, before);
      throw error;
    }
  }

  /**
   * Finds out what became of an earlier post: one whose end is not known, or one that Redis may have forgotten.
   *
   * @param forgot for how long Redis knows all it was told, ms, and since when the wake may have been told before, ms since
   * the epoch; undefined where it is sure to know
   * @returns where Slack has it, or else the claim that stands still open, and whether a post from now on may be a repeat
   */
  async function settleEarlier(
    job: Job<DeliverJob>,
    token: string | undefined,
    at: Messenger,
    earlier: Claim | undefined,
    forgot: { knownForMs: number; rowAt: number } | undefined,
  ): Promise<{ found?: Posted; open?: Claim | undefined; mayRepeat: boolean }> {
    const { id: wakeId } = job.data.wake;
    // A claim of a time still to come is of a clock that was set back.
    const claimedAt = earlier && Math.min(earlier.claimedAt, now());
    if (earlier && claimedAt !== undefined && claimedAt !== earlier.claimedAt) {
      await setClaim(redis, keys, wakeId, { ...earlier, claimedAt });
    }
    const settledForMs = Math.min(
      forgot?.knownForMs ?? Infinity,
      claimedAt === undefined ? Infinity : now() - claimedAt,
    );
    if (settledForMs < SETTLED_MS) {
      await job.moveToDelayed(Date.now() + SETTLED_MS - settledForMs, token);
      throw new DelayedError();
    }
    const firstAt = earlier?.firstClaimedAt ?? now();
    const since = forgot ? Math.min(firstAt, Math.max(forgot.rowAt, now() - MAX_FORGOTTEN_MS)) : firstAt;
    try {
      const found = await at.find(wakeId, since);
      log.info({ wakeId, found: found !== undefined }, 'looked up what became of an earlier post');
      return found ? { found, mayRepeat: false } : { mayRepeat: false };
    } catch (error) {
      const forbidden = error instanceof DeliveryFailure && error.kind === 'permanent';
      if (!forbidden && now() < (claimedAt ?? job.timestamp) + LOOK_UP_MS) throw error;
      log.warn({ wakeId }, 'an earlier post cannot be looked up; posting again, marked as a possible repeat');
      return { open: earlier, mayRepeat: true };
    }
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

  /** The end of a wake, once more where it was recorded before: the row in the audit log may be missing. */
  async function record(job: Job<DeliverJob>, outcome: Exclude<Outcome, 'dead'>, posted?: Posted): Promise<void> {
    const { wake, report } = job.data;
    const status = dmStatus(report, outcome !== 'dry_run');
    const endedAt = now();
    if (posted) log.info({ wakeId: wake.id, channel: posted.channel, ts: posted.ts }, 'DM accepted by Slack');
    const first = await recordOutcome(redis, keys, { wake, outcome, at: endedAt, dmStatus: status, posted });
    await audit.investigationCompleted(wake, report, status);
    if (first) delivery.ended(outcome, report, { emittedAt: wake.emittedAt, readyAt: job.timestamp, endedAt });
  }
}
