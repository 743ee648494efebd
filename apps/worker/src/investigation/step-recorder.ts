/** Records the steps of an investigation while they happen, so that they are there even if it ends with an error. All texts are redacted. */
import type { Step, ToolStep } from '@kora-wake/shared/store/step-types';
import { type Json, type JsonObject } from '@kora-wake/shared/wake/json';
import { type Redact, redactJson } from '@kora-wake/shared/wake/redact';
import type { EngineCall, ToolCall } from '@kora-wake/shared/wake/report';
import { cutMiddle } from '@kora-wake/shared/wake/text';
import type { Said } from './model.ts';
import type { Sanitizer } from './untrusted.ts';

/** Longer texts lose their middle, bytes. */
const MAX_TEXT_BYTES = 32 * 1024;

export class StepRecorder {
  readonly #steps: Step[];
  readonly #redact: Redact;
  readonly #sanitizer: Sanitizer;
  readonly #running = new Map<ToolCall, ToolStep>();
  /** Parts of requests that a step has. */
  readonly #seen = new Set<string>();
  /** Sources as requests contain them, and their names. */
  readonly #fenced = new Map<string, string>();

  /** @param steps receives the steps */
  constructor(steps: Step[], redact: Redact, sanitizer: Sanitizer) {
    this.#steps = steps;
    this.#redact = redact;
    this.#sanitizer = sanitizer;
  }

  /**
   * Adds an LLM call that has ended.
   *
   * @param request its texts; those of earlier requests are left out
   * @param said absent if the call was not answered
   */
  addLlmCall(call: EngineCall, request: readonly string[], said: Said | undefined): void {
    const { route, model, durationMs, usage, error, reason } = call;
    this.#steps.push({
      kind: 'llm',
      route,
      model,
      startedAt: startOf(call),
      durationMs,
      usage,
      ...(error !== undefined && { error }),
      ...(reason !== undefined && { reason }),
      input: this.#newText(request),
      output: said === undefined ? '' : this.#saidText(said),
    });
  }

  /** Adds a tool call. Calls of one round run at the same time, and their steps keep the order in which they began. */
  beginToolCall(call: ToolCall): void {
    const step: ToolStep = { kind: 'tool', ...call, startedAt: startOf(call), input: '', output: '' };
    this.#running.set(call, step);
    this.#steps.push(step);
  }

  /** @param output sanitized */
  endToolCall(call: ToolCall, input: JsonObject, output: string): void {
    const step = this.#running.get(call);
    if (step) Object.assign(step, call, { input: this.#inputText(input), output });
  }

  /** Adds the alert or an output as requests contain it. @param source the name by which an answer quotes it */
  addSource(source: string, fenced: string): void {
    this.#fenced.set(fenced, source);
  }

  /** The first request in full. The steps have the sources of later ones already, so these only name them. */
  #newText(request: readonly string[]): string {
    const isFirst = this.#seen.size === 0;
    const fresh = request.filter((part) => !this.#seen.has(part));
    for (const part of fresh) this.#seen.add(part);
    return this.#clean(fresh.map((part) => (isFirst ? part : this.#withoutFenced(part))).join('\n\n'));
  }

  #withoutFenced(text: string): string {
    return [...this.#fenced].reduce(
      (rest, [fenced, source]) => rest.replaceAll(fenced, `(${source}: see above)`),
      text,
    );
  }

  #saidText({ text, calls }: Said): string {
    const lines = calls.map(({ name, input }) => `→ ${this.#redact(name)} ${this.#inputText(input)}`);
    return cutMiddle([this.#clean(text), ...lines].filter((part) => part !== '').join('\n'), MAX_TEXT_BYTES);
  }

  /** Redacts each value with its name, then the text. The first pass keeps it JSON, the second finds what only the text shows. */
  #inputText(input: Json): string {
    return this.#clean(JSON.stringify(redactJson(input, this.#redact)));
  }

  #clean(text: string): string {
    return this.#sanitizer.sanitize('step', text, MAX_TEXT_BYTES).text;
  }
}

/** ISO 8601. A call that just begins has no duration yet. */
function startOf({ durationMs }: { durationMs: number }): string {
  return new Date(Date.now() - durationMs).toISOString();
}
