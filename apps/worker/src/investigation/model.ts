/**
 * The LLM adapter: one request at a time, with its tool calls. The only file that uses Anthropic's SDK. Each failure leaves it as
 * one of the contract's error codes.
 */
import Anthropic, {
  APIConnectionError,
  APIConnectionTimeoutError,
  APIError,
  APIUserAbortError,
} from '@anthropic-ai/sdk';
import type { AnthropicCredential, ModelChoice } from '@kora-wake/shared/runtime/config';
import { isJsonObject, type Json, type JsonObject } from '@kora-wake/shared/wake/json';
import { type EngineErrorCode, engineException, type Usage } from '@kora-wake/shared/wake/report';
import { checkedFetch, ServerPage } from './checked-fetch.ts';
import { FEATURES, type Feature, type Refusal } from './features.ts';
import { MAX_TOKENS } from './limits.ts';
import { reasonOf, serverMessage } from './server-message.ts';
import { classifyPage, classifyStatus } from './status.ts';
import { readToolInput } from './tool-input.ts';
import { usageOf } from './usage.ts';

/** The messages so far, as the API takes them. */
export type Conversation = Anthropic.Beta.BetaMessageParam[];

/** A tool that the LLM may call. `run` resolves with its output for the LLM; an exception becomes an error result. */
export interface OfferedTool {
  name: string;
  description: string;
  inputSchema: JsonObject;
  run(input: unknown): Promise<string>;
}

interface Question {
  model: ModelChoice;
  /** Blocks of the system prompt. */
  system: string[];
  conversation: Conversation;
  /** Empty: the LLM must answer. */
  tools: OfferedTool[];
  /** JSON Schema of the answer. */
  schema: JsonObject;
  /** Features that the request must not use. */
  without: ReadonlySet<Feature>;
  /** True: as little effort as possible, because an earlier answer was used up by thinking. */
  isBrief: boolean;
  /** Called once if the LLM answered, before anything else happens. */
  answered(said: Said): void;
  /** Called before the tools run, if the LLM answered with tool calls. */
  calling(model: string, usage: Usage): void;
}

/** The text and the tool calls of an LLM, neither redacted nor shortened. */
export interface Said {
  text: string;
  calls: Array<{ name: string; input: Json }>;
}

/**
 * The LLM's reply: an answer, or tool calls, which were made already. `isAnnouncement`: the LLM ended its turn for a tool call, but
 * the server returned no call.
 */
export type Reply = {
  model: string;
  usage: Usage;
} & (
  | { kind: 'text'; text: string; isAnnouncement?: true }
  /**
   * `conversation` contains the calls and their results. `unknown`: names of tools that were not offered. If the reply broke
   * off, no call was made, and the conversation cannot continue from it.
   */
  | { kind: 'tools'; conversation: Conversation; unknown: string[]; brokeOff: boolean }
);

export interface Failure {
  kind: 'failure';
  code: EngineErrorCode;
  retry: boolean;
  /** The status and the server's own words, neither redacted nor shortened. */
  reason?: string;
  /** True if the answer was no message of the API. A second one is hardly better than the first. */
  isMalformed?: true;
  /** The wait that the server asks for, ms. */
  retryAfterMs?: number;
  /** Present if the server reported usage for the failed request. */
  usage?: Usage;
  /** Present if the request may succeed with fewer features. */
  refusal?: Refusal;
  /** True if only a shorter request can succeed. */
  isTooLarge?: true;
  /** True if the server failed on a request with tools, which may be the reason. */
  mayBeTools?: true;
}

export interface Model {
  /** Asks once. Resolves with a failure for any error. Rejects only if `signal` aborts before the LLM has answered. */
  ask(question: Question, signal: AbortSignal): Promise<Reply | Failure>;
}

export interface ModelOptions {
  credential: AnthropicCredential;
  baseUrl: string | undefined;
  /** Reaches the network through a proxy, or replaces it for a replay. */
  fetch?: typeof globalThis.fetch;
}

/** The Messages API, or any server that speaks it. */
export function anthropicModel({ credential, baseUrl, fetch }: ModelOptions): Model {
  const secret = credential.kind === 'apiKey' ? credential.key : credential.token;
  const client = new Anthropic({
    ...(credential.kind === 'apiKey' ? { apiKey: secret } : { authToken: secret }),
    defaultHeaders: {
      // The API accepts tokens of Claude Code only with this header.
      ...(credential.kind === 'oauth' && { 'anthropic-beta': 'oauth-2025-04-20' }),
      // A gateway reads one of the two usual headers, and nothing tells us which.
      ...(isCustom(baseUrl) && { 'x-api-key': secret, authorization: `Bearer ${secret}` }),
    },
    baseURL: baseUrl ?? null,
    fetch: checkedFetch(fetch ?? globalThis.fetch),
    maxRetries: 0,
    logLevel: 'off',
    // Prompts and answers never belong in a trace, whatever the environment says.
    openTelemetry: { traces: { contentMode: 'metadata_only' } },
  });
  return {
    ask: (question, signal) => ask(client, question, signal).catch((error: unknown) => classify(error, question)),
  };
}

function isCustom(baseUrl: string | undefined): boolean {
  return baseUrl !== undefined && URL.parse(baseUrl)?.host !== 'api.anthropic.com';
}

async function ask(client: Anthropic, question: Question, signal: AbortSignal): Promise<Reply | Failure> {
  const { model } = question.model;
  const sent = new Set(sentFeatures(question));
  const effort = question.model.effort && (question.isBrief ? 'low' : question.model.effort);
  const params = {
    model,
    max_tokens: MAX_TOKENS,
    system: sent.has('blocks')
      ? question.system.map((text, i) => ({
          type: 'text' as const,
          text,
          ...(sent.has('cache') && i === question.system.length - 1 && CACHED),
        }))
      : question.system.join('\n\n'),
    messages: question.conversation,
    ...((sent.has('effort') || sent.has('schema')) && {
      output_config: {
        ...(sent.has('effort') && effort && { effort }),
        ...(sent.has('schema') && { format: { type: 'json_schema' as const, schema: question.schema } }),
      },
    }),
  };
  if (question.tools.length === 0) {
    const message: unknown = await client.beta.messages.create(params, { signal });
    if (!isMessage(message)) return NO_MESSAGE;
    question.answered(saidIn(message));
    return textOf(message, model);
  }
  // One round only: the agent owns the rounds and the budget. Without `thread: false` the SDK keeps the conversation on the
  // server, and gateways break.
  const runner = client.beta.messages.toolRunner(
    { ...params, tools: runnables(question.tools, sent), max_iterations: 1, thread: false },
    { signal },
  );
  let called: { names: string[]; model: string; usage: Usage } | undefined;
  for await (const message of runner) {
    // Checked before the runner uses it: an incomplete server may answer anything.
    if (!isMessage(message)) return NO_MESSAGE;
    question.answered(saidIn(message));
    const names = calledBy(message);
    if (names.length === 0 || message.stop_reason === 'refusal') return textOf(message, model);
    called = { names, model: nameOf(message, model), usage: usageOf(message.usage) };
    question.calling(called.model, called.usage);
  }
  if (!called) return NO_MESSAGE;
  const offered = new Set(question.tools.map(({ name }) => name));
  return {
    kind: 'tools',
    conversation: runner.params.messages.map(acceptable),
    brokeOff: runner.params.messages.at(-1)?.role !== 'user',
    unknown: called.names.filter((name) => !offered.has(name)),
    model: called.model,
    usage: called.usage,
  };
}

/** The API refuses a history with blank texts, or with input that is not an object. Other servers answer with both. */
function acceptable(message: Conversation[number]): Conversation[number] {
  if (message.role !== 'assistant' || typeof message.content === 'string') return message;
  const content = message.content.flatMap((block) => {
    if (!isJsonObject(block) || (block.type === 'text' && isBlank(block.text))) return [];
    return [block.type === 'tool_use' ? { ...block, input: readToolInput(block.input) ?? {} } : block];
  });
  return { ...message, content };
}

function isBlank(text: unknown): boolean {
  return typeof text !== 'string' || text.trim() === '';
}

/** The names of the tools that a message calls. */
function calledBy(message: Message): string[] {
  return callsIn(message).map(({ name }) => name);
}

function callsIn({ content }: Message): Said['calls'] {
  return content.flatMap((block) =>
    isJsonObject(block) && block.type === 'tool_use' && typeof block.name === 'string'
      ? [{ name: block.name, input: block.input ?? null }]
      : [],
  );
}

function saidIn(message: Message): Said {
  return { text: textIn(message), calls: callsIn(message) };
}

function failed(code: EngineErrorCode, retry: boolean): Failure {
  return { kind: 'failure', code, retry };
}

const CACHED = { cache_control: { type: 'ephemeral' as const } };
const NO_MESSAGE: Failure = { kind: 'failure', code: 'sdk_transport', retry: true, isMalformed: true };

/** The features that a request uses. */
function sentFeatures({ model, without, tools, conversation }: Question): Feature[] {
  const used: Record<Feature, boolean> = {
    effort: model.effort !== undefined,
    schema: true,
    cache: true,
    blocks: true,
    tools: tools.length > 0,
    history: conversation.length > 1,
  };
  return FEATURES.filter((feature) => used[feature] && !without.has(feature));
}

function runnables(tools: OfferedTool[], sent: ReadonlySet<Feature>) {
  return tools.map((tool, index) => ({
    type: 'custom' as const,
    name: tool.name,
    description: tool.description,
    input_schema: { ...tool.inputSchema, type: 'object' as const },
    ...(sent.has('cache') && index === tools.length - 1 && CACHED),
    parse: (input: unknown) => input,
    run: (input: unknown) => tool.run(input),
  }));
}

/** The part of a message that we read. The server may not keep the promises of the SDK's types. */
interface Message {
  content: unknown[];
  model?: unknown;
  stop_reason?: unknown;
  usage?: unknown;
}

function isMessage(value: unknown): value is Message {
  return isJsonObject(value) && Array.isArray(value.content);
}

function nameOf(message: Message, asked: string): string {
  return typeof message.model === 'string' ? message.model : asked;
}

function textIn({ content }: Message): string {
  return content
    .flatMap((block) =>
      isJsonObject(block) && block.type === 'text' && typeof block.text === 'string' ? [block.text] : [],
    )
    .join('')
    .trim();
}

function textOf(message: Message, asked: string): Reply | Failure {
  const usage = usageOf(message.usage);
  if (message.stop_reason === 'refusal') return { kind: 'failure', code: 'refused', retry: false, usage };
  if (calledBy(message).length > 0) {
    return { kind: 'failure', code: 'tool_use_max_iterations_exceeded', retry: false, usage };
  }
  const text = textIn(message);
  if (text === '') return { kind: 'failure', code: 'empty_response_text', retry: false, usage };
  const isAnnouncement = message.stop_reason === 'tool_use';
  return { kind: 'text', text, model: nameOf(message, asked), usage, ...(isAnnouncement && { isAnnouncement }) };
}

/** The only place that turns an error of the SDK into a code, and decides whether a retry can help. */
function classify(error: unknown, question: Question): Failure {
  if (error instanceof APIUserAbortError || error instanceof APIConnectionTimeoutError) {
    return failed('sdk_timeout', true);
  }
  if (error instanceof APIConnectionError && error.cause instanceof ServerPage) {
    const { status, headers, title } = error.cause;
    return { ...classifyPage(status, headers), reason: reasonOf(status, title || 'a page instead of JSON') };
  }
  if (error instanceof APIConnectionError) return failed('sdk_transport', true);
  if (error instanceof APIError && typeof error.status === 'number') {
    const headers = error.headers instanceof Headers ? error.headers : undefined;
    const sent = { features: sentFeatures(question), tools: question.tools.map(({ name }) => name) };
    const failure = classifyStatus(error.status, headers, `${error.message} ${JSON.stringify(error.error)}`, sent);
    return { ...failure, reason: reasonOf(error.status, serverMessage(error.error)) };
  }
  if (isTimeout(error)) return failed('sdk_timeout', true);
  // The connection ended in the middle of the body.
  if (error instanceof TypeError && error.cause !== undefined) return failed('sdk_transport', true);
  // Incomplete JSON, or an answer that the SDK cannot process.
  if (error instanceof SyntaxError || error instanceof TypeError) return NO_MESSAGE;
  return failed(engineException(error), false);
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && (error.name === 'TimeoutError' || error.name === 'AbortError');
}
