/**
 * The engine: one question to the Messages API, tried again where that can help, until the deadline. The only file
 * that knows the Anthropic SDK; everything that can go wrong with it leaves here as one of the contract's codes.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import Anthropic, {
  APIConnectionError,
  APIConnectionTimeoutError,
  APIError,
  APIUserAbortError,
} from '@anthropic-ai/sdk';
import type { AnthropicCredential, ModelChoice } from '@kora-wake/shared/config';
import { isJsonObject } from '@kora-wake/shared/core/json';
import { investigationPrompt } from '@kora-wake/shared/core/prompt';
import {
  type EngineCall,
  type EngineErrorCode,
  engineException,
  fallbackReport,
  NO_USAGE,
  type Report,
  type Usage,
} from '@kora-wake/shared/core/report';
import type { Wake } from '@kora-wake/shared/core/wake';
import { priceUsd } from './prices.ts';

export interface Engine {
  /**
   * Investigates one wake. Resolves with a diagnosis or a code, whatever the engine does.
   *
   * @throws the signal's reason, and only that, when `signal` aborts
   */
  investigate(wake: Wake, signal: AbortSignal): Promise<Report>;
}

export interface EngineOptions {
  credential: AnthropicCredential | undefined;
  baseUrl: string | undefined;
  systemPrompt: string;
  model: ModelChoice;
  /** For the whole investigation, ms. */
  timeoutMs: number;
  /** Before the first retry, ms; doubled for each further one. */
  retryDelayMs: number;
  /** Told of each call as it ends. */
  onCall(wake: Wake, call: EngineCall): void;
}

const MAX_ATTEMPTS = 5;
/** A request that hangs must leave time for another, ms. */
const REQUEST_TIMEOUT_MS = 60_000;
/** Room for thinking and the answer, tokens. */
const MAX_TOKENS = 4_096;

type Answer = { text: string; model: string; usage: Usage };
type Failure = { code: EngineErrorCode; retry: boolean; retryAfterMs?: number; usage?: Usage };

/** An engine on the Messages API; without a credential, one that says so. */
export function anthropicEngine(options: EngineOptions): Engine {
  const { credential } = options;
  if (!credential) return { investigate: async () => fallbackReport('engine_unavailable') };
  const client = new Anthropic({
    ...(credential.kind === 'oauth' ? { authToken: credential.token } : { apiKey: credential.key }),
    // Tokens of Claude Code are accepted only with this header.
    ...(credential.kind === 'oauth' && { defaultHeaders: { 'anthropic-beta': 'oauth-2025-04-20' } }),
    baseURL: options.baseUrl ?? null,
    maxRetries: 0,
    logLevel: 'off',
  });

  async function investigate(wake: Wake, signal: AbortSignal): Promise<Report> {
    const started = performance.now();
    const deadline = started + options.timeoutMs;
    const calls: EngineCall[] = [];
    const telemetry = () => ({
      model: calls.at(-1)?.model ?? null,
      usage: calls.map((call) => call.usage).reduce(addUsage, NO_USAGE),
      costUsd: calls.map(({ model, usage }) => priceUsd(model, usage)).reduce(addCost, 0),
      durationMs: Math.round(performance.now() - started),
      calls,
    });
    for (let attempt = 1; ; attempt++) {
      const result = await call(wake, signal, deadline, calls);
      if ('text' in result) return { kind: 'diagnosis', text: result.text, ...telemetry() };
      const delay = result.retryAfterMs ?? jittered(options.retryDelayMs * 2 ** (attempt - 1));
      const outOfTime = performance.now() + delay >= deadline;
      if (!result.retry || attempt === MAX_ATTEMPTS || outOfTime) {
        return { kind: 'fallback', code: result.code, ...telemetry() };
      }
      await sleep(delay, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }

  async function call(
    wake: Wake,
    signal: AbortSignal,
    deadline: number,
    calls: EngineCall[],
  ): Promise<Answer | Failure> {
    const began = performance.now();
    const timeout = AbortSignal.timeout(Math.ceil(Math.max(1, Math.min(REQUEST_TIMEOUT_MS, deadline - began))));
    const result = await ask(client, options, wake, AbortSignal.any([signal, timeout])).catch((error: unknown) => {
      signal.throwIfAborted();
      return classify(error);
    });
    const made: EngineCall = {
      route: 'probe_investigation',
      model: 'model' in result ? result.model : options.model.model,
      usage: result.usage ?? NO_USAGE,
      durationMs: Math.round(performance.now() - began),
      ...('code' in result && { error: result.code }),
    };
    calls.push(made);
    options.onCall(wake, made);
    return result;
  }

  return { investigate };
}

async function ask(
  client: Anthropic,
  options: EngineOptions,
  wake: Wake,
  signal: AbortSignal,
): Promise<Answer | Failure> {
  const { model, effort } = options.model;
  const message: unknown = await client.messages.create(
    {
      model,
      max_tokens: MAX_TOKENS,
      system: [{ type: 'text', text: options.systemPrompt, cache_control: { type: 'ephemeral' } }],
      messages: [{ role: 'user', content: investigationPrompt(wake) }],
      ...(effort && { output_config: { effort } }),
    },
    { signal },
  );
  // A gateway's error page comes as a string, and a half-made server answers anything at all.
  if (!isMessage(message)) return { code: 'sdk_transport', retry: true };
  const usage = usageOf(message.usage);
  if (message.stop_reason === 'refusal') return { code: 'refused', retry: false, usage };
  const text = message.content
    .flatMap((block) =>
      isJsonObject(block) && block.type === 'text' && typeof block.text === 'string' ? [block.text] : [],
    )
    .join('')
    .trim();
  if (text === '') return { code: 'empty_response_text', retry: false, usage };
  return { text, model: typeof message.model === 'string' ? message.model : model, usage };
}

/** A message as far as we read it; what the SDK's types promise is the server's to keep. */
interface Message {
  content: unknown[];
  model?: unknown;
  stop_reason?: unknown;
  usage?: unknown;
}

function isMessage(value: unknown): value is Message {
  return isJsonObject(value) && Array.isArray(value.content);
}

/** The one place where an error of the SDK becomes a code, and where it is said whether trying again can help. */
function classify(error: unknown): Failure {
  if (error instanceof APIUserAbortError || error instanceof APIConnectionTimeoutError)
    return { code: 'sdk_timeout', retry: true };
  if (error instanceof APIConnectionError) return { code: 'sdk_transport', retry: true };
  if (error instanceof APIError && typeof error.status === 'number') return classifyStatus(error.status, error.headers);
  if (isTimeout(error)) return { code: 'sdk_timeout', retry: true };
  // A body that stops in the middle: the connection's TypeError, or JSON that does not end.
  if (error instanceof SyntaxError || (error instanceof TypeError && error.cause !== undefined)) {
    return { code: 'sdk_transport', retry: true };
  }
  return { code: engineException(error), retry: false };
}

function classifyStatus(status: number, headers: unknown): Failure {
  const retryAfterMs = headers instanceof Headers ? retryAfter(headers) : undefined;
  const waits = retryAfterMs === undefined ? {} : { retryAfterMs };
  if (status === 401 || status === 403) return { code: 'sdk_auth', retry: false };
  if (status === 429) return { code: 'sdk_rate_limited', retry: true, ...waits };
  if (status >= 500) return { code: 'sdk_5xx', retry: true, ...waits };
  return { code: `sdk_4xx_${status}`, retry: false };
}

/** `Retry-After`, in seconds or as a date, as ms from now. */
function retryAfter(headers: Headers): number | undefined {
  const value = headers.get('retry-after');
  if (value === null) return undefined;
  const ms = /^\d+(\.\d+)?$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && (error.name === 'TimeoutError' || error.name === 'AbortError');
}

/** Between half of `ms` and all of it, so that workers which failed together do not come back together. */
function jittered(ms: number): number {
  return ms * (0.5 + Math.random() / 2);
}

/** A gateway may count in its own way, or not at all. */
function usageOf(usage: unknown): Usage {
  const count = (name: string) => {
    const value = isJsonObject(usage) ? usage[name] : undefined;
    return typeof value === 'number' && value >= 0 ? value : 0;
  };
  return {
    inputTokens: count('input_tokens'),
    outputTokens: count('output_tokens'),
    cacheCreationInputTokens: count('cache_creation_input_tokens'),
    cacheReadInputTokens: count('cache_read_input_tokens'),
  };
}

function addUsage(a: Usage, b: Usage): Usage {
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    cacheCreationInputTokens: a.cacheCreationInputTokens + b.cacheCreationInputTokens,
    cacheReadInputTokens: a.cacheReadInputTokens + b.cacheReadInputTokens,
  };
}

function addCost(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : a + b;
}
