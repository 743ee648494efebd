/** Who may send alerts: a signed source, a holder of a token, or this machine if the API listens on loopback. */
import type { FastifyRequest } from 'fastify';
import { passwordOf, rightsBy, sameToken, type Tokens } from '../credentials.ts';
import { refusalOfForeignPage, refusalOfOtherMachine } from '../origin.ts';
import type { Signing } from './signatures.ts';

export interface IngestAccess {
  token?: string;
  signings: ReadonlyMap<string, Signing>;
  /** True if the API listens on loopback only. */
  isLocal: boolean;
  apiTokens: Tokens;
}

/** `status` of the answer and its reason, as a sentence that says how to get access. */
export interface Refusal {
  status: 401 | 403;
  message: string;
}

const OFF =
  'Sending alerts is off: set KORA_INGEST_TOKEN for the API, and send it as "Authorization: Bearer TOKEN", as the password of HTTP Basic, or as routing_key.';
const WRONG =
  'The token is missing or wrong: send the value of KORA_INGEST_TOKEN as "Authorization: Bearer TOKEN", as the password of HTTP Basic, or as routing_key.';

/**
 * Checks a request by its headers and the raw bytes of its body.
 *
 * @param source name of the source; a source with a secret needs a signature and nothing else
 * @param keyInBody a token that the body itself contains
 * @returns undefined if the request may send alerts
 */
export function ingestRefusal(
  { token, signings, isLocal, apiTokens }: IngestAccess,
  request: Pick<FastifyRequest, 'headers' | 'method'>,
  source: string,
  body: Buffer,
  keyInBody?: string,
): Refusal | undefined {
  const signing = signings.get(source);
  if (signing) {
    if (signing.isSigned(request.headers, body, signing.secret)) return undefined;
    return { status: 401, message: `The signature is missing or wrong: it must be made with ${signing.variable}.` };
  }
  const given = passwordOf(request)?.password;
  if (token !== undefined && [given, keyInBody].some((one) => one !== undefined && sameToken(one, token))) {
    return undefined;
  }
  if (apiTokens.token !== undefined && rightsBy(apiTokens)(request) === 'change') return undefined;
  if (token !== undefined) return { status: 401, message: WRONG };
  if (!isLocal) return { status: 403, message: OFF };
  const message = refusalOfForeignPage(request) ?? refusalOfOtherMachine(request);
  return message === undefined ? undefined : { status: 403, message: `${message} ${OFF}` };
}
