/** The kept steps of an investigation as the answers of the AI and of the tools, so that it can run again. */
import { StartupError } from '@kora-wake/shared/runtime/errors';
import type { KeptStep, ToolStep } from '@kora-wake/shared/store/step-types';
import { isJsonObject, type JsonObject, parsedJson } from '@kora-wake/shared/wake/json';
import type { Transcript } from './transcript.ts';

type LlmStep = Extract<KeptStep, { kind: 'llm' }>;
type Recorded = Pick<Transcript, 'answers' | 'looks' | 'offered'>;

const HOW = { ok: 'ok', not_allowed: 'refused', execution_error: 'failed' } as const;
/** Statuses of a server for our codes. */
const STATUS: Record<string, number> = { sdk_auth: 401, sdk_rate_limited: 429, sdk_5xx: 500 };
/** No server answers with it, so the request fails like one without an answer. */
const NO_ANSWER = 0;
/** `excType` of a call of a tool that was not offered. */
const UNKNOWN_TOOL = 'UnknownTool';
const CUT = /^… \(\d+ bytes in the middle are cut\) …$/m;

/** @throws StartupError if the steps were shortened so that they cannot run again */
export function recordedSteps(steps: readonly KeptStep[]): Recorded {
  const answers: Recorded['answers'] = [];
  const looks: Recorded['looks'] = [];
  for (const [i, step] of steps.entries()) {
    if (step.kind === 'omitted') throw cannotReplay(i);
    if (step.kind === 'llm') answers.push(answerOf(step, i, callsAfter(steps, i)));
    else looks.push({ name: step.name, input: inputOf(step, i), said: step.output, how: HOW[step.status] });
  }
  const names = steps.flatMap((step) => (step.kind === 'tool' && step.excType !== UNKNOWN_TOOL ? [step.name] : []));
  const offered = [...new Set(names)].map((name) => ({ name, description: '', inputSchema: { type: 'object' } }));
  return { answers, looks, offered };
}

/** The tool calls of an LLM call are the steps up to the next LLM call. */
function callsAfter(steps: readonly KeptStep[], index: number): JsonObject[] {
  const next = steps.findIndex(({ kind }, i) => i > index && kind !== 'tool');
  const calls = steps.slice(index + 1, next < 0 ? steps.length : next);
  return calls.flatMap((step, i) =>
    step.kind === 'tool'
      ? [{ type: 'tool_use', id: `toolu_${index}_${i}`, name: step.name, input: inputOf(step, index + 1 + i) }]
      : [],
  );
}

function answerOf(step: LlmStep, index: number, calls: JsonObject[]): Recorded['answers'][number] {
  const { error, reason = '', durationMs: ms } = step;
  const status = error === undefined || isAnswered(error) ? 200 : statusOf(error);
  if (status !== 200) return { status, body: JSON.stringify({ type: 'error', error: { message: reason } }), ms };
  if (calls.length === 0 && CUT.test(step.output)) throw cannotReplay(index);
  const text = step.output === '' ? [] : [{ type: 'text', text: step.output }];
  return { status, body: JSON.stringify(messageOf(step, calls.length > 0 ? calls : text)), ms };
}

function messageOf({ model, error, usage }: LlmStep, content: object[]): object {
  const ended = error === 'refused' ? 'refusal' : 'end_turn';
  return {
    id: 'msg_kept',
    type: 'message',
    role: 'assistant',
    model,
    content,
    stop_reason: content.some((block) => 'input' in block) ? 'tool_use' : ended,
    stop_sequence: null,
    usage: {
      input_tokens: usage.inputTokens,
      output_tokens: usage.outputTokens,
      cache_creation_input_tokens: usage.cacheCreationInputTokens,
      cache_read_input_tokens: usage.cacheReadInputTokens,
    },
  };
}

/** Errors of a call to which the LLM answered, but without a text that can be used. */
function isAnswered(error: string): boolean {
  return ['empty_response_text', 'refused'].includes(error);
}

function statusOf(error: string): number {
  return STATUS[error] ?? Number(/^sdk_4xx_(4\d\d)$/.exec(error)?.[1] ?? NO_ANSWER);
}

function inputOf({ input }: ToolStep, index: number): JsonObject {
  const read = parsedJson(input);
  if (!isJsonObject(read)) throw cannotReplay(index);
  return read;
}

function cannotReplay(index: number): StartupError {
  return new StartupError(
    `step ${index + 1} was shortened or redacted when it was stored, so it cannot run again. Replay from an earlier one.`,
  );
}
