/** One LLM call and its money: the worst case is reserved before it, and the cost is charged after it. */

import type { ModelChoice } from '@kora-wake/shared/runtime/config';
import { errorFields } from '@kora-wake/shared/runtime/log';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import type { Reservation } from '@kora-wake/shared/store/budget-ledger';
import type { PaidTier } from '@kora-wake/shared/wake/budget';
import { type EngineCall, type EngineErrorCode, NO_USAGE, type Usage } from '@kora-wake/shared/wake/report';
import { firstChars, removeInvisible, shorten } from '@kora-wake/shared/wake/text';
import { z } from 'zod';
import type { AgentOptions } from './agent.ts';
import { answerSchema } from './answer.ts';
import type { Feature, ServerLimits } from './features.ts';
import { MAX_TOKENS } from './limits.ts';
import type { Conversation, Failure, OfferedTool, Reply, Said } from './model.ts';
import { cutEnd } from './untrusted.ts';
import { isEmptyUsage } from './usage.ts';

/** A request that hangs must leave time for another, ms. */
const REQUEST_TIMEOUT_MS = 60_000;
/** Longer names of models are cut; characters. */
export const MAX_NAME = 64;
/** Longer words of a server are cut before and after they are redacted; characters. */
const MAX_WORDS = 10_000;
const MAX_REASON = 300;
/** Estimate for a call whose end the provider did not report. */
const BYTES_PER_TOKEN = 4;
/** Bytes of a request around its messages. */
const ENVELOPE_BYTES = 2_000;

const ANSWER_SCHEMA = z.record(z.string(), z.json()).parse(z.toJSONSchema(answerSchema));

interface LlmCall {
  route: EngineCall['route'];
  /** Blocks of the system prompt. */
  system: string[];
  conversation: Conversation;
  /** Empty: the LLM must answer. */
  tools: OfferedTool[];
  /** Features that the request must not use. */
  without: ReadonlySet<Feature>;
  limits: ServerLimits;
  /** Names of the dropped features and tools, for the record of the call. */
  reduced: readonly string[];
  isBrief: boolean;
  timeLeftMs: number;
  /** @param said absent if the call was not answered */
  onCall(call: EngineCall, said: Said | undefined): void;
}

/**
 * Asks the LLM once.
 *
 * @returns its reply; `cost_ladder_halted` if no budget tier has enough money left
 * @throws the signal's reason when `signal` aborts
 */
export async function callLlm(options: AgentOptions, call: LlmCall, signal: AbortSignal): Promise<Reply | Failure> {
  const { log, redact, prices } = options;
  const { route, system, conversation, tools, without, limits, reduced, isBrief, onCall } = call;
  const schema = ANSWER_SCHEMA;
  const bytes = ENVELOPE_BYTES + byteLength(JSON.stringify([system, conversation, tools, schema]));
  const paid = await reserve(options, limits, bytes);
  if (!paid) return { kind: 'failure', code: 'cost_ladder_halted', retry: false };
  const { model, reservation, reservedUsd } = paid;
  // If the provider reports no usage, or the call dies unanswered, it may still be billed: charge an estimate.
  const estimate = { ...NO_USAGE, inputTokens: Math.ceil(bytes / BYTES_PER_TOKEN) };
  // A token is at least one byte of the request, so this is the most that a call can use.
  const highest = { ...NO_USAGE, inputTokens: bytes, outputTokens: MAX_TOKENS };
  const began = performance.now();
  let said: Said | undefined;
  const answered = (given: Said) => {
    said = given;
  };
  const timeout = AbortSignal.timeout(Math.ceil(Math.max(1, Math.min(REQUEST_TIMEOUT_MS, call.timeLeftMs))));

  const record = (givenName: string, reported: Usage, error?: EngineErrorCode, words?: string) => {
    // Redacted while it is whole: half a secret would not be recognized.
    const reason =
      words &&
      shorten(
        redact(cutEnd(removeInvisible(words), MAX_WORDS))
          .replace(/\s+/g, ' ')
          .trim(),
        MAX_REASON,
      );
    const name = firstChars(redact(prices.nameOf(givenName, model.model)), MAX_NAME);
    const isAbsurd = prices.chargeUsd(name, reported) > reservedUsd;
    if (isAbsurd) logEvent(log, 'engine.usage_absurd', { model: name, usage: reported, reservedUsd });
    const usage = isAbsurd ? highest : reported;
    const billed = isEmptyUsage(usage) && mayBeBilled(error) ? estimate : usage;
    const usd = isAbsurd ? reservedUsd : prices.chargeUsd(name, billed);
    // Nothing waits for the charge: until it is recorded, the reservation counts instead.
    void reservation
      .charge({ usd, route, model: name })
      // The answer is paid for, so it is worth more than the record of its cost.
      .catch((failure: unknown) => logEvent(log, 'engine.charge_failed', errorFields(failure)));
    const durationMs = Math.round(performance.now() - began);
    const made: EngineCall = {
      route,
      model: name,
      usage,
      durationMs,
      ...(reduced.length > 0 && { without: [...reduced] }),
      ...(error && { error }),
      ...(reason && { reason }),
    };
    onCall(made, said);
  };

  try {
    const question = { model, system, conversation, tools, schema, without, isBrief, answered, calling: record };
    const reply = await options.model.ask(question, AbortSignal.any([signal, timeout]));
    signal.throwIfAborted();
    if (reply.kind === 'failure') record(model.model, reply.usage ?? NO_USAGE, reply.code, reply.reason);
    else if (reply.kind === 'text') record(reply.model, reply.usage);
    if (reply.kind !== 'failure') limits.learnModel(model);
    else if (reply.code === 'sdk_4xx_404' && reply.refusal && limits.replaceModel(model)) {
      logEvent(log, 'engine.model_missing', { model: model.model });
      return { kind: 'failure', code: reply.code, retry: true, retryAfterMs: 0 };
    }
    return reply;
  } catch (error) {
    await reservation
      .release()
      .catch((failure: unknown) => log.debug(errorFields(failure), 'cannot release a reservation; it lapses'));
    throw error;
  }
}

/** Reserves the worst case on the month's budget tier, or on a cheaper one if only that has enough money left. */
async function reserve(
  { ledger, models, prices }: AgentOptions,
  limits: ServerLimits,
  bytes: number,
): Promise<{ model: ModelChoice; reservation: Reservation; reservedUsd: number } | undefined> {
  const modelOf = (tier: PaidTier) => limits.existingModel(models[tier]);
  const worstCase = (tier: PaidTier) => prices.worstCaseUsd(modelOf(tier).model, bytes, MAX_TOKENS);
  const usd = {
    normal: worstCase('normal'),
    warn_75: worstCase('warn_75'),
    downshift_90: worstCase('downshift_90'),
  };
  const reservation = await ledger.reserve(usd);
  return reservation && { model: modelOf(reservation.tier), reservation, reservedUsd: usd[reservation.tier] };
}

/** Whether the provider may have worked on the call: it answered, or was silent, but did not refuse. */
function mayBeBilled(error: EngineErrorCode | undefined): boolean {
  return error === undefined || ['sdk_timeout', 'sdk_transport', 'empty_response_text', 'refused'].includes(error);
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}
