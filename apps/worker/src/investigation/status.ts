/** Classifies the answer of an LLM server that is not a success, by its status, its headers, and the request. */
import type { EngineErrorCode } from '@kora-wake/shared/wake/report';
import { type Feature, namedFeatures, namedTool } from './features.ts';
import type { Failure } from './model.ts';

/** Statuses about the credential. */
const CREDENTIAL = new Set([401, 403]);
const PAYMENT = 402;
const TOO_LARGE = 413;
const RATE_LIMITED = 429;
/** A time-out, a conflict, a request too early, and too many requests: the same request may succeed later. */
const PASSING = new Set([408, 409, 425, RATE_LIMITED]);
/** Errors of the server's own code. Others in the 500s come from overload or from a gateway. */
const BROKEN = new Set([500, 501]);

export interface Sent {
  features: readonly Feature[];
  /** Names of the tools in the request. */
  tools: readonly string[];
}

/** @param message the server's own words */
export function classifyStatus(status: number, headers: Headers | undefined, message: string, sent: Sent): Failure {
  const { retry, ...failure } = byStatus(status, message, sent);
  const wish = headers?.get('x-should-retry');
  if (wish === 'true') return { kind: 'failure', code: failure.code, retry: true, ...waitOf(headers) };
  return { ...failure, retry: retry && wish !== 'false', ...(retry && waitOf(headers)) };
}

function byStatus(status: number, message: string, sent: Sent): Failure {
  if (CREDENTIAL.has(status)) return { kind: 'failure', code: 'sdk_auth', retry: false };
  const failure: Failure = { kind: 'failure', code: codeOf(status), retry: status >= 500 || PASSING.has(status) };
  if (failure.retry) {
    const mayBeTools = BROKEN.has(status) && sent.tools.length > 0;
    return { ...failure, ...(mayBeTools && { mayBeTools }) };
  }
  if (status < 400 || status === PAYMENT) return failure;
  if (status === TOO_LARGE) return { ...failure, isTooLarge: true };
  const tool = namedTool(message, sent.tools);
  return {
    ...failure,
    refusal: { sent: sent.features, named: namedFeatures(message), ...(tool !== undefined && { tool }) },
  };
}

/** Classifies a page of a proxy. It says nothing about the request or the credential, so the request may pass later. */
export function classifyPage(status: number, headers: Headers): Failure {
  return { kind: 'failure', code: codeOf(status), retry: true, ...waitOf(headers) };
}

/** The code of a status that is not about the credential. */
function codeOf(status: number): EngineErrorCode {
  if (status >= 500) return 'sdk_5xx';
  if (status === RATE_LIMITED) return 'sdk_rate_limited';
  return status < 400 ? 'sdk_transport' : `sdk_4xx_${status}`;
}

/** `Retry-After`, in seconds or as a date, as ms from now. */
function waitOf(headers: Headers | undefined): { retryAfterMs: number } | undefined {
  const value = headers?.get('retry-after') ?? null;
  if (value === null) return undefined;
  const ms = /^\d+(\.\d+)?$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? undefined : { retryAfterMs: Math.max(0, ms) };
}
