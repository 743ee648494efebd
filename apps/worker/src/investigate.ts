/**
 * A `wake` job: investigate, keep the report, hand it to the deliveries.
 *
 * The report is saved in the job before anything else happens, so that a paid answer survives a crash; the delivery
 * is a job of its own with an id derived from the wake's, so that it exists once and its failures never buy a
 * second investigation.
 */
import { engineException, fallbackReport, type Report } from '@kora-wake/shared/core/report';
import { errorFields, type Logger } from '@kora-wake/shared/log';
import { type DeliveriesQueue, deliverJobOptions, type WakeJob } from '@kora-wake/shared/queues';
import { type Job, WaitingError } from 'bullmq';
import type { Engine } from './engine.ts';

/** A wake whose worker died this often is told without an investigation: it may be what kills the workers. */
const MAX_CRASHES = 4;

export interface Investigation {
  engine: Engine;
  deliveries: DeliveriesQueue;
  log: Logger;
}

export function investigator({ engine, deliveries, log }: Investigation) {
  return async (job: Job<WakeJob>, token?: string, signal?: AbortSignal): Promise<void> => {
    const { wake } = job.data;
    try {
      const report = job.data.report ?? (await investigated(job, signal ?? new AbortController().signal));
      if (!job.data.report) await job.updateData({ ...job.data, report });
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
    try {
      return await engine.investigate(wake, signal);
    } catch (error) {
      signal.throwIfAborted();
      log.error({ wakeId: wake.id, ...errorFields(error) }, 'the investigation failed in an unexpected way');
      return fallbackReport(engineException(error));
    }
  }
}
