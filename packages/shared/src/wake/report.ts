/** The report of an investigation: a diagnosis or an error code, and in both cases its calls and its cost. */
import type { Verdict } from './outcome.ts';

/** Reason for a missing diagnosis; the fallback DM contains it. */
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

/** One LLM request, answered or not. */
export interface EngineCall {
  /** `probe_investigation` is the first request of an investigation, `tool_loop_iteration` a later one. */
  route: (typeof ENGINE_ROUTES)[number];
  model: string;
  usage: Usage;
  durationMs: number;
  /** Features and tools that the request left out, because the server refuses them. */
  without?: string[];
  /** Absent if the request was answered. */
  error?: EngineErrorCode;
  /** The status and the server's own words about the error, redacted, at most 300 characters. */
  reason?: string;
}

/** One tool call of the LLM. */
export interface ToolCall {
  /** The name by which an answer quotes its output: `call-1` and so on. */
  source: string;
  name: string;
  status: (typeof TOOL_STATUSES)[number];
  durationMs: number;
  /** The name of the error, if the call failed. */
  excType?: string;
}

interface Telemetry {
  /** The model of the last request; null if no request was made. */
  model: string | null;
  usage: Usage;
  /** USD; null if no price is known. */
  costUsd: number | null;
  durationMs: number;
  calls: EngineCall[];
  toolCalls?: ToolCall[];
  /** The storm whose common cause was investigated. Absent: the wake alone was. */
  storm?: string;
}

/** The investigation whose diagnosis a report repeats. Times in ms since the epoch. */
export interface Repeated {
  /** The wake that was investigated. */
  wakeId: string;
  /** When that investigation ended. */
  at: number;
  /** Begin of the opening of the incident to which the repeating wake belongs. */
  since: number;
}

interface Diagnosis {
  kind: 'diagnosis';
  /** Plain text, redacted. */
  text: string;
  /** Absent if the LLM answered in plain text. */
  verdict?: Verdict;
  /** Quotes that are in their source. */
  evidence?: Array<{ source: string; quote: string }>;
  /** Number of quotes that were dropped, because they are not in their source. */
  droppedQuotes?: number;
  /** Only if the wake was not investigated, because nothing had changed since an earlier one of its incident. */
  repeats?: Repeated;
}

export type Report = Telemetry & (Diagnosis | { kind: 'fallback'; code: EngineErrorCode });

/** The code for an unexpected error, from its name. */
export function engineException(error: unknown): EngineErrorCode {
  const name = error instanceof Error ? error.name.replace(/\W/g, '') : '';
  return `engine_exception:${name || 'Error'}`;
}

/** Whether the report is that of an earlier wake, so that nothing was investigated. */
export function isRepeated(report: Report | null): report is Report & Diagnosis & { repeats: Repeated } {
  return report?.kind === 'diagnosis' && report.repeats !== undefined;
}

/** The report of a wake that is sent with an earlier diagnosis. It made no LLM request, so it costs nothing. */
export function repeatedReport({ kind, text, verdict, evidence, droppedQuotes }: Diagnosis, repeats: Repeated): Report {
  return {
    kind,
    text,
    ...(verdict && { verdict }),
    ...(evidence && { evidence }),
    ...(droppedQuotes !== undefined && { droppedQuotes }),
    repeats,
    model: null,
    usage: NO_USAGE,
    costUsd: 0,
    durationMs: 0,
    calls: [],
  };
}

/** The report of an investigation that made no LLM request. */
export function fallbackReport(code: EngineErrorCode, durationMs = 0): Report {
  return { kind: 'fallback', code, model: null, usage: NO_USAGE, costUsd: null, durationMs, calls: [] };
}
