/** Requests to the API. An answer is parsed with the schema of the contract before anything else sees it. */
import type { z } from 'zod';

/** Longer than the API waits for Redis, so the API's own error arrives first. */
const TIMEOUT_MS = 15_000;

export interface Fault {
  kind: 'unauthorized' | 'unreachable' | 'redis_down' | 'refused' | 'not_found' | 'invalid';
  message: string;
}

/** `etag` names this version of the answer. */
export type Result<T> = { ok: true; body: T; etag?: string } | { ok: false; fault: Fault };

/** Server clock minus browser clock, ms. Ages are computed with the server's clock: the browser's may be wrong. */
let skewMs = 0;

export const serverNow = () => Date.now() + skewMs;

/**
 * An absolute address below the folder of this page, which a reverse proxy may serve under a path of its own. It has no
 * credentials: `fetch` rejects an address with a name and a password in it.
 */
export const addressOf = (path: string) => new URL(`.${path}`, new URL(location.pathname, location.origin));

export type RequestBody = { [name: string]: string | number | undefined | RequestBody };

/**
 * @param options.cached the last good answer: if it is still the same, the API does not send it again
 * @param options.key the API applies requests with the same key once
 */
export async function request<T>(
  schema: z.ZodType<T>,
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  path: string,
  {
    body,
    cached,
    key,
    timeoutMs = TIMEOUT_MS,
  }: {
    body?: RequestBody | undefined;
    cached?: { body: T; etag: string } | undefined;
    key?: string | undefined;
    timeoutMs?: number;
  } = {},
): Promise<Result<T>> {
  let response: Response;
  let answer: unknown;
  try {
    response = await fetch(addressOf(path), {
      method,
      cache: 'no-store',
      headers: {
        accept: 'application/json',
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(cached !== undefined && { 'if-none-match': cached.etag }),
        ...(key !== undefined && { 'idempotency-key': key }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (response.status === 304 && cached !== undefined) {
      measureSkew(response);
      return { ok: true, ...cached };
    }
    if (!response.ok) return { ok: false, fault: await faultOf(response) };
    answer = await response.json();
  } catch (error) {
    return { ok: false, fault: { kind: 'unreachable', message: connectionError(error, timeoutMs) } };
  }
  measureSkew(response);
  const parsed = schema.safeParse(answer);
  const etag = response.headers.get('etag');
  if (parsed.success) return { ok: true, body: parsed.data, ...(etag !== null && { etag }) };
  const at = parsed.error.issues[0]?.path.join('.') ?? '';
  return { ok: false, fault: { kind: 'invalid', message: `unexpected answer${at && ` (at ${at})`}` } };
}

function connectionError(error: unknown, timeoutMs: number): string {
  const isTimeout = error instanceof DOMException && error.name === 'TimeoutError';
  return isTimeout ? `no answer within ${timeoutMs / 1000} s` : 'the connection failed';
}

/** The Date header has whole seconds: a difference below two seconds is no skew. */
function measureSkew({ headers }: Response): void {
  const date = Date.parse(headers.get('date') ?? '');
  if (!Number.isNaN(date)) skewMs = Math.abs(date - Date.now()) < 2_000 ? 0 : date - Date.now();
}

async function faultOf(response: Response): Promise<Fault> {
  const message = await messageOf(response);
  const { status } = response;
  // The API answers 429 after too many wrong tokens, so the token is wrong.
  if (status === 401 || status === 429) return { kind: 'unauthorized', message };
  if (status === 404) return { kind: 'not_found', message };
  if (status === 503) return { kind: 'redis_down', message: `${status}: ${message}` };
  return { kind: 'refused', message: `${status}: ${message}` };
}

async function messageOf(response: Response): Promise<string> {
  try {
    const body: unknown = await response.json();
    if (typeof body === 'object' && body !== null && 'message' in body && typeof body.message === 'string') {
      return body.message;
    }
  } catch {
    // The body is not JSON: a proxy answered, and its text does not help the reader.
  }
  return response.statusText || 'no reason given';
}
