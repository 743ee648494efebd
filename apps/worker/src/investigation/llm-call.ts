/** One LLM call and its money: the worst case is reserved before it, and the cost is charged after it. */

import type { ModelChoice } from '@kora-wake/shared/runtime/config';
import { errorFields } from '@kora-wake/shared/runtime/log';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import type { Reservation } from '@kora-wake/shared/store/budget-ledger';
import { type EngineCall, type EngineErrorCode, NO_USAGE, type Usage } from '@kora-wake/shared/wake/report';
import { firstChars, removeInvisible, shorten } from '@kora-wake/shared/wake/text';
import { z } from 'zod';
import type { AgentOptions } from './agent.ts';
import { answerSchema } from './answer.ts';
import type { Feature } from './features.ts';
import { type Conversation, type Failure, MAX_TOKENS, type OfferedTool, type Reply } from './model.ts';
import { chargeUsd, worstCaseUsd } from './prices.ts';
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
  /** Names of the dropped features and tools, for the record of the call. */
  reduced: readonly string[];
  isBrief: boolean;
  timeLeftMs: number;
  onCall(call: EngineCall): void;
}

/**
 * Asks the LLM once.
 *
 * @returns its reply; `cost_ladder_halted` if no budget tier has enough money left
 * @throws the signal's reason when `signal` aborts
 */
export async function callLlm(options: AgentOptions, call: LlmCall, signal: AbortSignal): Promise<Reply | Failure> {
  const { log, redact } = options;
  const { route, system, conversation, tools, without, reduced, isBrief, onCall } = call;
  const schema = ANSWER_SCHEMA;
  const bytes = ENVELOPE_BYTES + byteLength(JSON.stringify([system, conversation, tools, schema]));
  const paid = await reserve(options, bytes);
  if (!paid) return { kind: 'failure', code: 'cost_ladder_halted', retry: false };
  const { model, reservation } = paid;
  // If the provider reports no usage, or the call dies unanswered, it may still be billed: charge an estimate.
  const estimate = { ...NO_USAGE, inputTokens: Math.ceil(bytes / BYTES_PER_TOKEN) };
  const began = performance.now();
  const timeout = AbortSignal.timeout(Math.ceil(Math.max(1, Math.min(REQUEST_TIMEOUT_MS, call.timeLeftMs))));

  const record = (givenName: string, usage: Usage, error?: EngineErrorCode, words?: string) => {
    // Redacted while it is whole: half a secret would not be recognized.
    const reason =
      words &&
      shorten(
        redact(cutEnd(removeInvisible(words), MAX_WORDS))
          .replace(/\s+/g, ' ')
          .trim(),
        MAX_REASON,
      );
    const name = firstChars(redact(givenName), MAX_NAME);
    const billed = isEmptyUsage(usage) && mayBeBilled(error) ? estimate : usage;
    // Nothing waits for the charge: until it is recorded, the reservation counts instead.
    void reservation
      .charge({ usd: chargeUsd(name, billed), route, model: name })
      // The answer is paid for, so it is worth more than the record of its cost.
      .catch((failure: unknown) => logEvent(log, 'engine.charge_failed', errorFields(failure)));
    const durationMs = Math.round(performance.now() - began);
    onCall({
      route,
      model: name,
      usage,
      durationMs,
      ...(reduced.length > 0 && { without: [...reduced] }),
      ...(error && { error }),
      ...(reason && { reason }),
    });
  };

  try {
    const question = { model, system, conversation, tools, schema, without, isBrief, calling: record };
    const reply = await options.model.ask(question, AbortSignal.any([signal, timeout]));
    signal.throwIfAborted();
    if (reply.kind === 'failure') record(model.model, reply.usage ?? NO_USAGE, reply.code, reply.reason);
    else if (reply.kind === 'text') record(reply.model, reply.usage);
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
  { ledger, models }: AgentOptions,
  bytes: number,
): Promise<{ model: ModelChoice; reservation: Reservation } | undefined> {
  const worstCase = ({ model }: ModelChoice) => worstCaseUsd(model, bytes, MAX_TOKENS);
  const { normal, warn_75, downshift_90 } = models;
  const usd = { normal: worstCase(normal), warn_75: worstCase(warn_75), downshift_90: worstCase(downshift_90) };
  const reservation = await ledger.reserve(usd);
  return reservation && { model: models[reservation.tier], reservation };
}

/** Whether the provider may have worked on the call: it answered, or was silent, but did not refuse. */
function mayBeBilled(error: EngineErrorCode | undefined): boolean {
  return error === undefined || ['sdk_timeout', 'sdk_transport', 'empty_response_text', 'refused'].includes(error);
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}
