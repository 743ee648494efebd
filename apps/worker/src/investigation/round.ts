/** One round of an investigation: asks the LLM, again if that can help, and with fewer features if the server refuses the request. */
import { sleep } from '@kora-wake/shared/runtime/async';
import type { Logger } from '@kora-wake/shared/runtime/log';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import type { EngineErrorCode } from '@kora-wake/shared/wake/report';
import { type Feature, nextStep, type Refusal, type ServerLimits } from './features.ts';
import type { Conversation, Failure, OfferedTool, Reply } from './model.ts';

export interface Round {
  /** From 1. */
  number: number;
  conversation: Conversation;
  /** Empty: the LLM must answer. */
  tools: OfferedTool[];
  /** Features that earlier requests of this investigation dropped; the round adds its own. */
  dropped: Set<Feature>;
  /** The code of the refusal because of which they were dropped. */
  refusedWith?: EngineErrorCode;
  /** False if the server has accepted these features before, so that a refusal has another reason. */
  mayReduce: boolean;
  isBrief: boolean;
  /** True if the data was cut. A request that is accepted then proves nothing about its features. */
  isShortened: boolean;
}

export interface Asking {
  ask(round: Round, refusedTools: readonly string[]): Promise<Reply | Failure>;
  limits: ServerLimits;
  /** Delay before the first retry, ms; doubled for each further one. */
  retryDelayMs: number;
  timeLeftMs(): number;
  signal: AbortSignal;
  log: Logger;
}

const MAX_ATTEMPTS = 5;
const MAX_MALFORMED = 1;
/** Server errors in a row after which the tools may be the reason. */
const TOOLS_SUSPECTED = 2;
/** A server that refuses more tools than this gets none. */
const MAX_REFUSED_TOOLS = 3;

/**
 * Asks in one round.
 *
 * @returns the reply, or the last failure. A failure with a `refusal` may be answered without tools, or if it is shorter
 * @throws the signal's reason when it aborts
 */
export async function askInRound(asking: Asking, round: Round): Promise<Reply | Failure> {
  const { limits, retryDelayMs, timeLeftMs, signal, log } = asking;
  const refusedTools: string[] = [];
  let code = round.refusedWith;
  let malformed = 0;
  for (let attempt = 1; ; ) {
    const reply = await asking.ask(round, refusedTools);
    if (reply.kind !== 'failure') {
      if (!round.isShortened) learn(asking, round.dropped, code);
      for (const name of refusedTools) limits.learnTool(name);
      return reply;
    }
    const { refusal } = reply;
    if (refusal) {
      if (!round.mayReduce) return reply;
      code = reply.code;
      if (!reduce(round, refusal, refusedTools, log)) return reply;
      continue;
    }
    if (reply.mayBeTools && attempt >= TOOLS_SUSPECTED) return { ...reply, refusal: WITHOUT_TOOLS };
    if (reply.isMalformed && ++malformed > MAX_MALFORMED) return reply;
    const delay = reply.retryAfterMs ?? withJitter(retryDelayMs * 2 ** (attempt - 1));
    if (!reply.retry || attempt === MAX_ATTEMPTS || delay >= timeLeftMs()) return reply;
    await sleep(delay, signal);
    signal.throwIfAborted();
    attempt++;
  }
}

const WITHOUT_TOOLS: Refusal = { sent: ['tools'], named: ['tools'] };

/** Drops a tool or features. Returns false if there is nothing to drop, or if it is the tools, which change the conversation. */
function reduce(round: Round, refusal: Refusal, refusedTools: string[], log: Logger): boolean {
  const index = round.tools.findIndex(({ name }) => name === refusal.tool);
  if (index >= 0 && refusedTools.length < MAX_REFUSED_TOOLS) {
    for (const { name } of round.tools.splice(index, 1)) {
      refusedTools.push(name);
      logEvent(log, 'engine.tool_refused', { tool: name });
    }
    return true;
  }
  const step = nextStep(refusal);
  if (step.length === 0 || step.includes('tools')) return false;
  for (const feature of step) round.dropped.add(feature);
  return true;
}

/** Remembers proven steps, and logs each once. */
function learn({ limits, log }: Asking, dropped: ReadonlySet<Feature>, code: EngineErrorCode | undefined): void {
  for (const feature of dropped) {
    if (!limits.lacks(feature)) logEvent(log, 'engine.unsupported', { feature, code });
    limits.learn(feature);
  }
}

/** Between half of `ms` and `ms`, so that workers that failed together do not retry together. */
function withJitter(ms: number): number {
  return ms * (0.5 + Math.random() / 2);
}
