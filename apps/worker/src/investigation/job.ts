/**
 * A `wake` job: investigate, and hand what was found to the deliveries.
 *
 * The report is saved by adding the delivery: a job of its own, with an id derived from the wake's, so that it exists
 * once, a paid answer survives a crash, and failures of Slack never buy a second investigation.
 */

import { errorFields, type Logger } from '@kora-wake/shared/runtime/log';
import { isRedisAway, type RedisClient } from '@kora-wake/shared/runtime/redis';
import { publish } from '@kora-wake/shared/store/events';
import type { Keys } from '@kora-wake/shared/store/keys';
import { type DeliveriesQueue, deliverJobId, deliverJobOptions, type WakeJob } from '@kora-wake/shared/store/queues';
import { readWakeRecord, recordInvestigation } from '@kora-wake/shared/store/wake-record';
import { engineException, fallbackReport, type Report } from '@kora-wake/shared/wake/report';
import { type Job, WaitingError } from 'bullmq';
import type { Engine } from './agent.ts';

/** A wake whose worker died this often is told without an investigation: it may be what kills the workers. */
const MAX_CRASHES = 4;

export interface Investigation {
  engine: Engine;
  deliveries: DeliveriesQueue;
  redis: RedisClient;
  keys: Keys;
  now(): number;
  log: Logger;
}

export function investigator({ engine, deliveries, redis, keys, now, log }: Investigation) {
  return async (job: Job<WakeJob>, token?: string, signal?: AbortSignal): Promise<void> => {
    const { wake } = job.data;
    try {
      const report = (await known(job)) ?? (await investigated(job, signal ?? new AbortController().signal));
      await Promise.all([
        deliveries.add('deliver', { wake, report }, deliverJobOptions(wake.id)),
        recordInvestigation(redis, keys, wake, report, now()),
      ]);
    } catch (error) {
      if (!signal?.aborted) throw error;
      log.info({ wakeId: wake.id }, 'investigation given back; another worker takes it up');
      await job.moveToWait(token);
      throw new WaitingError();
    }
  };

  /** What an earlier start of the job has found, as far as it came. */
  async function known({ data: { wake }, attemptsStarted }: Job<WakeJob>): Promise<Report | undefined> {
    if (attemptsStarted <= 1) return undefined;
    const delivery = await deliveries.getJob(deliverJobId(wake.id));
    return delivery?.data.report ?? (await readWakeRecord(redis, keys, wake.id))?.report ?? undefined;
  }

  async function investigated(job: Job<WakeJob>, signal: AbortSignal): Promise<Report> {
    const { wake } = job.data;
    if (job.stalledCounter > MAX_CRASHES) return fallbackReport('engine_exception:WorkerCrashed');
    log.info({ wakeId: wake.id, probe: wake.probe, category: wake.category }, 'investigating');
    const { id: wakeId, probe, category } = wake;
    void publish(redis, keys, log, 'investigation.started', { wakeId, probe, category });
    try {
      return await engine.investigate(wake, signal);
    } catch (error) {
      signal.throwIfAborted();
      // Without Redis there is no budget to ask, and nowhere to keep an answer: BullMQ tries again.
      if (isRedisAway(error)) throw error;
      log.error({ wakeId: wake.id, ...errorFields(error) }, 'the investigation failed in an unexpected way');
      return fallbackReport(engineException(error));
    }
  }
}
