/**
 * The investigator. It asks the LLM, lets it call read-only tools for some rounds, and then requires an answer. Each round is
 * paid from the shared budget before it is made, all data for the LLM is sanitized, and the quotes of the answer are checked. The
 * investigation ends before its deadline, with a diagnosis or an error code.
 */
import { sleep } from '@kora-wake/shared/runtime/async';
import type { ModelChoice } from '@kora-wake/shared/runtime/config';
import type { Logger } from '@kora-wake/shared/runtime/log';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import type { Ledger } from '@kora-wake/shared/store/budget-ledger';
import type { PaidTier } from '@kora-wake/shared/wake/budget';
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
import { type Finding, readAnswer } from './answer.ts';
import { callLlm } from './llm-call.ts';
import type { Conversation, Failure, Model, OfferedTool, Reply } from './model.ts';
import { priceUsd } from './prices.ts';
import { investigationPrompt, RULES, wakeText } from './prompt.ts';
import { ToolCalls, UNKNOWN_TOOL } from './tool-calls.ts';
import { fenceRule, sanitizer } from './untrusted.ts';
import { addCost, addUsage } from './usage.ts';

export interface Engine {
  /**
   * Investigates one wake. Resolves with a diagnosis or an error code, whatever the LLM and the tools do.
   *
   * @throws the signal's reason, and only that, when `signal` aborts
   */
  investigate(wake: Wake, signal: AbortSignal): Promise<Report>;
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
  ledger: Ledger;
  /** The tools that are available now, and the names of MCP servers whose tools are missing. */
  tools(wake: Wake, signal: AbortSignal): Promise<{ tools: Tool[]; missing: string[] }>;
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

const MAX_ATTEMPTS = 5;
/** Share of the time that is kept for the answer, and its limit, ms. */
const ANSWER_SHARE = 0.25;
const ANSWER_MS = 30_000;
/** Bytes of the alert as the LLM sees it. */
const MAX_ROW_BYTES = 32 * 1024;
/** A feature that the server did not support is tried again after this time, ms. */
const UNSUPPORTED_MS = 10 * 60_000;

/** Codes of replies without an answer. Without tools the LLM may answer. */
const NO_ANSWER: ReadonlySet<EngineErrorCode> = new Set(['empty_response_text', 'tool_use_max_iterations_exceeded']);

/** When the server last refused a feature, on the steady clock, ms. Shared by all investigations. */
type Unsupported = Record<'schema' | 'tools', number>;

export function agent(options: AgentOptions): Engine {
  const unsupported: Unsupported = { schema: -Infinity, tools: -Infinity };
  for (const { model } of Object.values(options.models)) {
    if (priceUsd(model, NO_USAGE) === null) logEvent(options.log, 'engine.price_unknown', { model });
  }
  return {
    investigate: (wake, signal) => new Investigation(options, unsupported, wake, signal).run(),
  };
}

/** One investigation: its calls and its deadline. */
class Investigation {
  readonly #options: AgentOptions;
  readonly #unsupported: Unsupported;
  readonly #wake: Wake;
  readonly #signal: AbortSignal;
  readonly #started = performance.now();
  readonly #deadline: number;
  readonly #nonce: string;
  readonly #calls: EngineCall[] = [];
  readonly #toolCalls: ToolCalls;

  constructor(options: AgentOptions, unsupported: Unsupported, wake: Wake, signal: AbortSignal) {
    this.#options = options;
    this.#unsupported = unsupported;
    this.#wake = wake;
    this.#signal = signal;
    this.#deadline = this.#started + options.timeoutMs;
    this.#nonce = options.newNonce();
    this.#toolCalls = new ToolCalls({
      wake,
      redact: options.redact,
      sanitizer: sanitizer(options.redact, this.#nonce),
      timeLeftMs: () => this.#timeLeftMs() - this.#answerMs(),
      onCall: (call, input, output) => options.watcher.tool(wake, call, input, output),
      signal,
    });
  }

  async run(): Promise<Report> {
    const { title, detail, snapshotDetails } = this.#wake;
    // Only the probe's own words can be quoted, without the labels around them.
    const quotable = [title, detail, JSON.stringify(snapshotDetails)].join('\n');
    const row = this.#toolCalls.addRow(wakeText(this.#wake), quotable, MAX_ROW_BYTES);
    const offered = await this.#offerTools();
    let brokeOff = false;
    const prompt = investigationPrompt(row, ageNote(lateMs(this.#wake, Date.now())));
    let conversation: Conversation = [{ role: 'user', content: prompt }];
    for (let round = 1; ; round++) {
      const isLast =
        brokeOff ||
        round > this.#options.maxToolRounds ||
        this.#timeLeftMs() < this.#answerMs() ||
        this.#isUnsupported('tools');
      // A request without tools must not contain tool calls either.
      if (isLast && round > 1) conversation = [{ role: 'user', content: this.#toolCalls.transcript(prompt) }];
      const reply = await this.#round(round, conversation, isLast ? [] : offered);
      if (reply.kind === 'failure' && reply.unsupported === 'tools') continue;
      if (reply.kind === 'failure' && !NO_ANSWER.has(reply.code)) return this.#fallback(reply.code);
      if (reply.kind === 'failure') return this.#askAgain(round + 1, prompt);
      if (reply.kind === 'text') {
        const finding = readAnswer(reply.text, this.#toolCalls.sources);
        const isAnswer = finding && !finding.isAnnouncement && !reply.isAnnouncement;
        return isAnswer ? this.#diagnosis(finding) : this.#askAgain(round + 1, prompt);
      }
      for (const name of reply.unknown) this.#toolCalls.refuse(name, UNKNOWN_TOOL);
      ({ conversation, brokeOff } = reply);
    }
  }

  /** Asks a last time, without tools, after a reply that had no answer. */
  async #askAgain(round: number, prompt: string): Promise<Report> {
    const content = this.#toolCalls.transcript(prompt);
    const reply = await this.#round(round, [{ role: 'user', content }], [], true);
    if (reply.kind === 'failure') return this.#fallback(reply.code);
    const finding = reply.kind === 'text' ? readAnswer(reply.text, this.#toolCalls.sources) : undefined;
    return finding ? this.#diagnosis(finding) : this.#fallback('empty_response_text');
  }

  /** One round, retried if that can help. */
  async #round(
    round: number,
    conversation: Conversation,
    tools: OfferedTool[],
    isBrief = false,
  ): Promise<Reply | Failure> {
    const { log, retryDelayMs } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const reply = await this.#ask(round, conversation, tools, isBrief);
      if (reply.kind !== 'failure') return reply;
      const [refusedTool] = reply.badTool === undefined ? [] : tools.splice(reply.badTool, 1);
      if (refusedTool) {
        logEvent(log, 'engine.tool_refused', { tool: refusedTool.name });
        continue;
      }
      const { unsupported, code } = reply;
      if (unsupported) {
        logEvent(log, 'engine.unsupported', { feature: unsupported, code });
        this.#unsupported[unsupported] = performance.now();
        // The conversation may contain tool calls, so the caller builds a new one.
        if (unsupported === 'tools') return reply;
        continue;
      }
      const delay = reply.retryAfterMs ?? withJitter(retryDelayMs * 2 ** (attempt - 1));
      if (!reply.retry || attempt === MAX_ATTEMPTS || delay >= this.#timeLeftMs()) return reply;
      await sleep(delay, this.#signal);
      this.#signal.throwIfAborted();
    }
  }

  #ask(round: number, conversation: Conversation, tools: OfferedTool[], isBrief: boolean): Promise<Reply | Failure> {
    return callLlm(
      this.#options,
      {
        route: round === 1 ? 'probe_investigation' : 'tool_loop_iteration',
        system: [this.#options.systemPrompt, `${RULES}\n\n${fenceRule(this.#nonce)}`],
        conversation,
        tools,
        usesSchema: !this.#isUnsupported('schema'),
        isBrief,
        timeLeftMs: this.#timeLeftMs(),
        onCall: (call) => {
          this.#calls.push(call);
          this.#options.watcher.call(this.#wake, call);
        },
      },
      this.#signal,
    );
  }

  async #offerTools(): Promise<OfferedTool[]> {
    const { log, redact } = this.#options;
    const limit = AbortSignal.any([this.#signal, AbortSignal.timeout(Math.ceil(this.#answerMs()))]);
    const { tools, missing } = await this.#options.tools(this.#wake, limit);
    if (missing.length > 0) logEvent(log, 'mcp.servers_missing', { missing });
    return tools.map((tool) => ({
      name: tool.name,
      // The description of an MCP server is untrusted text. The API requires it here, without a fence.
      description: redact(tool.description),
      inputSchema: tool.inputSchema,
      run: (input) => this.#toolCalls.run(tool, input),
    }));
  }

  #isUnsupported(feature: keyof Unsupported): boolean {
    return performance.now() - this.#unsupported[feature] < UNSUPPORTED_MS;
  }

  #timeLeftMs(): number {
    return this.#deadline - performance.now();
  }

  #answerMs(): number {
    return Math.min(ANSWER_MS, this.#options.timeoutMs * ANSWER_SHARE);
  }

  #diagnosis(finding: Finding): Report {
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
      costUsd: this.#calls.map(({ model, usage }) => priceUsd(model, usage)).reduce(addCost, 0),
      durationMs: Math.round(performance.now() - this.#started),
      calls: this.#calls,
      toolCalls: this.#toolCalls.calls,
    };
  }
}

/** Between half of `ms` and `ms`, so that workers that failed together do not retry together. */
function withJitter(ms: number): number {
  return ms * (0.5 + Math.random() / 2);
}
