/**
 * The investigator: asks the model, lets it look with read-only tools for a few rounds, and then has it answer. Every
 * round is paid for from the shared budget before it is made; everything it is shown goes through the door; what it
 * quotes is checked. It ends before its deadline, with a diagnosis or a code.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ModelChoice } from '@kora-wake/shared/runtime/config';
import { errorFields, type Logger } from '@kora-wake/shared/runtime/log';
import type { Ledger, PaidTier, Reservation } from '@kora-wake/shared/store/budget-ledger';
import { isJsonObject } from '@kora-wake/shared/wake/json';
import type { Redact } from '@kora-wake/shared/wake/redact';
import {
  type EngineCall,
  type EngineErrorCode,
  NO_USAGE,
  type Report,
  type ToolCall,
  type Usage,
} from '@kora-wake/shared/wake/report';
import type { Wake } from '@kora-wake/shared/wake/wake';
import { z } from 'zod';
import { type Tool, ToolRefused } from '../tools/tool.ts';
import { answerSchema, readAnswer, type Source } from './answer.ts';
import { type Conversation, type Failure, MAX_TOKENS, type Model, type OfferedTool, type Reply } from './model.ts';
import { chargeUsd, priceUsd, worstCaseUsd } from './prices.ts';
import { investigationPrompt, RULES, wakeText } from './prompt.ts';
import { fenceRule, type Sanitizer, sanitizer } from './untrusted.ts';

export interface Engine {
  /**
   * Investigates one wake. Resolves with a diagnosis or a code, whatever the engine and the tools do.
   *
   * @throws the signal's reason, and only that, when `signal` aborts
   */
  investigate(wake: Wake, signal: AbortSignal): Promise<Report>;
}

/** What is seen of an investigation as it goes. */
interface Watcher {
  call(wake: Wake, call: EngineCall): void;
  tool(wake: Wake, call: ToolCall, input: unknown, output: string): void;
}

export interface AgentOptions {
  model: Model;
  /** By rung; from 100 % on nobody is asked. */
  models: Record<PaidTier, ModelChoice>;
  ledger: Ledger;
  /** The tools on offer now, and the names of servers whose tools are missing. */
  tools(wake: Wake, signal: AbortSignal): Promise<{ tools: Tool[]; missing: string[] }>;
  systemPrompt: string;
  redact: Redact;
  /** For the whole investigation, ms. */
  timeoutMs: number;
  /** Rounds in which tools may be called; one more must answer. */
  maxToolRounds: number;
  /** Before the first retry of a round, ms; doubled for each further one. */
  retryDelayMs: number;
  newNonce(): string;
  watcher: Watcher;
  log: Logger;
}

const MAX_ATTEMPTS = 5;
/** A request that hangs must leave time for another, ms. */
const REQUEST_TIMEOUT_MS = 60_000;
const TOOL_TIMEOUT_MS = 15_000;
/** This much of the time is kept for the answer, at most this many ms. */
const ANSWER_SHARE = 0.25;
const ANSWER_MS = 30_000;
/** However many a model asks for. */
const MAX_TOOL_CALLS = 24;
/** Of a tool or a model, as others call it. */
const MAX_NAME = 64;
const MAX_ROW_BYTES = 32 * 1024;
const MAX_OUTPUT_BYTES = 32 * 1024;
/** Of all outputs of one investigation: a model's window, and the money, have an end. */
const MAX_OUTPUTS_BYTES = 200 * 1024;
/** What is left to an output once they are used up. */
const MIN_OUTPUT_BYTES = 1024;
/** What was thought before is no proof of what is now. */
const HEARSAY = new Set(['recent_wakes', 'past_investigations']);
/** What a server was found not to do is tried again after this, ms. */
const CANNOT_MS = 10 * 60_000;
/** A guess at what is charged for a call whose end nobody told us. */
const BYTES_PER_TOKEN = 4;
/** Of what is around the messages in a request, bytes. */
const ENVELOPE_BYTES = 2_000;

const ANSWER_SCHEMA = z.record(z.string(), z.json()).parse(z.toJSONSchema(answerSchema));

export function agent(options: AgentOptions): Engine {
  const cannot: Cannot = { schema: -Infinity, tools: -Infinity };
  for (const { model } of Object.values(options.models)) {
    if (priceUsd(model, NO_USAGE) !== null) continue;
    options.log.warn({ model }, 'the price of this model is not known; the budget is charged the dearest one');
  }
  return {
    investigate: (wake, signal) => new Investigation(options, cannot, wake, signal).run(),
  };
}

/** When the server was last found not to do it, on the steady clock, ms. */
type Cannot = Record<'schema' | 'tools', number>;

/** One investigation: what it has seen and spent so far. */
class Investigation {
  readonly #options: AgentOptions;
  readonly #cannot: Cannot;
  readonly #wake: Wake;
  readonly #signal: AbortSignal;
  readonly #started = performance.now();
  readonly #deadline: number;
  readonly #nonce: string;
  readonly #sanitizer: Sanitizer;
  readonly #calls: EngineCall[] = [];
  readonly #toolCalls: ToolCall[] = [];
  /** What may be quoted, and how it was shown, by source. */
  readonly #sources = new Map<string, Source & { fenced: string; name: string }>();
  #outputBytesLeft = MAX_OUTPUTS_BYTES;

  constructor(options: AgentOptions, cannot: Cannot, wake: Wake, signal: AbortSignal) {
    this.#options = options;
    this.#cannot = cannot;
    this.#wake = wake;
    this.#signal = signal;
    this.#deadline = this.#started + options.timeoutMs;
    this.#nonce = options.newNonce();
    this.#sanitizer = sanitizer(options.redact, this.#nonce);
  }

  async run(): Promise<Report> {
    const row = this.#sanitizer.sanitize('row', wakeText(this.#wake), MAX_ROW_BYTES);
    const { title, detail, snapshotDetails } = this.#wake;
    // What the probe said, without the labels that we put around it.
    const said = this.#sanitizer.sanitize(
      'row',
      [title, detail, JSON.stringify(snapshotDetails)].join('\n'),
      MAX_ROW_BYTES,
    );
    this.#sources.set('row', { text: said.text, proves: true, fenced: row.fenced, name: 'row' });
    const offered = await this.#offer();
    let brokeOff = false;
    let conversation: Conversation = [{ role: 'user', content: investigationPrompt(row.fenced) }];
    for (let round = 1; ; round++) {
      const last =
        brokeOff || round > this.#options.maxToolRounds || this.#left() < this.#answerMs() || this.#isUnable('tools');
      // Without tools there must be no trace of calls in what is sent either.
      if (last && round > 1) conversation = [{ role: 'user', content: this.#soFar(row.fenced) }];
      const reply = await this.#round(round, conversation, last ? [] : offered);
      if (reply.kind === 'failure' && reply.cannot === 'tools') continue;
      if (reply.kind === 'failure') return this.#failed(reply.code);
      if (reply.kind === 'text') return this.#told(reply.text);
      for (const name of reply.unknown) this.#note(name, 'not_allowed', 0, {}, '', 'UnknownTool');
      ({ conversation, brokeOff } = reply);
    }
  }

  /** One round, tried again where that can help. */
  async #round(round: number, conversation: Conversation, tools: OfferedTool[]): Promise<Reply | Failure> {
    const route = round === 1 ? 'probe_investigation' : 'tool_loop_iteration';
    for (let attempt = 1; ; attempt++) {
      const reply = await this.#ask(route, conversation, tools);
      if (reply.kind !== 'failure') return reply;
      const [bad] = reply.badTool === undefined ? [] : tools.splice(reply.badTool, 1);
      if (bad) {
        this.#options.log.warn({ tool: bad.name }, 'the engine does not take this tool; going on without');
        continue;
      }
      const { cannot, code } = reply;
      if (cannot) {
        this.#options.log.warn({ cannot, code }, 'the engine cannot do this; going on without');
        this.#cannot[cannot] = performance.now();
        // What is sent must be made anew where there were calls in it.
        if (cannot === 'tools') return reply;
        continue;
      }
      const delay = reply.retryAfterMs ?? jittered(this.#options.retryDelayMs * 2 ** (attempt - 1));
      if (!reply.retry || attempt === MAX_ATTEMPTS || delay >= this.#left()) return reply;
      await sleep(delay, undefined, { signal: this.#signal }).catch(() => this.#signal.throwIfAborted());
    }
  }

  async #ask(route: EngineCall['route'], conversation: Conversation, tools: OfferedTool[]): Promise<Reply | Failure> {
    const { model: engine, systemPrompt, watcher, log } = this.#options;
    const system = [systemPrompt, `${RULES}\n\n${fenceRule(this.#nonce)}`];
    const schema = this.#isUnable('schema') ? undefined : ANSWER_SCHEMA;
    const bytes = ENVELOPE_BYTES + byteLength(JSON.stringify([system, conversation, tools, schema]));
    const paid = await this.#reserve(bytes);
    if (!paid) return { kind: 'failure', code: 'cost_ladder_halted', retry: false };
    const { model, reservation } = paid;
    // A call that nobody counted, or whose end nobody told us, may be charged all the same.
    const guess = { ...NO_USAGE, inputTokens: Math.ceil(bytes / BYTES_PER_TOKEN) };
    const began = performance.now();
    const timeout = AbortSignal.timeout(Math.ceil(Math.max(1, Math.min(REQUEST_TIMEOUT_MS, this.#left()))));
    const enter = (given: string, usage: Usage, error?: EngineErrorCode) => {
      const name = this.#options.redact(given).slice(0, MAX_NAME);
      // Nothing waits for it: until it is entered, the reservation stands in its place.
      void reservation
        .charge({ usd: chargeUsd(name, isNothing(usage) && wasSent(error) ? guess : usage), route, model: name })
        // The answer is paid for: it is worth more than the entry.
        .catch((failed: unknown) => log.error(errorFields(failed), 'what a call cost could not be entered'));
      const durationMs = Math.round(performance.now() - began);
      const made: EngineCall = { route, model: name, usage, durationMs, ...(error && { error }) };
      this.#calls.push(made);
      watcher.call(this.#wake, made);
    };
    try {
      const question = { model, system, conversation, tools, schema, calling: enter };
      const reply = await engine.ask(question, AbortSignal.any([this.#signal, timeout]));
      this.#signal.throwIfAborted();
      if (reply.kind === 'failure') enter(model.model, reply.usage ?? NO_USAGE, reply.code);
      else if (reply.kind === 'text') enter(reply.model, reply.usage);
      return reply;
    } catch (error) {
      await reservation.release().catch((failed: unknown) => log.debug(errorFields(failed), 'a reservation lapses'));
      throw error;
    }
  }

  /** The model that this month's rung allows, or a cheaper one where that is all there is money for. */
  async #reserve(bytes: number): Promise<{ model: ModelChoice; reservation: Reservation } | undefined> {
    const { ledger, models } = this.#options;
    const worst = ({ model }: ModelChoice) => worstCaseUsd(model, bytes, MAX_TOKENS);
    const { normal, warn_75, downshift_90 } = models;
    const usd = { normal: worst(normal), warn_75: worst(warn_75), downshift_90: worst(downshift_90) };
    const reservation = await ledger.reserve(usd);
    return reservation && { model: models[reservation.tier], reservation };
  }

  async #offer(): Promise<OfferedTool[]> {
    const soon = AbortSignal.any([this.#signal, AbortSignal.timeout(Math.ceil(this.#answerMs()))]);
    const { tools, missing } = await this.#options.tools(this.#wake, soon);
    if (missing.length > 0) this.#options.log.warn({ missing }, 'tool servers are down; investigating without them');
    return tools.map((tool) => ({
      name: tool.name,
      // A server's own words, and so untrusted; they are shown where the API wants them, without a fence.
      description: this.#options.redact(tool.description),
      inputSchema: tool.inputSchema,
      run: (input) => this.#use(tool, input),
    }));
  }

  /** One call of a tool, within its time, through the door, on record. */
  async #use(tool: Tool, given: unknown): Promise<string> {
    const { redact } = this.#options;
    const input = isJsonObject(given) ? given : {};
    const began = performance.now();
    const ms = () => Math.round(performance.now() - began);
    if (this.#toolCalls.length >= MAX_TOOL_CALLS) {
      this.#note(tool.name, 'not_allowed', 0, input, '', 'TooManyCalls');
      throw new Error(`no more than ${MAX_TOOL_CALLS} calls in one investigation; answer now`);
    }
    const timeLeft = Math.max(1, Math.min(TOOL_TIMEOUT_MS, this.#left() - this.#answerMs()));
    const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(Math.ceil(timeLeft))]);
    // The number is taken now: calls of one round run side by side.
    const noted = this.#note(tool.name, 'ok', 0, input, '');
    try {
      // Whatever its type says: a tool may be anyone's.
      const output: unknown = await Promise.race([
        tool.run(input, { wake: this.#wake, redact, signal }),
        aborted(signal),
      ]);
      const said = typeof output === 'string' ? output : JSON.stringify(output);
      return this.#ended(noted, { status: 'ok', durationMs: ms() }, input, said ?? '');
    } catch (error) {
      this.#signal.throwIfAborted();
      const status = error instanceof ToolRefused ? 'not_allowed' : 'execution_error';
      const excType = error instanceof Error ? error.name : 'Error';
      const why = signal.aborted ? 'it did not answer in time' : reasonOf(error);
      throw new Error(this.#ended(noted, { status, durationMs: ms(), excType }, input, why), { cause: error });
    }
  }

  #note(
    name: string,
    status: ToolCall['status'],
    durationMs: number,
    input: unknown,
    output: string,
    excType?: string,
  ): ToolCall {
    const source = `call-${this.#toolCalls.length + 1}`;
    const call: ToolCall = {
      source,
      name: this.#options.redact(name).slice(0, MAX_NAME),
      status,
      durationMs,
      ...(excType && { excType }),
    };
    this.#toolCalls.push(call);
    if (status !== 'ok') this.#options.watcher.tool(this.#wake, call, input, output);
    return call;
  }

  #ended(call: ToolCall, more: Partial<ToolCall>, input: unknown, output: string): string {
    Object.assign(call, more);
    const room = Math.max(MIN_OUTPUT_BYTES, Math.min(MAX_OUTPUT_BYTES, this.#outputBytesLeft));
    const admitted = this.#sanitizer.sanitize(call.source, output, room);
    this.#outputBytesLeft -= byteLength(admitted.text);
    // What the model put in itself is no evidence when it comes back.
    const text = stringsIn(input).reduce((left, own) => left.replaceAll(own, ' '), admitted.text);
    this.#sources.set(call.source, { text, fenced: admitted.fenced, proves: !HEARSAY.has(call.name), name: call.name });
    this.#options.watcher.tool(this.#wake, call, input, admitted.text);
    return admitted.fenced;
  }

  /** All there is to go by, for a round in which nothing can be called. */
  #soFar(row: string): string {
    const calls = [...this.#sources.values()].slice(1).map(({ name, fenced }) => `${name}:\n${fenced}`);
    return `${investigationPrompt(row)}\n\nYou have looked already, and can look no more:\n\n${calls.join('\n\n')}\n\nAnswer now, with what you have.`;
  }

  #isUnable(what: keyof Cannot): boolean {
    return performance.now() - this.#cannot[what] < CANNOT_MS;
  }

  #left(): number {
    return this.#deadline - performance.now();
  }

  #answerMs(): number {
    return Math.min(ANSWER_MS, this.#options.timeoutMs * ANSWER_SHARE);
  }

  #told(text: string): Report {
    const finding = readAnswer(text, this.#sources);
    if (!finding) return this.#failed('empty_response_text');
    const { verdict, evidence, dropped } = finding;
    if (dropped > 0) this.#options.log.warn({ wakeId: this.#wake.id, dropped }, 'quotes that are nowhere were dropped');
    return {
      kind: 'diagnosis',
      text: this.#options.redact(finding.text),
      ...(verdict && { verdict, evidence, droppedQuotes: dropped }),
      ...this.#telemetry(),
    };
  }

  #failed(code: EngineErrorCode): Report {
    return { kind: 'fallback', code, ...this.#telemetry() };
  }

  #telemetry() {
    return {
      model: this.#calls.at(-1)?.model ?? null,
      usage: this.#calls.map((call) => call.usage).reduce(addUsage, NO_USAGE),
      costUsd: this.#calls.map(({ model, usage }) => priceUsd(model, usage)).reduce(addCost, 0),
      durationMs: Math.round(performance.now() - this.#started),
      calls: this.#calls,
      toolCalls: this.#toolCalls,
    };
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const abort = () => reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}

/** What a model put into a call, as far as a quote could hit it. */
function stringsIn(value: unknown): string[] {
  if (typeof value === 'string') return value.length < 4 ? [] : [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(stringsIn) : [];
}

function isNothing({ inputTokens, outputTokens, cacheCreationInputTokens, cacheReadInputTokens }: Usage): boolean {
  return inputTokens + outputTokens + cacheCreationInputTokens + cacheReadInputTokens === 0;
}

/** Whether the engine may have worked on what then failed: an answer, or silence, but no refusal. */
function wasSent(error: EngineErrorCode | undefined): boolean {
  return error === undefined || ['sdk_timeout', 'sdk_transport', 'empty_response_text', 'refused'].includes(error);
}

function reasonOf(error: unknown): string {
  return error instanceof Error && error.message !== '' ? error.message : 'it failed and did not say why';
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** Between half of `ms` and all of it, so that workers which failed together do not come back together. */
function jittered(ms: number): number {
  return ms * (0.5 + Math.random() / 2);
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
