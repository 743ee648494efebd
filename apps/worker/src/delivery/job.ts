/**
 * A `deliver` job: posts the DM once, stores its place in Slack, and records the outcome of the wake.
 *
 *   ready ── claim ── post ──▶ accepted ──▶ recorded (diagnosis, fallback, unchanged)
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
 * Slack may have it. A wake that the digest of a storm names ends with that. Without a Slack token the DM is printed in the log, and the wake ends as `dry_run`.
 */
import type { Logger } from '@kora-wake/shared/runtime/log';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import { type Claim, setClaim } from '@kora-wake/shared/store/claims';
import type { Keys } from '@kora-wake/shared/store/keys';
import type { DeliveriesQueue, DeliverJob, Posted, WakesQueue } from '@kora-wake/shared/store/queues';
import {
  type BegunWake,
  beginDelivery,
  readReadiness,
  recordOutcome,
  reopen,
  withdrawIfOver,
} from '@kora-wake/shared/store/wake-record';
import { buttonsFor, dmBlocks } from '@kora-wake/shared/wake/blocks';
import { deliveryNote, directMessage, lateMs } from '@kora-wake/shared/wake/message';
import { dmStatus, type Outcome, sentOutcome } from '@kora-wake/shared/wake/outcome';
import { isRepeated, type Report } from '@kora-wake/shared/wake/report';
import { escapeForSlack } from '@kora-wake/shared/wake/text';
import type { Wake } from '@kora-wake/shared/wake/wake';
import type { Job } from 'bullmq';
import type { AuditWriter } from '../audit.ts';
import { countOlder, endJoined, releaseOlder } from '../investigation/join.ts';
import type { Stages } from '../metrics.ts';
import type { ServiceReports } from '../presence.ts';
import { findEarlierPost, possibleDataLoss } from './earlier-post.ts';
import { type Message, postMessage } from './post.ts';
import { DeliveryFailure, type Messenger } from './slack.ts';
import { retryLater, waitForHold } from './waiting.ts';

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
  /** How long deliveries wait while Slack refuses the token, ms; for tests. */
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
      if ((await readReadiness(redis, keys, wake)).stormId !== undefined) return;
      const dm = { wakeId: wake.id, text: directMessage(wake, report, { consoleUrl }) };
      logEvent(printed, 'delivery.dry_run', { dm });
      return record(job, 'dry_run');
    }
    try {
      const at = now();
      const begun = await beginDelivery(redis, keys, wake, at);
      if (begun.stormId !== undefined || begun.ended === 'digest') return await auditUnsent(job.data);
      if (begun.quietFor !== undefined) return await joinQuiet(job, begun.quietFor);
      if (begun.heldUntil !== undefined) return await waitForHold(delivery, job, token, begun.heldUntil);
      // Its row in the audit log may be missing.
      if (begun.ended === 'withdrawn') return void (await withdraw(job, false));
      if (begun.ended) return await record(job, begun.ended);
      const claim = { claimedAt: at, firstClaimedAt: at };
      const posted = await deliver(job, token, messenger, begun, claim);
      if (posted) await record(job, sentOutcome(report), posted);
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
    begun: BegunWake,
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
        await setClaim(redis, keys.wake(wake.id), claim);
      }
      return post(job, to, claim, undefined, begun, { mayRepeat: false, recoveredAt });
    }
    // Nothing was posted yet under the claim that was just made.
    if (!earlier && !isOver) await setClaim(redis, keys.wake(wake.id), undefined);
    const { found, open, mayRepeat } = await findEarlierPost(
      delivery,
      job,
      token,
      to,
      messageOf(wake),
      earlier,
      dataLoss,
    );
    if (found) return found;
    // The pair may also have recovered during the look-up.
    if (await withdraw(job, true)) return undefined;
    const next = { claimedAt: now(), firstClaimedAt: open?.firstClaimedAt ?? now() };
    await setClaim(redis, keys.wake(wake.id), next);
    // Others may have begun to wait during the look-up.
    return post(job, to, next, open, { ...begun, isAwaited: true }, { mayRepeat, recoveredAt });
  }

  /** Ends the wake if a person took care of its incident during the investigation: the message that they know stands for it. */
  async function joinQuiet({ data }: Job<DeliverJob>, joinedInto: string): Promise<void> {
    await endJoined(delivery, data.wake, joinedInto);
    await auditUnsent(data);
  }

  /** The investigation of a wake that is not sent was paid for all the same. A repeated report was not. */
  async function auditUnsent({ wake, report }: DeliverJob): Promise<void> {
    if (!isRepeated(report)) await audit.investigationCompleted(wake, report, dmStatus(report, false));
  }

  /**
   * Ends the wake as withdrawn if it is over.
   *
   * @param isLookedUp see {@link withdrawIfOver}
   * @returns whether it has ended
   */
  async function withdraw({ data }: Job<DeliverJob>, isLookedUp: boolean): Promise<boolean> {
    const { wake } = data;
    const ended = await withdrawIfOver(redis, keys, wake, now(), isLookedUp);
    if (!ended) return false;
    if (ended === 'now') {
      logEvent(log, 'wake.withdrawn', { wakeId: wake.id });
      delivery.withdrawn();
    }
    await auditUnsent(data);
    await releaseOlder(delivery, wake.id);
    return true;
  }

  /** Posts the DM. @param before the claim that is restored if Slack does not have the message */
  async function post(
    job: Job<DeliverJob>,
    to: Messenger,
    claim: Claim,
    before: Claim | undefined,
    { isAwaited, clickable }: Pick<BegunWake, 'isAwaited' | 'clickable'>,
    about: { mayRepeat: boolean; recoveredAt: number | null },
  ): Promise<Posted> {
    const { wake, report } = job.data;
    const older = isAwaited ? await countOlder({ redis, keys }, wake) : 0;
    const note = deliveryNote({ lateMs: lateMs(wake, now()), older, ...about });
    const content = {
      text: escapeForSlack(directMessage(wake, report, { note, consoleUrl })),
      blocks: [
        ...dmBlocks(wake, report, { note, consoleUrl }),
        ...(clickable ? buttonsFor(clickable.incidentId, clickable.state, report) : []),
      ],
    };
    const posted = await postMessage(delivery, to, messageOf(wake), claim, before, content);
    return note === '' ? posted : { ...posted, note };
  }

  function messageOf({ id }: Wake): Message {
    return { id, recordKey: keys.wake(id) };
  }

  async function handleFailure(job: Job<DeliverJob>, failure: DeliveryFailure): Promise<never> {
    services.notPosted(failure);
    return retryLater({ id: job.data.wake.id, failure, queue: deliveries, holdMs: delivery.holdMs, log });
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
