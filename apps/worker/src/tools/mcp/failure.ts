/** Tells the failures of MCP servers apart, and puts each into words for the log and for the model. */

import { errorCode } from '@kora-wake/shared/runtime/errors';
import { ProtocolError, SdkError, SdkErrorCode, SdkHttpError } from '@modelcontextprotocol/client';

/** The reason of a failure. `status` is the HTTP status, if the server answered with one. */
export interface Failure {
  reason: string;
  code?: string;
  status?: number;
}

/** Text of the SDK in front of the answer of a server. */
const SDK_PREFIX = /^(?:Error POSTing to endpoint|Failed to open SSE stream): ?(?:null$)?/;

export function failureOf(error: unknown): Failure {
  if (error instanceof SdkHttpError) {
    const { status, statusText = '' } = error;
    const answer = error.message.replace(SDK_PREFIX, '').trim();
    const head = `HTTP ${status} ${statusText}`.trim();
    return { reason: answer === '' || answer === statusText ? head : `${head}: ${answer}`, status };
  }
  if (!(error instanceof Error)) return { reason: String(error) };
  // An error of fetch names the reason only in its cause.
  const causeCode = errorCode(error.cause);
  const code = errorCode(error) ?? causeCode;
  const isNamed = causeCode === undefined || error.message.includes(causeCode);
  const reason = isNamed ? error.message : `${error.message} (${causeCode})`;
  return { reason, ...(code !== undefined && { code }) };
}

/** True if the server answered the request with an error or with a wrong shape, so it is alive. */
export function isRefusal(error: unknown): error is Error {
  return isErrorAnswer(error) || hasCode(error, SdkErrorCode.InvalidResult);
}

/** True if the server answered with a JSON-RPC error. */
export function isErrorAnswer(error: unknown): error is ProtocolError {
  return error instanceof ProtocolError;
}

/** True if the connection ended before the answer. This error does not have the reason of that end. */
export function isConnectionClosed(error: unknown): boolean {
  return hasCode(error, SdkErrorCode.ConnectionClosed);
}

export function isTimeout(error: unknown): boolean {
  return hasCode(error, SdkErrorCode.RequestTimeout);
}

/**
 * True if the server does not have the session any more. The protocol says 404. Many servers are made from an official example that
 * answers 400 and names the session.
 *
 * @param sessionId of the request; without one, a 404 means that there is no MCP server at this address
 */
export function isSessionExpired(error: unknown, sessionId: string | undefined): boolean {
  if (sessionId === undefined || !(error instanceof SdkHttpError)) return false;
  return error.status === 404 || (error.status === 400 && /\bsession\b/i.test(error.message));
}

function hasCode(error: unknown, code: SdkErrorCode): boolean {
  return error instanceof SdkError && error.code === code;
}
