/**
 * A `wake` job: investigates the wake, and adds the delivery of its report. A wake for which the digest of a storm stands is not
 * investigated, except one of them, for the storm as a whole.
 *
 * The report is stored in the delivery job. The job's id is derived from the wake's id, so a second add creates no second job. A
 * paid report therefore survives a crash, and a failure of Slack never causes a second investigation.
 */
import { sleep } from '@kora-wake/shared/runtime/async';
import { errorFields, type Logger } from '@kora-wake/shared/runtime/log';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import { isRedisAway } from '@kora-wake/shared/runtime/redis-fault';
import { publish } from '@kora-wake/shared/store/events';
import { addHeld } from '@kora-wake/shared/store/hold';
import type { Keys } from '@kora-wake/shared/store/keys';
import {
  type DeliveriesQueue,
  deliverJobId,
  deliverJobOptions,
  type WakeJob,
  type WakesQueue,
} from '@kora-wake/shared/store/queues';
import type { Step } from '@kora-wake/shared/store/step-types';
import { keepSteps } from '@kora-wake/shared/store/steps';
import { markStormChanged, readStorm } from '@kora-wake/shared/store/storms';
import {
  addJoining,
  claimInvestigation,
  type Readiness,
  readReadiness,
  readWakeRecord,
  recordInvestigation,
  withdrawIfOver,
} from '@kora-wake/shared/store/wake-record';
import { dmStatus } from '@kora-wake/shared/wake/outcome';
import { engineException, fallbackReport, type Report } from '@kora-wake/shared/wake/report';
import type { Wake } from '@kora-wake/shared/wake/wake';
import { DelayedError, type Job, WaitingError } from 'bullmq';
import type { AuditWriter } from '../audit.ts';
import type { ServiceReports } from '../presence.ts';
import type { Engine } from './agent.ts';
import { bringForward, endJoined, findNewer, JOIN_AFTER_MS, joinDelayMs, releaseOlder } from './join.ts';
import { stormText } from './storm.ts';

/** After this many crashes of its worker a wake is sent without an investigation, because it may be the cause. */
const MAX_CRASHES = 4;
/** Delays of a wake that waits for the investigation of an equal one, ms, and the starts of its job after which it waits no more. */
const FIRST_WAIT_MS = 1_000;
const MAX_WAIT_MS = 15_000;
const MAX_WAIT_STARTS = 12;
/** Time until a look whether the digest of a storm was sent, ms, and the starts of the job after which its investigation begins anyway. */
const DIGEST_LOOK_MS = 1_000;
const MAX_DIGEST_STARTS = 10;
/** Time between two looks for the commit, ms. */
const COMMIT_LOOK_MS = 2;

export interface Investigation {
  engine: Engine;
  wakes: WakesQueue;
  deliveries: DeliveriesQueue;
  services: Pick<ServiceReports, 'investigated'>;
  audit: Pick<AuditWriter, 'investigationCompleted'>;
  /** Longest wait for the tailer's commit, which decides the incident of a wake, ms; 0 if there are no incidents. */
  commitWaitMs: number;
  /** Whether the inputs and outputs of investigations are stored. */
  keepsSteps: boolean;
  /** Whether the policy says that the wake is investigated only if something has changed. Read each time: the policy can change. */
  isOnChange(wake: Wake): boolean;
  /** Whether there may be storms. Read each time, too. */
  hasStorms(): boolean;
  /** Called once for each wake that ends as withdrawn before it was investigated. */
  withdrawn(): void;
  redis: RedisClient;
  keys: Keys;
  now(): number;
  log: Logger;
}

export function investigator(investigation: Investigation) {
  const { engine, wakes, deliveries, services, audit, redis, keys, now, log } = investigation;
  const { commitWaitMs, keepsSteps, isOnChange, hasStorms } = investigation;
  const pair = { redis, keys, wakes, deliveries };

  return async (job: Job<WakeJob>, token?: string, signal?: AbortSignal): Promise<void> => {
    const { wake } = job.data;
    let earlier = await readEarlierReport(job);
    const readiness = await (earlier ? readReadiness(redis, keys, wake) : untilCommitted(wake));
    if (readiness.stormId !== undefined) {
      if (!readiness.leadsStorm) return;
      return leadStorm(job, token, signal, readiness.stormId, readiness.isDigestSent);
    }
    if (!earlier) {
      if (readiness.isOver && (await withdraw(job))) return;
      if (readiness.quietFor !== undefined) return endJoined(investigation, wake, readiness.quietFor);
      // A person who retries a wake wants its own message.
      if (!readiness.wasDead && (await joinNewer(job, token))) return;
      await waitAfterReopening(job, token, readiness.notBefore);
      if (isOnChange(wake)) earlier = await repeatDiagnosis(job, token);
    }
    await unlessStopping(job, token, signal, async (stop) => {
      const steps: Step[] = [];
      const report = earlier ?? (await investigate(job, stop, steps));
      // It may have become the wake that leads a storm meanwhile.
      const since = hasStorms() ? await readReadiness(redis, keys, wake) : readiness;
      if (since.stormId !== undefined && since.leadsStorm) {
        await recordInvestigation(redis, keys, wake, report, now());
        // Its steps are those of the storm, which leadStorm stores.
        return leadStorm(job, token, signal, since.stormId, since.isDigestSent);
      }
      await Promise.all([
        addDelivery(wake, report, readiness.heldUntil),
        recordInvestigation(redis, keys, wake, report, now()),
      ]);
      await keep(wake, steps);
    });
  };

  /** Returns the job to its queue if the worker stops meanwhile. */
  async function unlessStopping(
    job: Job<WakeJob>,
    token: string | undefined,
    signal: AbortSignal | undefined,
    run: (signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    try {
      await run(signal ?? new AbortController().signal);
    } catch (error) {
      if (!signal?.aborted) throw error;
      logEvent(log, 'investigation.returned', { wakeId: job.data.wake.id });
      await job.moveToWait(token);
      throw new WaitingError();
    }
  }

  /**
   * Makes the single investigation of a storm, once its digest was sent: by then most of its members are known. The wake itself ends with
   * the digest.
   *
   * @throws DelayedError if the digest was not sent yet
   */
  async function leadStorm(
    job: Job<WakeJob>,
    token: string | undefined,
    signal: AbortSignal | undefined,
    stormId: string,
    isSent: boolean,
  ): Promise<void> {
    const { wake } = job.data;
    const stored = (await readWakeRecord(redis, keys, wake.id))?.report ?? undefined;
    // It may have been investigated by itself, before it became a member.
    const earlier = stored?.storm === stormId ? stored : undefined;
    if (!isSent && !earlier && job.attemptsStarted <= MAX_DIGEST_STARTS) {
      await job.moveToDelayed(Date.now() + DIGEST_LOOK_MS, token);
      throw new DelayedError();
    }
    const storm = await readStorm(redis, keys, stormId);
    if (!storm || (storm.state === 'closed' && !earlier)) return;
    const about = earlier ? undefined : await stormText({ redis, keys }, storm, now());
    await unlessStopping(job, token, signal, async (stop) => {
      const steps: Step[] = [];
      const report = earlier ?? { ...(await investigate(job, stop, steps, about)), storm: stormId };
      await recordInvestigation(redis, keys, wake, report, now());
      await markStormChanged(redis, keys, stormId);
      await audit.investigationCompleted(wake, report, dmStatus(report, storm.message !== null));
      await keep(wake, steps);
    });
  }

  /** Stores steps for the console, once the message is on its way: it must neither fail nor wait because of them. */
  async function keep({ id: wakeId }: Wake, steps: readonly Step[]): Promise<void> {
    if (!keepsSteps || steps.length === 0) return;
    await keepSteps(redis, keys, wakeId, steps).catch((error: unknown) =>
      logEvent(log, 'investigation.steps_lost', { wakeId, ...errorFields(error) }),
    );
  }

  /** A delivery that waits for the end of a hold takes no turn of Slack's pace from others. */
  async function addDelivery(wake: Wake, report: Report, heldUntil: number | undefined): Promise<void> {
    const options = deliverJobOptions(wake);
    if (heldUntil === undefined) return void (await deliveries.add('deliver', { wake, report }, options));
    await deliveries.add('deliver', { wake, report }, { ...options, delay: Math.max(0, heldUntil - Date.now()) });
    // If the worker dies before this, the wake job starts again and adds it.
    await addHeld(redis, keys, options.jobId);
  }

  /** The tailer adds the job right before its commit. If it dies in between, another one commits later, and the wake is not held up. */
  async function untilCommitted(wake: Wake): Promise<Readiness> {
    for (let waitedMs = 0; ; waitedMs += COMMIT_LOOK_MS) {
      const readiness = await readReadiness(redis, keys, wake);
      if (readiness.isEnqueued || waitedMs >= commitWaitMs) return readiness;
      await sleep(COMMIT_LOOK_MS);
    }
  }

  /** Ends a wake whose incident is over before it was investigated. @returns whether it has ended */
  async function withdraw({ data: { wake } }: Job<WakeJob>): Promise<boolean> {
    const ended = await withdrawIfOver(redis, keys, wake, now(), false);
    if (!ended) return false;
    if (ended === 'now') {
      logEvent(log, 'wake.withdrawn', { wakeId: wake.id });
      investigation.withdrawn();
    }
    await releaseOlder(pair, wake.id);
    return true;
  }

  /** An incident that flaps notifies once per window. @throws DelayedError if the wake is to wait */
  async function waitAfterReopening(job: Job<WakeJob>, token: string | undefined, notBefore: number): Promise<void> {
    const { wake } = job.data;
    const waitMs = notBefore - now();
    if (waitMs <= 0) return;
    logEvent(log, 'investigation.flapping', { wakeId: wake.id, waitMs });
    await job.moveToDelayed(Date.now() + waitMs, token);
    throw new DelayedError();
  }

  /**
   * The report of an earlier wake of the incident, if nothing has changed since. The decision is stored with the delivery, so until then
   * it can be made again.
   *
   * @returns undefined if the wake is to be investigated
   * @throws DelayedError if an equal wake is being investigated
   */
  async function repeatDiagnosis(job: Job<WakeJob>, token: string | undefined): Promise<Report | undefined> {
    const { wake } = job.data;
    let claim = await claimInvestigation(redis, keys, wake);
    if (claim.kind === 'busy') {
      const { wakeId: of } = claim;
      // A job that is not active may wait for this one, or be gone.
      if (job.attemptsStarted <= MAX_WAIT_STARTS && (await wakes.getJobState(of)) === 'active') {
        logEvent(log, 'investigation.waits_for_same', { wakeId: wake.id, of });
        const waitMs = Math.min(FIRST_WAIT_MS * 2 ** Math.max(0, job.attemptsStarted - 1), MAX_WAIT_MS);
        await job.moveToDelayed(Date.now() + waitMs, token);
        throw new DelayedError();
      }
      claim = await claimInvestigation(redis, keys, wake, of);
    }
    if (claim.kind !== 'repeated') return undefined;
    logEvent(log, 'investigation.unchanged', { wakeId: wake.id, of: claim.of });
    return claim.report;
  }

  /** Ends a wake that waited for long, if a newer one was sent for it. @throws DelayedError if the newer one is not sent yet */
  async function joinNewer(job: Job<WakeJob>, token: string | undefined): Promise<boolean> {
    const { wake } = job.data;
    if (now() - job.timestamp < JOIN_AFTER_MS) return false;
    const newer = await findNewer(pair, wake);
    if (newer.kind === 'alone') return false;
    if (newer.kind === 'joined') {
      await endJoined(investigation, wake, newer.wakeId);
      return true;
    }
    logEvent(log, 'investigation.waits', { wakeId: wake.id, newer: newer.wakeId });
    await addJoining(redis, keys, newer.wakeId, wake.id);
    await bringForward(pair, newer.wakeId);
    await job.moveToDelayed(Date.now() + joinDelayMs(job.attemptsStarted), token);
    throw new DelayedError();
  }

  /** The report of an earlier start of this job, if it got that far. */
  async function readEarlierReport({ data: { wake }, attemptsStarted }: Job<WakeJob>): Promise<Report | undefined> {
    if (attemptsStarted <= 1) return undefined;
    const delivery = await deliveries.getJob(deliverJobId(wake.id));
    return delivery?.data.report ?? (await readWakeRecord(redis, keys, wake.id))?.report ?? undefined;
  }

  /** @param steps receives the steps, even if the report has no diagnosis @param storm text about the storm that the wake leads */
  async function investigate(job: Job<WakeJob>, signal: AbortSignal, steps: Step[], storm?: string): Promise<Report> {
    const { wake } = job.data;
    if (job.stalledCounter > MAX_CRASHES) return fallbackReport('engine_exception:WorkerCrashed');
    const { id: wakeId, probe, category } = wake;
    logEvent(log, 'investigation.started', { wakeId, probe, category });
    void publish(redis, keys, log, 'investigation.started', { wakeId, probe, category });
    try {
      const report = await engine.investigate(wake, signal, storm, steps);
      services.investigated(report);
      return report;
    } catch (error) {
      signal.throwIfAborted();
      // Without Redis there is no budget and no place for the report: BullMQ tries again.
      if (isRedisAway(error)) throw error;
      logEvent(log, 'investigation.failed', { wakeId, ...errorFields(error) });
      return fallbackReport(engineException(error));
    }
  }
}
