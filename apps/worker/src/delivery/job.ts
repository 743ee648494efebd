/**
 * A `deliver` job: posts the DM once, stores its place in Slack, and records the outcome of the wake.
 *
 *   ready ── claim ── post ──▶ accepted ──▶ recorded (diagnosis, fallback)
 *     ▲                 ├─ not posted ─▶ ready again, after the time that Slack asks for
 *     │                 ├─ outage ─────▶ held with all later messages, tried again every ten seconds
 *     │                 ├─ permanent ──▶ dead, until a person retries it
 *     │                 └─ unknown ────▶ claimed: Slack may have the message
 *     │                                     │
 *     └────────── not found ◀── look up ────┴── found ──▶ recorded
 *
 * The claim is stored before the post. So a worker that dies in between and an answer that is lost leave the same state, and
 * are handled in the same way (see earlier-post.ts). If Slack does not allow the look-up, the message is posted again and says
 * that it may be a duplicate. A wake whose pair recovered before the claim is not posted: it ends as `withdrawn`, after a look-up if
 * Slack may have it. Without a Slack token the DM is printed in the log, and the wake ends as `dry_run`.
 */
import type { Logger } from '@kora-wake/shared/runtime/log';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import type { Keys } from '@kora-wake/shared/store/keys';
import type { DeliveriesQueue, DeliverJob, Posted, WakesQueue } from '@kora-wake/shared/store/queues';
import {
  type Begun,
  beginDelivery,
  type Claim,
  recordOutcome,
  reopen,
  setClaim,
  withdrawIfOver,
} from '@kora-wake/shared/store/wake-record';
import { buttonsFor, dmBlocks } from '@kora-wake/shared/wake/blocks';
import { deliveryNote, directMessage, lateMs } from '@kora-wake/shared/wake/message';
import { dmStatus, type Outcome } from '@kora-wake/shared/wake/outcome';
import type { Report } from '@kora-wake/shared/wake/report';
import { escapeForSlack } from '@kora-wake/shared/wake/text';
import { type Job, UnrecoverableError, Worker } from 'bullmq';
import type { AuditWriter } from '../audit.ts';
import { countOlder, endJoined, releaseOlder } from '../investigation/join.ts';
import type { Stages } from '../metrics.ts';
import type { ServiceReports } from '../presence.ts';
import { findEarlierPost, possibleDataLoss } from './earlier-post.ts';
import { DeliveryFailure, type Messenger, mayBeAcceptedWithoutBlocks } from './slack.ts';

/** How long held deliveries wait before the next attempt, ms. */
const HOLD_MS = 10_000;
/** Limit for the time that Slack asks us to wait, ms: an alert must not wait for a week. */
const MAX_WAIT_MS = 15 * 60_000;
/** Storing a claim and posting are consecutive, so a claim is never older than this at the post, ms. */
const CLAIM_FRESH_MS = 2_000;

export interface Delivery {
  /** Undefined: no Slack token, a dry run. */
  messenger: Messenger | undefined;
  /** Address of the console, to which shortened DMs link. Undefined: no link. */
  consoleUrl?: string | undefined;
  wakes: WakesQueue;
  deliveries: DeliveriesQueue;
  audit: AuditWriter;
  services: Pick<ServiceReports, 'posted' | 'notPosted'>;
  redis: RedisClient;
  keys: Keys;
  /** Time from which the data of Redis is complete, ms since the epoch by its clock. */
  redisCompleteSince(): Promise<number>;
  /** Called with the outcome of each wake that was sent or printed, once. */
  ended(outcome: Outcome, report: Report, stages: Stages): void;
  /** Called once for each wake that ends as withdrawn. */
  withdrawn(): void;
  now(): number;
  /** Default {@link HOLD_MS}. */
  holdMs?: number;
  log: Logger;
}

export function deliverer(delivery: Delivery) {
  const { messenger, consoleUrl, deliveries, audit, services, redis, keys, now, log } = delivery;
  // The printed DM is the only output of a dry run, so the log's level must not hide it.
  const printed = log.child({}, { level: 'warn' });

  return async (job: Job<DeliverJob>, token?: string): Promise<void> => {
    const { wake, report } = job.data;
    if (!messenger) {
      if (job.attemptsStarted > 1) await reopen(redis, keys, wake.id, now());
      if (await withdraw(job, false)) return;
      const dm = { wakeId: wake.id, text: directMessage(wake, report, { consoleUrl }) };
      logEvent(printed, 'delivery.dry_run', { dm });
      return record(job, 'dry_run');
    }
    try {
      const at = now();
      const begun = await beginDelivery(redis, keys, wake.id, at);
      if (begun.quietFor !== undefined) return await joinQuiet(job, begun.quietFor);
      // Its row in the audit log may be missing.
      if (begun.ended === 'withdrawn') return void (await withdraw(job, false));
      if (begun.ended) return await record(job, begun.ended);
      const claim = { claimedAt: at, firstClaimedAt: at };
      const posted = await deliver(job, token, messenger, begun, claim);
      if (posted) await record(job, report.kind, posted);
    } catch (error) {
      if (error instanceof DeliveryFailure) return handleFailure(job, error);
      throw error;
    }
  };

  /**
   * Makes sure that Slack has the message once. Returns its channel and ts, or undefined if the wake was withdrawn instead.
   *
   * @param claim the claim that `beginDelivery` made, if there was no earlier one
   */
  async function deliver(
    job: Job<DeliverJob>,
    token: string | undefined,
    to: Messenger,
    begun: Begun,
    claim: Claim,
  ): Promise<Posted | undefined> {
    const { wake } = job.data;
    const { isOver, earlier } = begun;
    const recoveredAt = isOver ? null : begun.recoveredAt;
    const dataLoss = possibleDataLoss(wake, begun, await delivery.redisCompleteSince(), now());
    if (!earlier && !dataLoss) {
      if (isOver) {
        if (await withdraw(job, false)) return undefined;
        // Its pair fires again since, so it is to be sent after all.
        await setClaim(redis, keys, wake.id, claim);
      }
      return post(job, to, claim, undefined, begun, { mayRepeat: false, recoveredAt });
    }
    // Nothing was posted yet under the claim that was just made.
    if (!earlier && !isOver) await setClaim(redis, keys, wake.id, undefined);
    const { found, open, mayRepeat } = await findEarlierPost(delivery, job, token, to, earlier, dataLoss);
    if (found) return found;
    // The pair may also have recovered during the look-up.
    if (await withdraw(job, true)) return undefined;
    const next = { claimedAt: now(), firstClaimedAt: open?.firstClaimedAt ?? now() };
    await setClaim(redis, keys, wake.id, next);
    // Others may have begun to wait during the look-up.
    return post(job, to, next, open, { ...begun, isAwaited: true }, { mayRepeat, recoveredAt });
  }

  /** Ends the wake if a person took care of its incident during the investigation: the message that they know stands for it. */
  async function joinQuiet({ data: { wake, report } }: Job<DeliverJob>, joinedInto: string): Promise<void> {
    await endJoined(delivery, wake, joinedInto);
    await audit.investigationCompleted(wake, report, dmStatus(report, false));
  }

  /**
   * Ends the wake as withdrawn if it is over.
   *
   * @param isLookedUp see {@link withdrawIfOver}
   * @returns whether it has ended
   */
  async function withdraw({ data: { wake, report } }: Job<DeliverJob>, isLookedUp: boolean): Promise<boolean> {
    const ended = await withdrawIfOver(redis, keys, wake, now(), isLookedUp);
    if (!ended) return false;
    if (ended === 'now') {
      logEvent(log, 'wake.withdrawn', { wakeId: wake.id });
      delivery.withdrawn();
    }
    // The investigation was paid for all the same.
    await audit.investigationCompleted(wake, report, dmStatus(report, false));
    await releaseOlder(delivery, wake.id);
    return true;
  }

  /**
   * Posts the DM with its blocks. If Slack refuses the blocks, the text is sent alone.
   *
   * @param before the claim that is restored if Slack does not have the message
   */
  async function post(
    job: Job<DeliverJob>,
    to: Messenger,
    claim: Claim,
    before: Claim | undefined,
    { isAwaited, clickable }: Pick<Begun, 'isAwaited' | 'clickable'>,
    about: { mayRepeat: boolean; recoveredAt: number | null },
  ): Promise<Posted> {
    const { wake, report } = job.data;
    const older = isAwaited ? await countOlder({ redis, keys }, wake) : 0;
    const note = deliveryNote({ lateMs: lateMs(wake, now()), older, ...about });
    const text = escapeForSlack(directMessage(wake, report, { note, consoleUrl }));
    const blocks = [
      ...dmBlocks(wake, report, { note, consoleUrl }),
      ...(clickable ? buttonsFor(clickable.incidentId, clickable.state) : []),
    ];
    const posted = await send(wake.id, claim, before, () => to.post(text, wake.id, blocks)).catch(async (error) => {
      if (!(error instanceof DeliveryFailure && mayBeAcceptedWithoutBlocks(error))) throw error;
      logEvent(log, 'delivery.blocks_refused', { wakeId: wake.id, code: error.code });
      const again = { ...claim, claimedAt: now() };
      await setClaim(redis, keys, wake.id, again);
      return send(wake.id, again, before, () => to.post(text, wake.id));
    });
    return note === '' ? posted : { ...posted, note };
  }

  /** Makes one request under a claim. @param before the claim that is restored if Slack does not have the message */
  async function send(
    wakeId: string,
    { claimedAt }: Claim,
    before: Claim | undefined,
    request: () => Promise<Posted>,
  ): Promise<Posted> {
    try {
      // This process was frozen since the claim, so another worker may have the job by now.
      if (now() - claimedAt > CLAIM_FRESH_MS) throw new DeliveryFailure('not_posted', 'claim_went_stale');
      return await request();
    } catch (error) {
      if (error instanceof DeliveryFailure && error.kind !== 'unknown') await setClaim(redis, keys, wakeId, before);
      throw error;
    }
  }

  async function handleFailure(job: Job<DeliverJob>, failure: DeliveryFailure): Promise<never> {
    services.notPosted(failure);
    const fields = { wakeId: job.data.wake.id, code: failure.code };
    const { kind, retryAfterMs } = failure;
    if (kind === 'outage') logEvent(log, 'delivery.held', fields);
    else if (retryAfterMs !== undefined) logEvent(log, 'delivery.rate_limited', { ...fields, retryAfterMs });
    const holdMs = delivery.holdMs ?? HOLD_MS;
    const waitMs = kind === 'outage' ? holdMs : retryAfterMs && Math.min(retryAfterMs, MAX_WAIT_MS);
    if (waitMs !== undefined) {
      // The whole queue waits with this job at its head, so that the oldest message is sent first.
      await deliveries.rateLimit(waitMs);
      throw Worker.RateLimitError();
    }
    // workers.ts records the dead letter when BullMQ reports the failed job.
    if (kind === 'permanent') throw new UnrecoverableError(failure.code);
    logEvent(log, 'delivery.retrying', fields);
    throw failure;
  }

  /** Records the outcome of a wake. Repeated if it was recorded before, because the row in the audit log may be missing. */
  async function record(
    job: Job<DeliverJob>,
    outcome: Exclude<Outcome, 'dead' | 'withdrawn'>,
    posted?: Posted,
  ): Promise<void> {
    const { wake, report } = job.data;
    const status = dmStatus(report, outcome !== 'dry_run');
    const endedAt = now();
    if (posted) {
      services.posted();
      logEvent(log, 'delivery.sent', { wakeId: wake.id, channel: posted.channel, ts: posted.ts });
    }
    const isFirst = await recordOutcome(redis, keys, { wake, outcome, at: endedAt, dmStatus: status, posted });
    await audit.investigationCompleted(wake, report, status);
    if (isFirst) delivery.ended(outcome, report, { emittedAt: wake.emittedAt, readyAt: job.timestamp, endedAt });
    await releaseOlder(delivery, wake.id);
  }
}
