/**
 * One BullMQ worker that starts again until it runs. BullMQ's own worker ends for good, without an exception, if Redis goes away
 * while it starts. After a complete start it waits until Redis is back.
 */
import { sleep, withTimeLimit } from '@kora-wake/shared/runtime/async';
import { DRAIN_MS } from '@kora-wake/shared/runtime/lifecycle';
import { errorFields, type Logger } from '@kora-wake/shared/runtime/log';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import { isForbidden, isRedisAway } from '@kora-wake/shared/runtime/redis-fault';
import type { Job, Worker } from 'bullmq';
import { DeliveryFailure } from './delivery/slack.ts';

/** Limit for closing a worker without jobs in progress, ms. */
const IDLE_CLOSE_MS = 2_000;
/** Delay before a worker that ended during its start is created again, ms. */
const RESTART_MS = 1_000;

export interface RunningWorker {
  /** Resolves when the worker takes jobs for the first time. It waits for Redis as long as that takes. */
  ready: Promise<void>;
  /**
   * Takes no new jobs, lets those in progress end until the drain deadline, then aborts the rest, which returns them to the
   * queue. If Redis is unreachable, a worker cannot close; it is then left as it is.
   */
  stop(): Promise<void>;
}

/**
 * @param create makes a BullMQ worker with `autorun: false`; called again if a worker ends during its start
 * @param isBusy whether any job is in progress
 */
export function runWorker(create: () => Worker, isBusy: () => boolean, log: Logger): RunningWorker {
  const stopping = new AbortController();
  const { promise: ready, resolve: onReady } = Promise.withResolvers<void>();
  let worker: Worker | undefined;
  let lastRefusal: string | undefined;

  async function runUntilStopped(): Promise<void> {
    while (!stopping.signal.aborted) {
      const current = create();
      worker = current;
      current.on('error', onError);
      current.on('failed', onFailed);
      try {
        await current.waitUntilReady();
        // `run` rejects if it cannot start, and otherwise resolves when the worker is closed.
        const running = current.run();
        onReady();
        return await running;
      } catch (error) {
        logEvent(
          log,
          'worker.error',
          errorFields(error),
          'the BullMQ worker ended during its start; starting it again',
        );
        void current.close(true).catch(() => undefined);
        await sleep(RESTART_MS, stopping.signal);
      }
    }
  }

  /** Slack's failures and the end of a job have lines of their own. Any other error would be invisible until the last attempt. */
  function onFailed(job: Job | undefined, error: Error): void {
    if (error instanceof DeliveryFailure || job?.finishedOn !== undefined || isRedisAway(error)) return;
    logEvent(log, 'worker.job_failed', { queue: job?.queueName ?? '', jobId: job?.id ?? '', ...errorFields(error) });
  }

  function onError(error: Error): void {
    logEvent(log, 'worker.error', errorFields(error));
    if (!isForbidden(error) || error.message === lastRefusal) return;
    lastRefusal = error.message;
    logEvent(log, 'worker.refused', errorFields(error));
  }

  void runUntilStopped();
  return {
    ready,
    stop: async () => {
      stopping.abort();
      if (!worker) return;
      const closed = worker.close();
      if ((await withTimeLimit(closed, isBusy() ? DRAIN_MS : IDLE_CLOSE_MS)).inTime) return;
      worker.cancelAllJobs('shutting down');
      await withTimeLimit(closed, IDLE_CLOSE_MS);
    },
  };
}
