/** The tool calls of one investigation: each runs within its time, its output is sanitized, and it becomes a source of evidence. */
import { unlessAborted } from '@kora-wake/shared/runtime/async';
import type { JsonObject } from '@kora-wake/shared/wake/json';
import type { Redact } from '@kora-wake/shared/wake/redact';
import type { ToolCall } from '@kora-wake/shared/wake/report';
import { firstChars } from '@kora-wake/shared/wake/text';
import type { Wake } from '@kora-wake/shared/wake/wake';
import { type Tool, ToolRefused } from '../tools/tool.ts';
import type { Source } from './answer.ts';
import { MAX_NAME } from './llm-call.ts';
import type { StepRecorder } from './step-recorder.ts';
import { readToolInput } from './tool-input.ts';
import type { Sanitizer } from './untrusted.ts';

const TOOL_TIMEOUT_MS = 15_000;
const MAX_TOOL_CALLS = 24;
const MAX_OUTPUT_BYTES = 32 * 1024;
/** Bytes of all outputs of one investigation: the model's context and the budget are limited. */
const MAX_OUTPUTS_BYTES = 200 * 1024;
/** Bytes that an output still gets after that. */
const MIN_OUTPUT_BYTES = 1024;
/** Shorter strings of an input occur in any output; characters. */
const MIN_OWN_WORDS = 4;

/** `excType` of a call of a tool that does not exist. */
export const UNKNOWN_TOOL = 'UnknownTool';

class InvalidInput extends Error {
  override name = 'InvalidInput';
}

interface ToolCallsOptions {
  wake: Wake;
  redact: Redact;
  sanitizer: Sanitizer;
  recorder: StepRecorder;
  /** Time left for tools, ms. */
  timeLeftMs(): number;
  /** Called when a call has ended. `output` is sanitized. */
  onCall(call: ToolCall, input: unknown, output: string): void;
  signal: AbortSignal;
}

export class ToolCalls {
  readonly calls: ToolCall[] = [];
  readonly #options: ToolCallsOptions;
  /** Texts that an answer may quote, and the text that the LLM sees, with and without its fence. */
  readonly #sources = new Map<string, Source & { fenced: string; shown: string; name: string }>();
  #outputBytesLeft = MAX_OUTPUTS_BYTES;

  constructor(options: ToolCallsOptions) {
    this.#options = options;
  }

  get sources(): ReadonlyMap<string, Source> {
    return this.#sources;
  }

  /**
   * Adds the alert as the first source.
   *
   * @param text as the LLM sees it
   * @param quotable the part of it that may be quoted
   * @returns the fenced text
   */
  addRow(text: string, quotable: string, maxBytes: number): string {
    const { fenced, text: shown } = this.#options.sanitizer.sanitize('row', text, maxBytes);
    const { text: quoted } = this.#options.sanitizer.sanitize('row', quotable, maxBytes);
    this.#sources.set('row', { text: quoted, isSecondhand: false, fenced, shown, name: 'row' });
    this.#options.recorder.addSource('row', fenced);
    return fenced;
  }

  /**
   * Runs one tool call.
   *
   * @returns its fenced output
   * @throws an Error whose message is the fenced reason, for the LLM
   */
  async run(tool: Tool, given: unknown): Promise<string> {
    const { wake, redact, signal: stop } = this.#options;
    const input = readToolInput(given) ?? {};
    if (this.calls.length >= MAX_TOOL_CALLS) {
      this.refuse(tool.name, 'TooManyCalls', input);
      throw new Error(`no more than ${MAX_TOOL_CALLS} calls in one investigation; answer now`);
    }
    const began = performance.now();
    const durationMs = () => Math.round(performance.now() - began);
    const timeLeftMs = Math.max(1, Math.min(TOOL_TIMEOUT_MS, this.#options.timeLeftMs()));
    const signal = AbortSignal.any([stop, AbortSignal.timeout(Math.ceil(timeLeftMs))]);
    // The call gets its number now, because the calls of one round run at the same time.
    const call = this.#startToolCall(tool.name, 'ok');
    try {
      if (!readToolInput(given)) throw new InvalidInput('the input must be a JSON object');
      // The tool may come from an MCP server, so its type guarantees nothing.
      const output: unknown = await unlessAborted(() => tool.run(input, { wake, redact, signal }), signal);
      const text = typeof output === 'string' ? output : JSON.stringify(output);
      return this.#finishToolCall(tool, call, { status: 'ok', durationMs: durationMs() }, input, text ?? '');
    } catch (error) {
      stop.throwIfAborted();
      const status = error instanceof ToolRefused ? 'not_allowed' : 'execution_error';
      const excType = error instanceof Error ? error.name : 'Error';
      const reason = signal.aborted ? 'it did not answer in time' : failureReason(error);
      const result = { status, durationMs: durationMs(), excType } as const;
      throw new Error(this.#finishToolCall(tool, call, result, input, reason), { cause: error });
    }
  }

  /** Records a call that is not made. */
  refuse(name: string, excType: string, input: JsonObject = {}): void {
    const call = this.#startToolCall(name, 'not_allowed', excType);
    this.#options.recorder.endToolCall(call, input, '');
    this.#options.onCall(call, input, '');
  }

  /**
   * All data so far, as a prompt for a round without tools.
   *
   * @param promptFor makes the first prompt of the fenced alert
   * @param isPlain whether the first prompt is enough if no tool was called
   * @param maxBytes of the alert and all outputs; undefined: as they are
   */
  transcript(promptFor: (row: string) => string, isPlain: boolean, maxBytes?: number): string {
    const each = maxBytes && Math.floor(maxBytes / Math.max(1, this.#sources.size));
    const [row = '', ...outputs] = [...this.#sources].map(([source, { name, fenced, shown }]) => {
      const cut = each === undefined ? fenced : this.#options.sanitizer.sanitize(source, shown, each).fenced;
      return source === 'row' ? cut : `${name}:\n${cut}`;
    });
    const prompt = promptFor(row);
    if (outputs.length === 0 && isPlain) return prompt;
    if (outputs.length === 0) return `${prompt}\n\nYou cannot call tools. Answer now, with this data.`;
    return `${prompt}\n\nYou have called these tools already, and cannot call any more:\n\n${outputs.join('\n\n')}\n\nAnswer now, with this data.`;
  }

  #startToolCall(name: string, status: ToolCall['status'], excType?: string): ToolCall {
    const call: ToolCall = {
      source: `call-${this.calls.length + 1}`,
      name: firstChars(this.#options.redact(name), MAX_NAME),
      status,
      durationMs: 0,
      ...(excType && { excType }),
    };
    this.calls.push(call);
    this.#options.recorder.beginToolCall(call);
    return call;
  }

  #finishToolCall(tool: Tool, call: ToolCall, result: Partial<ToolCall>, input: JsonObject, output: string): string {
    Object.assign(call, result);
    const room = Math.max(MIN_OUTPUT_BYTES, Math.min(MAX_OUTPUT_BYTES, this.#outputBytesLeft));
    const sanitized = this.#options.sanitizer.sanitize(call.source, output, room);
    this.#outputBytesLeft -= new TextEncoder().encode(sanitized.text).length;
    // The LLM's own words are not evidence when a tool returns them.
    const text = stringsIn(input).reduce((rest, own) => rest.replaceAll(own, ' '), sanitized.text);
    const isSecondhand = tool.secondhand === true;
    const { fenced, text: shown } = sanitized;
    this.#sources.set(call.source, { text, fenced, shown, isSecondhand, name: call.name });
    this.#options.recorder.addSource(call.source, fenced);
    this.#options.recorder.endToolCall(call, input, shown);
    this.#options.onCall(call, input, shown);
    return fenced;
  }
}

/** The strings of an input that are long enough to be quoted. */
function stringsIn(value: unknown): string[] {
  if (typeof value === 'string') return value.length < MIN_OWN_WORDS ? [] : [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(stringsIn) : [];
}

function failureReason(error: unknown): string {
  return error instanceof Error && error.message !== '' ? error.message : 'it failed without a reason';
}
