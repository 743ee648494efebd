/**
 * The investigator. It asks the LLM, lets it call read-only tools for some rounds, and then requires an answer. Each round is
 * paid from the shared budget before it is made, all data for the LLM is sanitized, and the quotes of the answer are checked. The
 * investigation ends before its deadline, with a diagnosis or an error code.
 */
import type { ModelChoice } from '@kora-wake/shared/runtime/config';
import { errorReason } from '@kora-wake/shared/runtime/errors';
import type { Logger } from '@kora-wake/shared/runtime/log';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import type { Ledger } from '@kora-wake/shared/store/budget-ledger';
import type { Step } from '@kora-wake/shared/store/step-types';
import type { PaidTier } from '@kora-wake/shared/wake/budget';
import type { JsonObject } from '@kora-wake/shared/wake/json';
import { ageNote, lateMs } from '@kora-wake/shared/wake/message';
import type { Redact } from '@kora-wake/shared/wake/redact';
import {
  type EngineCall,
  type EngineErrorCode,
  NO_USAGE,
  type Report,
  type ToolCall,
} from '@kora-wake/shared/wake/report';
import type { Wake } from '@kora-wake/shared/wake/wake';
import type { Tool } from '../tools/tool.ts';
import { readAnswer } from './answer.ts';
import { type Feature, ServerLimits } from './features.ts';
import { callLlm } from './llm-call.ts';
import type { Conversation, Failure, Model, OfferedTool, Reply } from './model.ts';
import type { Prices } from './prices.ts';
import { investigationPrompt, RULES, wakeText } from './prompt.ts';
import { askInRound, type Round } from './round.ts';
import { StepRecorder } from './step-recorder.ts';
import { ToolCalls, UNKNOWN_TOOL } from './tool-calls.ts';
import { fenceRule, sanitizer } from './untrusted.ts';
import { addCost, addUsage } from './usage.ts';

export interface Engine {
  /**
   * Investigates one wake. Resolves with a diagnosis or an error code, whatever the LLM and the tools do.
   *
   * @param storm text about the storm that the wake leads: the investigation is that of all its alerts
   * @param steps receives the steps while they happen
   * @throws the signal's reason, and only that, when `signal` aborts
   */
  investigate(wake: Wake, signal: AbortSignal, storm?: string, steps?: Step[]): Promise<Report>;
}

/** Receives the calls of an investigation while it runs. */
interface Watcher {
  call(wake: Wake, call: EngineCall): void;
  tool(wake: Wake, call: ToolCall, input: unknown, output: string): void;
}

export interface AgentOptions {
  model: Model;
  /** By budget tier. From 100 % on, no LLM is called. */
  models: Record<PaidTier, ModelChoice>;
  prices: Prices;
  ledger: Ledger;
  /** The tools that are available now, and the names of MCP servers whose tools are missing. */
  tools(wake: Wake, signal: AbortSignal): Promise<{ tools: Tool[]; missing: string[] }>;
  /** Calls of tools that check our own connection, for a storm. Absent: none. */
  connectionChecks?(): Array<{ tool: Tool; input: JsonObject }>;
  systemPrompt: string;
  redact: Redact;
  /** For the whole investigation, ms. */
  timeoutMs: number;
  /** Rounds in which tools may be called. One more round must answer. */
  maxToolRounds: number;
  /** Delay before the first retry of a round, ms; doubled for each further one. */
  retryDelayMs: number;
  newNonce(): string;
  watcher: Watcher;
  log: Logger;
}

/** Share of the time that is kept for the answer, and its limit, ms. */
const ANSWER_SHARE = 0.25;
const ANSWER_MS = 30_000;
/** Bytes of the alert as the LLM sees it. */
const MAX_ROW_BYTES = 32 * 1024;
/** Bytes of the data in a last round whose request was too long before. */
const SHORTER_BYTES = [48 * 1024, 12 * 1024];

/** Codes of replies without an answer. Without tools the LLM may answer. */
const NO_ANSWER: ReadonlySet<EngineErrorCode> = new Set(['empty_response_text', 'tool_use_max_iterations_exceeded']);

export function agent(options: AgentOptions): Engine {
  const limits = new ServerLimits();
  for (const { model } of Object.values(options.models)) {
    if (options.prices.usd(model, NO_USAGE) === null) logEvent(options.log, 'engine.price_unknown', { model });
  }
  return {
    investigate: (wake, signal, storm, steps = []) =>
      new Investigation(options, limits, wake, signal, storm, steps).run(),
  };
}

const EMPTY_ROUND = { mayReduce: true, isBrief: false, isShortened: false } as const;

/** One investigation: its calls and its deadline. */
class Investigation {
  readonly #options: AgentOptions;
  readonly #limits: ServerLimits;
  readonly #wake: Wake;
  readonly #signal: AbortSignal;
  readonly #storm: string | undefined;
  readonly #started = performance.now();
  readonly #readAt = Date.now();
  readonly #deadline: number;
  readonly #nonce: string;
  readonly #calls: EngineCall[] = [];
  readonly #recorder: StepRecorder;
  readonly #toolCalls: ToolCalls;

  constructor(
    options: AgentOptions,
    limits: ServerLimits,
    wake: Wake,
    signal: AbortSignal,
    storm: string | undefined,
    steps: Step[],
  ) {
    this.#options = options;
    this.#limits = limits;
    this.#wake = wake;
    this.#signal = signal;
    this.#storm = storm;
    this.#deadline = this.#started + options.timeoutMs;
    this.#nonce = options.newNonce();
    const clean = sanitizer(options.redact, this.#nonce);
    this.#recorder = new StepRecorder(steps, options.redact, clean);
    this.#toolCalls = new ToolCalls({
      wake,
      redact: options.redact,
      sanitizer: clean,
      recorder: this.#recorder,
      timeLeftMs: () => this.#timeLeftMs() - this.#answerMs(),
      onCall: (call, input, output) => options.watcher.tool(wake, call, input, output),
      signal,
    });
  }

  async run(): Promise<Report> {
    const { title, detail, snapshotDetails } = this.#wake;
    // Only the probe's own words can be quoted, without the labels around them.
    const quotable = [title, detail, JSON.stringify(snapshotDetails), this.#storm ?? ''].join('\n');
    const text = [wakeText(this.#wake), ...(this.#storm === undefined ? [] : [this.#storm])].join('\n\n');
    const row = this.#toolCalls.addRow(text, quotable, MAX_ROW_BYTES);
    const offered = await this.#offerTools();
    const checks = this.#storm === undefined ? [] : await this.#checkConnection();
    let conversation: Conversation = [{ role: 'user', content: this.#prompt(row, checks) }];
    let brokeOff = offered.length === 0;
    for (let round = 1; ; round++) {
      const isLast =
        brokeOff ||
        round > this.#options.maxToolRounds ||
        this.#timeLeftMs() < this.#answerMs() ||
        this.#limits.lacks('tools') ||
        (round > 1 && this.#limits.lacks('history'));
      if (isLast) return this.#lastRound(round);
      const asked: Round = { ...EMPTY_ROUND, number: round, conversation, tools: offered, dropped: new Set() };
      const reply = await this.#ask({ ...asked, mayReduce: round === 1 });
      if (reply.kind === 'failure') return this.#afterFailure(reply, asked);
      if (reply.kind === 'text') return this.#read(reply) ?? this.#lastRound(round + 1, { isBrief: true });
      for (const name of reply.unknown) this.#toolCalls.refuse(name, UNKNOWN_TOOL);
      ({ conversation, brokeOff } = reply);
    }
  }

  /** Earlier rounds are paid for: if the server refuses this one, an answer from their data may still be accepted. */
  #afterFailure(failure: Failure, { number, dropped }: Round): Report | Promise<Report> {
    const { code, refusal, isTooLarge } = failure;
    if (NO_ANSWER.has(code)) return this.#lastRound(number + 1, { isBrief: true });
    if (isTooLarge) return this.#lastRound(number, { dropped });
    if (!refusal) return this.#fallback(code);
    return this.#lastRound(number, { dropped: dropped.add(number === 1 ? 'tools' : 'history'), refusedWith: code });
  }

  /**
   * Asks without tools, from all data so far: shortened if the server refuses that too, and once more if the reply has no answer.
   * A request without tools must not contain tool calls either.
   */
  async #lastRound(number: number, more: Partial<Round> = {}): Promise<Report> {
    const isAccepted = this.#calls.some(({ error }) => error === undefined);
    const isPlain = number === 1 && !more.isBrief;
    const texts = [undefined, ...SHORTER_BYTES]
      .map((maxBytes) => this.#toolCalls.transcript((row) => this.#prompt(row), isPlain, maxBytes))
      .filter((text, i, all) => all.slice(0, i).every((earlier) => text.length < earlier.length));
    const round: Round = { ...EMPTY_ROUND, number, conversation: [], tools: [], dropped: new Set(), ...more };
    let reply: Reply | Failure | undefined;
    for (const [i, content] of texts.entries()) {
      const isShortened = i > 0;
      const mayReduce = !isAccepted || i === texts.length - 1;
      reply = await this.#ask({ ...round, conversation: [{ role: 'user', content }], mayReduce, isShortened });
      if (reply.kind !== 'failure' || !(reply.refusal || reply.isTooLarge)) break;
    }
    const code = reply?.kind === 'failure' ? reply.code : 'empty_response_text';
    const report = reply?.kind === 'text' ? this.#read(reply, round.isBrief) : undefined;
    if (report) return report;
    if (round.isBrief || !NO_ANSWER.has(code)) return this.#fallback(code);
    return this.#lastRound(number + 1, { ...more, isBrief: true });
  }

  #ask(round: Round): Promise<Reply | Failure> {
    const { log, retryDelayMs } = this.#options;
    const asking = {
      ask: (reduced: Round, refusedTools: readonly string[]) => this.#askOnce(reduced, refusedTools),
      limits: this.#limits,
      retryDelayMs,
      timeLeftMs: () => this.#timeLeftMs(),
      signal: this.#signal,
      log,
    };
    return askInRound(asking, round);
  }

  #askOnce(round: Round, refusedTools: readonly string[]): Promise<Reply | Failure> {
    const { number, conversation, tools, isBrief, isShortened } = round;
    const without: Set<Feature> = new Set([...this.#limits.features, ...round.dropped]);
    const system = [this.#options.systemPrompt, `${RULES}\n\n${fenceRule(this.#nonce)}`];
    return callLlm(
      this.#options,
      {
        route: number === 1 ? 'probe_investigation' : 'tool_loop_iteration',
        system,
        conversation,
        tools,
        without,
        limits: this.#limits,
        reduced: [...without, ...refusedTools.map((name) => `tool ${name}`), ...(isShortened ? ['full data'] : [])],
        isBrief,
        timeLeftMs: this.#timeLeftMs(),
        onCall: (call, said) => {
          this.#calls.push(call);
          this.#recorder.addLlmCall(call, [...system, ...lastText(conversation)], said);
          this.#options.watcher.call(this.#wake, call);
        },
      },
      this.#signal,
    );
  }

  /** @param checks fenced outputs of checks of our own connection; a transcript has them among the tool calls */
  #prompt(row: string, checks: string[] = []): string {
    const age = ageNote(lateMs(this.#wake, this.#readAt));
    return investigationPrompt(row, age, this.#storm === undefined ? undefined : { checks });
  }

  /** Many alerts at once may mean that the probes lost their own connection, so it is checked before the LLM is asked. */
  async #checkConnection(): Promise<string[]> {
    const runs = (this.#options.connectionChecks?.() ?? []).map(({ tool, input }) =>
      this.#toolCalls.run(tool, input).catch((error: unknown) => {
        this.#signal.throwIfAborted();
        return errorReason(error);
      }),
    );
    return Promise.all(runs);
  }

  async #offerTools(): Promise<OfferedTool[]> {
    const { log, redact } = this.#options;
    const limit = AbortSignal.any([this.#signal, AbortSignal.timeout(Math.ceil(this.#answerMs()))]);
    const { tools, missing } = await this.#options.tools(this.#wake, limit);
    if (missing.length > 0) logEvent(log, 'mcp.servers_missing', { missing });
    const accepted = tools.filter(({ name }) => !this.#limits.refusesTool(name));
    return accepted.map((tool) => ({
      name: tool.name,
      // The description of an MCP server is untrusted text. The API requires it here, without a fence.
      description: redact(tool.description),
      inputSchema: tool.inputSchema,
      run: (input) => this.#toolCalls.run(tool, input),
    }));
  }

  #timeLeftMs(): number {
    return this.#deadline - performance.now();
  }

  #answerMs(): number {
    return Math.min(ANSWER_MS, this.#options.timeoutMs * ANSWER_SHARE);
  }

  /** @returns undefined if the reply has no answer; an announced tool call is one only if `acceptsAll` */
  #read({ text, isAnnouncement }: Reply & { kind: 'text' }, acceptsAll = false): Report | undefined {
    const finding = readAnswer(text, this.#toolCalls.sources);
    if (!finding || ((finding.isAnnouncement || isAnnouncement) && !acceptsAll)) return undefined;
    const { verdict, evidence, dropped } = finding;
    if (dropped > 0) logEvent(this.#options.log, 'engine.quotes_dropped', { wakeId: this.#wake.id, dropped });
    return {
      kind: 'diagnosis',
      text: this.#options.redact(finding.text),
      ...(verdict && { verdict, evidence, droppedQuotes: dropped }),
      ...this.#telemetry(),
    };
  }

  #fallback(code: EngineErrorCode): Report {
    return { kind: 'fallback', code, ...this.#telemetry() };
  }

  #telemetry() {
    return {
      model: this.#calls.at(-1)?.model ?? null,
      usage: this.#calls.map((call) => call.usage).reduce(addUsage, NO_USAGE),
      costUsd: this.#calls.map(({ model, usage }) => this.#options.prices.usd(model, usage)).reduce(addCost, 0),
      durationMs: Math.round(performance.now() - this.#started),
      calls: this.#calls,
      toolCalls: this.#toolCalls.calls,
    };
  }
}

/** The text with which a conversation ends. Results of tools are no text. */
function lastText(conversation: Conversation): string[] {
  const content = conversation.at(-1)?.content;
  return typeof content === 'string' ? [content] : [];
}
