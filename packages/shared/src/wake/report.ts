/** What an investigation comes back with: an answer or a code, and in either case what it took. */
import type { Verdict } from './outcome.ts';

/** Why there is no answer; the code a fallback DM names. */
export type EngineErrorCode =
  | 'engine_unavailable'
  | 'cost_ladder_halted'
  | 'operational_state_paused'
  | 'sdk_timeout'
  | 'sdk_auth'
  | 'sdk_rate_limited'
  | 'sdk_5xx'
  | `sdk_4xx_${number}`
  | 'sdk_transport'
  | 'empty_response_text'
  | 'refused'
  | 'tool_use_max_iterations_exceeded'
  | `engine_exception:${string}`;

export interface Usage {
  inputTokens: number;
  outputTokens: number;
  cacheCreationInputTokens: number;
  cacheReadInputTokens: number;
}

export const NO_USAGE: Usage = {
  inputTokens: 0,
  outputTokens: 0,
  cacheCreationInputTokens: 0,
  cacheReadInputTokens: 0,
};

export const ENGINE_ROUTES = ['probe_investigation', 'tool_loop_iteration'] as const;

export const TOOL_STATUSES = ['ok', 'not_allowed', 'execution_error'] as const;

/** One request to the engine, answered or not. */
export interface EngineCall {
  /** The first request of an investigation, or one that came after tools were called. */
  route: (typeof ENGINE_ROUTES)[number];
  model: string;
  usage: Usage;
  durationMs: number;
  /** Absent where the call was answered. */
  error?: EngineErrorCode;
}

/** One call of a tool by the model. */
export interface ToolCall {
  /** What an answer quotes its output by: `call-1` and so on. */
  source: string;
  name: string;
  status: (typeof TOOL_STATUSES)[number];
  durationMs: number;
  /** The name of the error, where it failed. */
  excType?: string;
}

interface Telemetry {
  /** The model that answered, or was asked last; null where none was asked. */
  model: string | null;
  usage: Usage;
  /** USD; null where no price is known. */
  costUsd: number | null;
  durationMs: number;
  calls: EngineCall[];
  toolCalls?: ToolCall[];
}

interface Diagnosis {
  kind: 'diagnosis';
  /** Plain text, redacted. */
  text: string;
  /** Absent where the model answered in plain text. */
  verdict?: Verdict;
  /** Quotes that were found in what they name. */
  evidence?: Array<{ source: string; quote: string }>;
  /** Quotes that were not, and were dropped. */
  droppedQuotes?: number;
}

export type Report = Telemetry & (Diagnosis | { kind: 'fallback'; code: EngineErrorCode });

/** The code for an error of our own making, by its name. */
export function engineException(error: unknown): EngineErrorCode {
  const name = error instanceof Error ? error.name.replace(/\W/g, '') : '';
  return `engine_exception:${name || 'Error'}`;
}

/** A report of an investigation that never reached the engine. */
export function fallbackReport(code: EngineErrorCode, durationMs = 0): Report {
  return { kind: 'fallback', code, model: null, usage: NO_USAGE, costUsd: null, durationMs, calls: [] };
}
