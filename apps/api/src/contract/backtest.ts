/** A backtest: decisions by a policy that is not in force, next to those by the current one. */
import { z } from 'zod';
import { moment, time } from './common.ts';

/** Bytes of the text of a policy. */
export const MAX_POLICY_BYTES = 128 * 1024;
/** Missed alerts in an answer. */
export const MAX_MISSED = 1_000;

const pair = { probe: z.string(), category: z.string() };

/** ms: a year, the longest window of a policy. */
const MAX_WINDOW_MS = 366 * 86_400_000;

export const BacktestPair = z
  .strictObject({
    ...pair,
    windowMs: z.number().int().min(0).max(MAX_WINDOW_MS).optional().describe('length of the window, ms; 0: none'),
    consecutive: z.number().int().min(1).max(1_000).optional(),
  })
  .refine(({ windowMs, consecutive }) => windowMs !== undefined || consecutive !== undefined, {
    message: 'needs windowMs or consecutive',
  });
export type BacktestPair = z.infer<typeof BacktestPair>;

export const BacktestRequest = z
  .object({
    policy: z
      .string()
      .refine((text) => new TextEncoder().encode(text).length <= MAX_POLICY_BYTES, 'must have at most 128 KiB')
      .optional()
      .describe('text of a policy file, at most 128 KiB'),
    pair: BacktestPair.optional().describe(
      'instead of policy: the policy in force with this change for one pair. Only alerts of this pair count then',
    ),
    from: moment.optional().describe('count alerts from this time on, ISO 8601; without it from the first one'),
    to: moment.optional().describe('count alerts before this time, ISO 8601; without it to the last one'),
    timezone: z.string().max(100).default('UTC').describe('IANA name, for hours and nights'),
  })
  .refine(({ policy, pair: changed }) => (policy === undefined) !== (changed === undefined), {
    message: 'needs either policy or pair',
  });
export type BacktestRequest = z.infer<typeof BacktestRequest>;

export const BacktestPolicy = z
  .object({
    name: z.string().describe('`current` or `new`'),
    rows: z.number().describe('alerts'),
    decisions: z.object({
      enqueued: z.number(),
      coalesced: z.number(),
      buffered: z.number(),
      muted: z.number(),
      rejected: z.number(),
    }),
    reasons: z.record(z.string(), z.number()).describe('muted and rejected alerts by reason'),
    wakes: z.number(),
    withdrawn: z.number().describe('wakes that were over before their message was due'),
    storms: z.number(),
    inDigests: z.number().describe('wakes that only the digest of a storm names'),
    messages: z.number().describe('one of each storm, and one of each wake that is neither withdrawn nor in a digest'),
    night: z.number().describe('messages from 22 to 7'),
    usd: z.number().describe('estimated cost of the investigations, USD'),
    byPair: z
      .array(z.object({ ...pair, rows: z.number(), wakes: z.number() }))
      .describe('most wakes first; the first 200 pairs of each policy'),
    byHour: z.array(z.number()).length(24).describe('wakes by hour of the day'),
  })
  .meta({ id: 'BacktestPolicy' });
export type BacktestPolicy = z.infer<typeof BacktestPolicy>;

export const MissedAlert = z
  .object({
    policy: z.string(),
    ...pair,
    severity: z.string(),
    emittedAt: time,
    title: z.string(),
    decision: z.enum(['coalesced', 'buffered', 'muted']),
    message: z
      .enum(['none', 'later', 'earlier'])
      .describe('the message about the same incident: none, one after the alert, or one before it'),
    messageAt: time.nullable().describe('null: none'),
  })
  .meta({ id: 'MissedAlert' });
export type MissedAlert = z.infer<typeof MissedAlert>;

export const BacktestSuggestion = z
  .object({
    ...pair,
    messages: z.number().describe('messages today'),
    messagesThen: z.number(),
    windowMs: z.number().exactOptional(),
    consecutive: z.number().exactOptional(),
    hides: z.number().describe('alerts that are sent today and would not be sent'),
    hidesCritical: z.number(),
    rule: z.string().describe('rules for the policy file, to be pasted before the others'),
  })
  .meta({ id: 'BacktestSuggestion' });
export type BacktestSuggestion = z.infer<typeof BacktestSuggestion>;

export const Backtest = z
  .object({
    from: time.nullable().describe('first alert that counts; null: there is none'),
    to: time.nullable().describe('last alert that counts'),
    timezone: z.string(),
    policies: z.array(BacktestPolicy).describe('the current one, then the new one'),
    missed: z
      .array(MissedAlert)
      .describe(`sent today and not by the new policy, critical ones first; at most ${MAX_MISSED}`),
    missedTotal: z.number(),
    missedCritical: z.number().describe('critical ones among all missed alerts'),
    rule: z.string().exactOptional().describe('only with pair: the rules that were tried, for the policy file'),
    suggestions: z.array(BacktestSuggestion).describe('for the pairs that notify most'),
    warnings: z.array(z.string()).describe('about the new policy, as `LINE: message`'),
    doubts: z.array(z.string()).describe('why the result may be wrong'),
  })
  .meta({ id: 'Backtest' });
export type Backtest = z.infer<typeof Backtest>;
