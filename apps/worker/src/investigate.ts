/**
 * A `wake` job: investigate, keep the report, hand it to the deliveries.
 *
 * The report is saved in the job before anything else happens, so that a paid answer survives a crash; the delivery
 * is a job of its own with an id derived from the wake's, so that it exists once and its failures never buy a
 * second investigation.
 */
import { engineException, fallbackReport, type Report } from '@kora-wake/shared/core/report';
import { publish } from '@kora-wake/shared/events';
import { recordInvestigation } from '@kora-wake/shared/investigations';
import type { Keys } from '@kora-wake/shared/keys';
import { errorFields, type Logger } from '@kora-wake/shared/log';
import { type DeliveriesQueue, deliverJobOptions, type WakeJob } from '@kora-wake/shared/queues';
import { isRedisAway, type RedisClient } from '@kora-wake/shared/redis';
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
    const { id: wakeId, probe, category } = wake;
    try {
      const report = job.data.report ?? (await investigated(job, signal ?? new AbortController().signal));
      if (!job.data.report) await job.updateData({ ...job.data, report });
      await recordInvestigation(redis, keys, wake, report, now());
      const found = report.kind === 'diagnosis' ? (report.verdict ?? 'plain text') : report.code;
      await publish(redis, keys, log, 'investigation.ended', { wakeId, probe, category, found });
      await deliveries.add('deliver', { wake, report }, deliverJobOptions(wake.id));
    } catch (error) {
      if (!signal?.aborted) throw error;
      log.info({ wakeId: wake.id }, 'investigation given back; another worker takes it up');
      await job.moveToWait(token);
      throw new WaitingError();
    }
  };

  async function investigated(job: Job<WakeJob>, signal: AbortSignal): Promise<Report> {
    const { wake } = job.data;
    if (job.stalledCounter > MAX_CRASHES) return fallbackReport('engine_exception:WorkerCrashed');
    log.info({ wakeId: wake.id, probe: wake.probe, category: wake.category }, 'investigating');
    const { id: wakeId, probe, category } = wake;
    await publish(redis, keys, log, 'investigation.started', { wakeId, probe, category });
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
