import { type DeliveriesQueue, deliverJobId } from '@kora-wake/shared/store/queues';
import { listWakeRecords } from '@kora-wake/shared/store/wake-history';
import { readWakeRecord, type WakeRecord, wakeFromRecord } from '@kora-wake/shared/store/wake-record';
import type { WindowStore } from '@kora-wake/shared/store/windows';
import { directMessage } from '@kora-wake/shared/wake/message';
import type { Report } from '@kora-wake/shared/wake/report';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { cursorOf, errorSchema, pageQuery, placeOf } from './schemas.ts';

const HOUR_MS = 3_600_000;
const SINCE_MS = { '24h': 24 * HOUR_MS, '7d': 7 * 24 * HOUR_MS, all: Infinity } as const;
/** Of a longer report the list shows this much; characters. */
const MAX_SUMMARY = 400;

const time = z.iso.datetime();
const entrySchema = z.object({
  wakeId: z.string(),
  probe: z.string(),
  category: z.string(),
  severity: z.string(),
  title: z.string(),
  emittedAt: time.nullable(),
  enqueuedAt: time,
  state: z.enum(['waiting', 'investigating', 'delivering', 'ended']),
  outcome: z.enum(['diagnosis', 'fallback', 'dry_run', 'dead']).nullable(),
  outcomeAt: time.nullable(),
  code: z.string().nullable().describe('why there is no diagnosis'),
  verdict: z.enum(['confirmed', 'likely', 'inconclusive']).nullable(),
  summary: z.string().nullable().describe('the diagnosis; in lists, its beginning'),
  toolCalls: z.number(),
  costUsd: z.number().nullable(),
  durationMs: z.number().nullable(),
  dmStatus: z.string().nullable(),
  suppressed: z.number().describe('wakes coalesced into this one'),
  lastSuppressedAt: time.nullable(),
});

const wholeSchema = entrySchema.extend({
  detail: z.string(),
  snapshotDetails: z.record(z.string(), z.unknown()),
  model: z.string().nullable(),
  usage: z
    .object({
      inputTokens: z.number(),
      outputTokens: z.number(),
      cacheCreationInputTokens: z.number(),
      cacheReadInputTokens: z.number(),
    })
    .nullable(),
  calls: z.array(
    z.object({ route: z.string(), model: z.string(), durationMs: z.number(), error: z.string().optional() }),
  ),
  tools: z.array(
    z.object({
      source: z.string(),
      name: z.string(),
      status: z.string(),
      durationMs: z.number(),
      excType: z.string().optional(),
    }),
  ),
  evidence: z.array(z.object({ source: z.string(), quote: z.string() })),
  droppedQuotes: z.number(),
  dm: z.string().nullable().describe('the DM as Slack shows it'),
  posted: z.object({ channel: z.string(), ts: z.string() }).nullable(),
});

/** Every wake that became a job: why somebody was woken, what was found, and how it ended. */
export const investigationRoutes: FastifyPluginAsyncZod<{
  store: WindowStore;
  deliveries: DeliveriesQueue;
  now(): number;
}> = async (app, { store, deliveries, now }) => {
  const { redis, keys, queue } = store;

  async function entryOf(wake: WakeRecord): Promise<z.infer<typeof entrySchema>> {
    const { report, row } = wake;
    return {
      wakeId: wake.wakeId,
      probe: row.probe,
      category: row.category,
      severity: row.severity,
      title: row.title,
      emittedAt: iso(row.emittedAt),
      enqueuedAt: new Date(wake.enqueuedAt).toISOString(),
      state: await stateOf(wake),
      outcome: wake.outcome,
      outcomeAt: iso(wake.outcomeAt),
      code: report?.kind === 'fallback' ? report.code : null,
      verdict: report?.kind === 'diagnosis' ? (report.verdict ?? null) : null,
      summary: report?.kind === 'diagnosis' ? begun(report.text) : null,
      toolCalls: report?.toolCalls?.length ?? 0,
      costUsd: report?.costUsd ?? null,
      durationMs: report?.durationMs ?? null,
      dmStatus: wake.dmStatus,
      suppressed: wake.suppressed,
      lastSuppressedAt: iso(wake.lastSuppressedAt),
    };
  }

  async function stateOf({ wakeId, outcome }: WakeRecord): Promise<z.infer<typeof entrySchema>['state']> {
    if (outcome) return 'ended';
    if (await deliveries.getJob(deliverJobId(wakeId))) return 'delivering';
    return (await queue.getJobState(wakeId)) === 'active' ? 'investigating' : 'waiting';
  }

  app.get(
    '/v1/investigations',
    {
      schema: {
        summary: 'Wakes, newest first: what they said, what was found, how they ended',
        querystring: pageQuery.extend({
          window: z.enum(['24h', '7d', 'all']).default('24h'),
          probe: z.string().min(1, 'must not be empty').optional(),
        }),
        response: {
          200: z.object({ entries: z.array(entrySchema), nextCursor: z.string().nullable() }),
          400: errorSchema,
        },
      },
    },
    async ({ query: { window, probe, limit, cursor } }) => {
      const since = window === 'all' ? 0 : now() - SINCE_MS[window];
      const page = { limit, since, after: placeOf(cursor) };
      const { entries, next } = await listWakeRecords(redis, keys, { probe }, page);
      return { entries: await Promise.all(entries.map(entryOf)), nextCursor: next && cursorOf(next) };
    },
  );

  app.get(
    '/v1/investigations/:wakeId',
    {
      schema: {
        summary: 'One wake, with its report, its evidence and its DM',
        params: z.object({ wakeId: z.string() }),
        response: { 200: wholeSchema, 404: errorSchema },
      },
    },
    async ({ params }, reply) => {
      const wake = await readWakeRecord(redis, keys, params.wakeId);
      if (!wake) {
        const message = 'No wake of this id is known; what is older than 35 days is not kept.';
        return reply.code(404).send({ statusCode: 404, error: 'Not Found', message });
      }
      const { report, row } = wake;
      return {
        ...(await entryOf(wake)),
        summary: report?.kind === 'diagnosis' ? report.text : null,
        detail: row.detail,
        snapshotDetails: row.snapshotDetails,
        model: report?.model ?? null,
        usage: report?.usage ?? null,
        calls:
          report?.calls.map(({ route, model, durationMs, error }) => callOf(route, model, durationMs, error)) ?? [],
        tools: report?.toolCalls ?? [],
        ...evidenceOf(report),
        dm: report && directMessage(wakeFromRecord(wake), report) + (wake.posted?.note ?? ''),
        posted: wake.posted && { channel: wake.posted.channel, ts: wake.posted.ts },
      };
    },
  );
};

function begun(text: string): string {
  return text.length <= MAX_SUMMARY ? text : `${text.slice(0, MAX_SUMMARY).toWellFormed()}…`;
}

function callOf(route: string, model: string, durationMs: number, error: string | undefined) {
  return { route, model, durationMs, ...(error !== undefined && { error }) };
}

function evidenceOf(report: Report | null) {
  if (report?.kind !== 'diagnosis') return { evidence: [], droppedQuotes: 0 };
  return { evidence: report.evidence ?? [], droppedQuotes: report.droppedQuotes ?? 0 };
}

function iso(at: number | null): string | null {
  return at === null || Number.isNaN(at) || Math.abs(at) > 8.64e15 ? null : new Date(at).toISOString();
}
