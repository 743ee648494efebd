/** Wakes: their reports, and how they ended. */
import { KeptStep, TokenUsage } from '@kora-wake/shared/store/step-types';
import { FEEDBACK_VERDICTS } from '@kora-wake/shared/wake/feedback';
import { DM_STATUSES, OUTCOMES, VERDICTS } from '@kora-wake/shared/wake/outcome';
import { ENGINE_ROUTES, TOOL_STATUSES } from '@kora-wake/shared/wake/report';
import { z } from 'zod';
import { moment, nextCursor, page, probeName, time } from './common.ts';

/** Steps of a wake. */
export const WAKE_STATES = ['waiting', 'investigating', 'delivering', 'ended'] as const;

/** Periods that the list of investigations can be limited to. */
export const PERIODS = ['24h', '7d', 'all'] as const;
export type Period = (typeof PERIODS)[number];

export const Investigation = z
  .object({
    wakeId: z.string(),
    probe: z.string(),
    category: z.string(),
    severity: z.string(),
    title: z.string(),
    emittedAt: time.nullable().describe('when the probe wrote the row; null if that time cannot be read'),
    enqueuedAt: time,
    state: z.enum(WAKE_STATES),
    outcome: z.enum(OUTCOMES).nullable(),
    outcomeAt: time.nullable(),
    code: z.string().nullable().describe('why there is no diagnosis'),
    verdict: z.enum(VERDICTS).nullable(),
    summary: z.string().nullable().describe('the diagnosis; in lists, its beginning'),
    toolCalls: z.number(),
    costUsd: z.number().nullable().describe('USD; null if no price is known'),
    durationMs: z.number().nullable(),
    dmStatus: z.enum(DM_STATUSES).nullable(),
    joinedInto: z
      .string()
      .nullable()
      .describe('the newer wake that was sent for this one; only for the outcome joined'),
    repeats: z
      .object({ wakeId: z.string(), at: time })
      .nullable()
      .describe(
        'the wake whose diagnosis was sent again, and the end of its investigation; null if this wake has its own',
      ),
    failure: z
      .object({ code: z.string(), at: time, attempts: z.number() })
      .nullable()
      .describe('why it was not sent; only for the outcome dead'),
    dismissed: z
      .object({ by: z.string(), reason: z.string(), at: time })
      .nullable()
      .describe('who dismissed the dead letter; null if nobody did'),
    buffered: z.number().describe('rows before it that were counted until there were enough for this wake'),
    suppressed: z.number().describe('rows coalesced into this wake'),
    lastSuppressedAt: time.nullable(),
    recoveredAt: time.nullable().describe('when its pair recovered; null if it did not'),
    incidentId: z.string().nullable().describe('the incident that it belongs to; null without incidents'),
    stormId: z.string().nullable().describe('the storm whose digest stands for it; null if it is sent by itself'),
    feedback: z
      .object({ verdict: z.enum(FEEDBACK_VERDICTS), cause: z.string().exactOptional(), by: z.string(), at: time })
      .nullable()
      .describe('what a person said about its diagnosis'),
  })
  .meta({ id: 'Investigation' });
export type Investigation = z.infer<typeof Investigation>;

export const Investigations = z.object({ entries: z.array(Investigation), nextCursor }).meta({ id: 'Investigations' });
export type Investigations = z.infer<typeof Investigations>;

/** Which wakes a list or a timeline contains. */
const wakeFilter = {
  window: z
    .enum(PERIODS)
    .optional()
    .describe('period until now in which the wakes were enqueued; 24h, unless from or to is given'),
  from: moment
    .optional()
    .describe(
      'enqueued at this time or later, ISO 8601. The list also has wakes of the day before into which a row was coalesced at this time or later',
    ),
  to: moment.optional().describe('enqueued before this time, ISO 8601'),
  q: z
    .string()
    .trim()
    .min(1, 'must not be empty')
    .max(200)
    .optional()
    .describe(
      'words; each must be a part of the id, probe, category, title, detail, diagnosis or error code, in any case, with or without accents',
    ),
  probe: probeName.optional(),
  category: z.string().min(1, 'must not be empty').optional(),
  severity: z.string().min(1, 'must not be empty').optional(),
  outcome: z
    .enum([...OUTCOMES, 'pending'])
    .optional()
    .describe('pending: it has no outcome yet'),
  verdict: z.enum(VERDICTS).optional(),
};

interface PeriodQuery {
  window?: unknown;
  from?: string | undefined;
  to?: string | undefined;
}

const hasOnePeriod = ({ window, from, to }: PeriodQuery) =>
  window === undefined || (from === undefined && to === undefined);
const ONE_PERIOD = 'give either window, or from and to';
const hasLength = ({ from, to }: PeriodQuery) =>
  from === undefined || to === undefined || Date.parse(from) < Date.parse(to);
const BEFORE_TO = 'from must be before to';

export const InvestigationsQuery = z
  .strictObject({ ...page, ...wakeFilter })
  .refine(hasOnePeriod, ONE_PERIOD)
  .refine(hasLength, BEFORE_TO);
export type InvestigationsQuery = z.infer<typeof InvestigationsQuery>;

/** Parts of a timeline. */
const MAX_BUCKETS = 500;

export const TimelineQuery = z
  .strictObject({
    ...wakeFilter,
    buckets: z.coerce.number().int().min(1).max(MAX_BUCKETS).default(96).describe('number of parts of equal length'),
  })
  .refine(hasOnePeriod, ONE_PERIOD)
  .refine(hasLength, BEFORE_TO);

export const Timeline = z
  .object({
    from: time.describe('without a beginning in the query: that of the first wake'),
    to: time,
    bucketMs: z.number().describe('length of a bucket, ms'),
    buckets: z
      .array(
        z.object({
          start: time,
          wakes: z.number(),
          suppressed: z.number().describe('rows coalesced into these wakes'),
          notSent: z.number().describe('wakes that are dead letters'),
          pending: z.number().describe('wakes without an outcome yet'),
        }),
      )
      .describe('those with a wake, in the order of time'),
    wakes: z.number().describe('in all buckets'),
    isComplete: z.boolean().describe('false: there were too many wakes, so the oldest are left out'),
  })
  .meta({ id: 'Timeline' });
export type Timeline = z.infer<typeof Timeline>;

export const WakeParams = z.object({ wakeId: z.string() });

export const EngineCall = z
  .object({
    route: z.enum(ENGINE_ROUTES),
    model: z.string(),
    durationMs: z.number(),
    error: z.string().exactOptional().describe('error code; absent if the call was answered'),
    reason: z.string().exactOptional().describe("the server's status and own words about the error, redacted"),
  })
  .meta({ id: 'EngineCall' });
export type EngineCall = z.infer<typeof EngineCall>;

export const ToolCall = z
  .object({
    source: z.string().describe('name under which the evidence quotes its output'),
    name: z.string(),
    status: z.enum(TOOL_STATUSES),
    durationMs: z.number(),
    excType: z.string().exactOptional().describe('name of the error if it failed'),
  })
  .meta({ id: 'ToolCall' });
export type ToolCall = z.infer<typeof ToolCall>;

export { KeptStep, TokenUsage };

export const InvestigationDetail = Investigation.extend({
  detail: z.string(),
  snapshotDetails: z.record(z.string(), z.unknown()),
  model: z.string().nullable(),
  usage: TokenUsage.nullable(),
  calls: z.array(EngineCall),
  tools: z.array(ToolCall),
  steps: z
    .array(KeptStep)
    .nullable()
    .describe('calls in order with their inputs and outputs, redacted; null: they were not kept, or are dropped'),
  evidence: z.array(z.object({ source: z.string(), quote: z.string() })),
  droppedQuotes: z.number().describe('quotes that are not in the text they name'),
  dm: z.string().nullable().describe('text of the DM as Slack shows it'),
  deadLetter: z
    .object({ queue: z.string(), jobId: z.string() })
    .nullable()
    .describe('the job to retry or drop; null if there is none any more'),
  posted: z.object({ channel: z.string(), ts: z.string() }).nullable().describe('the message in Slack'),
}).meta({ id: 'InvestigationDetail' });
export type InvestigationDetail = z.infer<typeof InvestigationDetail>;
