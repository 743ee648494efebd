/**
 * A `deliver` job: post the DM, remember where it went, record how the wake ended.
 *
 *   waiting ── post ──▶ accepted ── record ──▶ done (diagnosis, fallback)
 *      ▲          ├─ not posted, unknown ──▶ waiting, later
 *      │          ├─ outage ──▶ held, looked at again every half minute
 *      └─ retry ──┴─ permanent, or out of tries ──▶ dead
 *
 * Without a Slack token the DM is printed in the log instead, and the wake ends as `dry_run`.
 */
import { directMessage, escapeForSlack } from '@kora-wake/shared/core/messages';
import { dmStatus, type Outcome } from '@kora-wake/shared/core/report';
import type { Keys } from '@kora-wake/shared/keys';
import type { Logger } from '@kora-wake/shared/log';
import { settle } from '@kora-wake/shared/outcomes';
import type { DeliveriesQueue, DeliverJob } from '@kora-wake/shared/queues';
import { DelayedError, type Job, UnrecoverableError, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { AuditWriter } from './audit.ts';
import { DeliveryFailure, type Messenger } from './slack.ts';

/** How often a held delivery is looked at again, ms. */
const HOLD_MS = 30_000;

export interface Delivery {
  /** Undefined: no Slack token, a dry run. */
  messenger: Messenger | undefined;
  deliveries: DeliveriesQueue;
  audit: AuditWriter;
  redis: Redis;
  keys: Keys;
  now(): number;
  log: Logger;
}

export function deliverer(delivery: Delivery) {
  const { messenger, deliveries, audit, redis, keys, now, log } = delivery;

  return async (job: Job<DeliverJob>, token: string | undefined): Promise<void> => {
    const { wake, report } = job.data;
    const text = directMessage(wake, report);
    if (!messenger) {
      log.info(
        { dm: { wakeId: wake.id, text } },
        `dry run of ${wake.id}, since no Slack token is set; the DM would be:`,
      );
      return record(job, 'dry_run');
    }
    if (!job.data.posted) {
      try {
        const posted = await messenger.post(escapeForSlack(text), wake.id);
        await job.updateData({ ...job.data, posted });
        log.info({ wakeId: wake.id, ...posted }, 'DM accepted by Slack');
      } catch (error) {
        if (error instanceof DeliveryFailure) return failed(job, token, error);
        throw error;
      }
    }
    return record(job, report.kind);
  };

  async function failed(job: Job<DeliverJob>, token: string | undefined, failure: DeliveryFailure): Promise<never> {
    const fields = { wakeId: job.data.wake.id, code: failure.code };
    if (failure.retryAfterMs !== undefined) {
      log.warn({ ...fields, retryAfterMs: failure.retryAfterMs }, 'Slack asks to wait');
      await deliveries.rateLimit(failure.retryAfterMs);
      throw Worker.RateLimitError();
    }
    if (failure.kind === 'outage') {
      log.error(fields, 'Slack refuses the token; the DM is held until KORA_SLACK_BOT_TOKEN is mended');
      await job.moveToDelayed(now() + HOLD_MS, token);
      throw new DelayedError();
    }
    // Recorded as dead by whoever sees the job fail, see workers.ts.
    if (failure.kind === 'permanent') throw new UnrecoverableError(failure.code);
    log.warn(fields, 'the DM was not delivered; trying again');
    throw failure;
  }

  async function record(job: Job<DeliverJob>, outcome: Exclude<Outcome, 'dead'>): Promise<void> {
    const { wake, report } = job.data;
    await audit.investigationCompleted(wake, report, dmStatus(report, outcome !== 'dry_run'));
    await settle(redis, keys, wake.id, outcome, now());
  }
}
