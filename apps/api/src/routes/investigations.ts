import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import type { Keys } from '@kora-wake/shared/store/keys';
import { type DeliveriesQueue, deliverJobId, FOLLOWUPS, failedAt } from '@kora-wake/shared/store/queues';
import { readSteps } from '@kora-wake/shared/store/steps';
import { failedNoticeOf } from '@kora-wake/shared/store/storms';
import {
  readShownFeedback,
  readWakeRecord,
  type WakeRecord,
  wakeFromRecord,
} from '@kora-wake/shared/store/wake-record';
import { findWakes, type SearchPeriod } from '@kora-wake/shared/store/wake-search';
import type { WindowStore } from '@kora-wake/shared/store/windows';
import { directMessage } from '@kora-wake/shared/wake/message';
import { isRepeated, type Report } from '@kora-wake/shared/wake/report';
import { shorten } from '@kora-wake/shared/wake/text';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import {
  ErrorAnswer,
  type Investigation,
  InvestigationDetail,
  Investigations,
  InvestigationsQuery,
  type Period,
  Timeline,
  TimelineQuery,
  WakeParams,
} from '../contract.ts';
import { cursorOf, placeOf } from '../cursor.ts';
import { httpErrors } from '../errors.ts';
import { timelineOf } from '../timeline.ts';
import { EPOCH, isoTime } from '../times.ts';

const HOUR_MS = 3_600_000;
const PERIOD_MS: Record<Period, number> = { '24h': 24 * HOUR_MS, '7d': 7 * 24 * HOUR_MS, all: Infinity };
/** Records that are read for one page, if most of them do not match. */
const MAX_LISTED = 5_000;
/** Records that are read for one timeline. */
const MAX_COUNTED = 20_000;
/** Lists cut longer reports; characters. */
const MAX_SUMMARY = 400;

/** Every wake: its row, its report, and its outcome. */
export const investigationRoutes: FastifyPluginAsyncZod<{
  store: WindowStore;
  deliveries: DeliveriesQueue;
  consoleUrl: string | undefined;
  now(): number;
}> = async (app, { store, deliveries, consoleUrl, now }) => {
  const { redis, keys, queue } = store;

  const entryOf = (wake: WakeRecord) => investigationOf({ redis, keys, queue, deliveries }, wake);

  async function findDeadLetter(wake: WakeRecord): Promise<InvestigationDetail['deadLetter']> {
    const { wakeId, outcome } = wake;
    if (outcome !== 'dead') return null;
    const notice = await failedNoticeOf(redis, keys, wake);
    const jobs = [
      ...(notice === undefined ? [] : [{ queue: FOLLOWUPS, jobId: notice }]),
      { queue: deliveries.name, jobId: deliverJobId(wakeId) },
      { queue: queue.name, jobId: wakeId },
    ];
    const failed = await Promise.all(jobs.map((job) => failedAt(redis, keys, job.queue, job.jobId)));
    return jobs.find((_, i) => failed[i] !== undefined) ?? null;
  }

  /** The message of the wake; null if there is none, or if a digest stands for it. */
  function dmOf(wake: WakeRecord): string | null {
    const { report, posted, outcome } = wake;
    if (!report || outcome === 'digest') return null;
    return directMessage(wakeFromRecord(wake), report, { note: posted?.note ?? '', consoleUrl });
  }

  app.get(
    '/v1/investigations',
    {
      schema: {
        summary: 'Wakes with their report and outcome, newest first',
        querystring: InvestigationsQuery,
        response: { 200: Investigations, 400: ErrorAnswer },
      },
    },
    async ({ query }) => {
      const { limit, cursor } = query;
      const withRepeats = query.from !== undefined;
      const page = { ...periodOf(query, now()), withRepeats, limit, maxRead: MAX_LISTED, after: placeOf(cursor) };
      const { found, next } = await findWakes(redis, keys, query, page);
      const wakes = await Promise.all(found.map(({ id }) => readWakeRecord(redis, keys, id)));
      const stored = wakes.filter((wake) => wake !== undefined);
      return { entries: await Promise.all(stored.map(entryOf)), nextCursor: next && cursorOf(next) };
    },
  );

  app.get(
    '/v1/timeline',
    {
      schema: {
        summary:
          'Numbers of wakes over time, by the time at which they were enqueued, for the same filters as the list',
        querystring: TimelineQuery,
        response: { 200: Timeline, 400: ErrorAnswer },
      },
    },
    async ({ query }) => {
      const at = now();
      const period = periodOf(query, at);
      const page = { ...period, limit: MAX_COUNTED, maxRead: MAX_COUNTED };
      const { found, next } = await findWakes(redis, keys, query, page);
      const shown = { since: period.since, before: Math.min(period.before, at) };
      return { ...timelineOf(found, shown, query.buckets), isComplete: next === null };
    },
  );

  app.get(
    '/v1/investigations/:wakeId',
    {
      schema: {
        summary: 'One wake with its report, evidence, steps and DM',
        params: WakeParams,
        response: { 200: InvestigationDetail, 404: ErrorAnswer },
      },
    },
    async ({ params }) => {
      const wake = await readWakeRecord(redis, keys, params.wakeId);
      if (!wake) throw httpErrors.notFound('There is no wake with this id. Wakes are stored for 35 days.');
      const { report, row } = wake;
      return {
        ...(await entryOf(wake)),
        summary: report?.kind === 'diagnosis' ? report.text : null,
        detail: row.detail,
        snapshotDetails: row.snapshotDetails,
        model: report?.model ?? null,
        usage: report?.usage ?? null,
        calls: report?.calls.map(describeCall) ?? [],
        tools: report?.toolCalls ?? [],
        steps: await readSteps(redis, keys, params.wakeId),
        ...evidenceOf(report),
        dm: dmOf(wake),
        deadLetter: await findDeadLetter(wake),
        posted: wake.posted && { channel: wake.posted.channel, ts: wake.posted.ts },
      };
    },
  );
};

/** @param now ms since the epoch */
function periodOf(
  { window, from, to }: Pick<InvestigationsQuery, 'window' | 'from' | 'to'>,
  now: number,
): SearchPeriod {
  const hasTimes = from !== undefined || to !== undefined;
  const length = hasTimes ? Infinity : PERIOD_MS[window ?? '24h'];
  return {
    since: from === undefined ? Math.max(0, now - length) : Date.parse(from),
    before: to === undefined ? Infinity : Date.parse(to),
  };
}

function failureOf({ outcome, outcomeAt, failure }: WakeRecord): Investigation['failure'] {
  if (outcome !== 'dead') return null;
  return { code: failure?.code ?? 'unknown', at: isoTime(outcomeAt) ?? EPOCH, attempts: failure?.attempts ?? 0 };
}

function describeCall({ route, model, durationMs, error, reason }: Report['calls'][number]) {
  const failure = { ...(error !== undefined && { error }), ...(reason !== undefined && { reason }) };
  return { route, model, durationMs, ...failure };
}

function evidenceOf(report: Report | null) {
  if (report?.kind !== 'diagnosis') return { evidence: [], droppedQuotes: 0 };
  return { evidence: report.evidence ?? [], droppedQuotes: report.droppedQuotes ?? 0 };
}

interface Stores {
  redis: RedisClient;
  keys: Keys;
  queue: WindowStore['queue'];
  deliveries: DeliveriesQueue;
}

/** A wake as lists show it. */
export async function investigationOf(stores: Stores, wake: WakeRecord): Promise<Investigation> {
  const { report, row } = wake;
  const feedback = await readShownFeedback(stores.redis, stores.keys, wake);
  return {
    wakeId: wake.wakeId,
    probe: row.probe,
    category: row.category,
    severity: row.severity,
    title: row.title,
    emittedAt: isoTime(row.emittedAt),
    enqueuedAt: isoTime(wake.enqueuedAt) ?? EPOCH,
    state: await stateOf(stores, wake),
    outcome: wake.outcome,
    outcomeAt: isoTime(wake.outcomeAt),
    code: report?.kind === 'fallback' ? report.code : null,
    verdict: report?.kind === 'diagnosis' ? (report.verdict ?? null) : null,
    summary: report?.kind === 'diagnosis' ? shorten(report.text, MAX_SUMMARY) : null,
    toolCalls: report?.toolCalls?.length ?? 0,
    costUsd: report?.costUsd ?? null,
    durationMs: report?.durationMs ?? null,
    dmStatus: wake.dmStatus,
    joinedInto: wake.joinedInto,
    repeats: isRepeated(report) ? { wakeId: report.repeats.wakeId, at: isoTime(report.repeats.at) ?? EPOCH } : null,
    failure: failureOf(wake),
    dismissed: wake.dismissed && { ...wake.dismissed, at: isoTime(wake.dismissed.at) ?? EPOCH },
    buffered: wake.row.buffered ?? 0,
    suppressed: wake.suppressed,
    lastSuppressedAt: isoTime(wake.lastSuppressedAt),
    recoveredAt: isoTime(wake.recoveredAt),
    incidentId: wake.incidentId,
    stormId: wake.stormId,
    feedback: feedback && { ...feedback, at: isoTime(feedback.at) ?? EPOCH },
  };
}

async function stateOf(
  { queue, deliveries }: Stores,
  { wakeId, outcome }: WakeRecord,
): Promise<Investigation['state']> {
  if (outcome) return 'ended';
  // The state of a job can be read even if its data is not valid.
  if ((await deliveries.getJobState(deliverJobId(wakeId))) !== 'unknown') return 'delivering';
  return (await queue.getJobState(wakeId)) === 'active' ? 'investigating' : 'waiting';
}
