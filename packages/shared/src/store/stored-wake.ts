/** The JSON fields of a wake's record, checked when they are read: anybody can write to Redis. */

import { z } from 'zod';
import { FEEDBACK_VERDICTS, type Feedback } from '../wake/feedback.ts';
import { isJsonObject, type JsonObject } from '../wake/json.ts';
import { VERDICTS } from '../wake/outcome.ts';
import { ENGINE_ROUTES, type EngineErrorCode, type Report, TOOL_STATUSES } from '../wake/report.ts';
import { firstChars } from '../wake/text.ts';
import type { Wake } from '../wake/wake.ts';
import type { Posted } from './queues.ts';
import { parseStored } from './stored-json.ts';

/** The row of a wake as its record stores it. Long fields are cut. */
export interface StoredRow {
  probe: string;
  category: string;
  severity: string;
  title: string;
  detail: string;
  snapshotDetails: JsonObject;
  /** ms since the epoch. */
  emittedAt: number;
  links?: Record<string, string>;
  /** Number of buffered rows before it. Absent: 0. */
  buffered?: number;
}

/** Characters. */
const MAX_DETAIL = 8_000;
/** Characters of its JSON. */
const MAX_SNAPSHOT = 16_000;

/** The row of a wake as JSON for its record. */
export function storedRow(wake: Wake): string {
  const { probe, category, severity, title, detail, snapshotDetails, emittedAt, links, buffered } = wake;
  const tooLarge = JSON.stringify(snapshotDetails).length > MAX_SNAPSHOT;
  const row: StoredRow = {
    probe,
    category,
    severity,
    title: firstChars(title, MAX_DETAIL),
    detail: firstChars(detail, MAX_DETAIL),
    snapshotDetails: tooLarge ? { cut: 'too large to be stored here; see the audit log' } : snapshotDetails,
    emittedAt,
    ...(links && { links }),
    ...(buffered !== undefined && { buffered }),
  };
  return JSON.stringify(row);
}

const jsonObject = z.custom<JsonObject>(isJsonObject);
const errorCode = z.custom<EngineErrorCode>((value) => typeof value === 'string' && /^[\w:]{1,200}$/.test(value));
const amount = z.number().min(0);

const rowSchema = z.object({
  probe: z.string(),
  category: z.string(),
  severity: z.string(),
  title: z.string(),
  detail: z.string(),
  snapshotDetails: jsonObject,
  // JSON has no NaN: a time out of range became null.
  emittedAt: z
    .number()
    .nullable()
    .transform((ms) => ms ?? Number.NaN),
  links: z.record(z.string(), z.string()).exactOptional(),
  buffered: z.number().exactOptional(),
});

const usageSchema = z.object({
  inputTokens: amount,
  outputTokens: amount,
  cacheCreationInputTokens: amount,
  cacheReadInputTokens: amount,
});

const telemetry = {
  model: z.string().nullable(),
  usage: usageSchema,
  costUsd: amount.nullable(),
  durationMs: amount,
  calls: z.array(
    z.object({
      route: z.enum(ENGINE_ROUTES),
      model: z.string(),
      usage: usageSchema,
      durationMs: amount,
      without: z.array(z.string()).exactOptional(),
      error: errorCode.exactOptional(),
      reason: z.string().exactOptional(),
    }),
  ),
  storm: z.string().exactOptional(),
  toolCalls: z
    .array(
      z.object({
        source: z.string(),
        name: z.string(),
        status: z.enum(TOOL_STATUSES),
        durationMs: amount,
        excType: z.string().exactOptional(),
      }),
    )
    .exactOptional(),
};

const reportSchema: z.ZodType<Report> = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('diagnosis'),
    text: z.string(),
    verdict: z.enum(VERDICTS).exactOptional(),
    evidence: z.array(z.object({ source: z.string(), quote: z.string() })).exactOptional(),
    droppedQuotes: amount.exactOptional(),
    repeats: z.object({ wakeId: z.string(), at: amount, since: amount }).exactOptional(),
    ...telemetry,
  }),
  z.object({ kind: z.literal('fallback'), code: errorCode, ...telemetry }),
]);

const postedSchema: z.ZodType<Posted> = z.object({
  channel: z.string(),
  ts: z.string(),
  note: z.string().exactOptional(),
});

const feedbackSchema: z.ZodType<Feedback> = z.object({
  verdict: z.enum(FEEDBACK_VERDICTS),
  cause: z.string().exactOptional(),
  by: z.string(),
  at: z.number(),
});

export const parseFeedback = (json: string | undefined): Feedback | null => parseStored(feedbackSchema, json);
export const parseStoredRow = (json: string | undefined): StoredRow | null => parseStored(rowSchema, json);
export const parseReport = (json: string | undefined): Report | null => parseStored(reportSchema, json);
export const parsePosted = (json: string | undefined): Posted | null => parseStored(postedSchema, json);
