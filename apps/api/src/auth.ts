/**
 * Who may call: the bearer of a token, or a browser that sends it as the password of HTTP Basic. One token may do
 * everything, a second one may only look. Without a token only this machine may. In either case no web page of another
 * origin may: a browser that has this address open sends its password along, whoever asks; and a page's own name may
 * lead here (DNS rebinding).
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import rateLimit from '@fastify/rate-limit';
import { isLoopback } from '@kora-wake/shared/runtime/config';
import type { FastifyInstance, FastifyRequest } from 'fastify';

type Asked = Pick<FastifyRequest, 'headers'>;

export interface Tokens {
  token?: string;
  /** May look, and change nothing. */
  readToken?: string;
}

/** Open to everyone, so that a load balancer needs no credential. */
const OPEN = new Set(['/healthz', '/readyz']);
const READS = new Set(['GET', 'HEAD', 'OPTIONS']);
/** Wrong tokens from one address, a minute. */
const MAX_FAILURES = 20;

const MISSING =
  'The token is missing or wrong: send it as "Authorization: Bearer TOKEN", or as the password of HTTP Basic.';
const READ_ONLY = 'This token may only look; this needs the one in KORA_API_TOKEN.';
const ANOTHER_PAGE = 'A web page of another address may change nothing here.';
const ELSEWHERE =
  'Without KORA_API_TOKEN only pages of this address are answered: open it as localhost or 127.0.0.1, or set a token.';

/** Guards every route but the open ones. */
export async function guard(app: FastifyInstance, tokens: Tokens): Promise<void> {
  await app.register(rateLimit, { global: false });
  const failures = app.createRateLimit({ max: MAX_FAILURES, timeWindow: 60_000 });
  const access = accessBy(tokens);
  app.addHook('onRequest', async (request, reply) => {
    if (OPEN.has(request.routeOptions.url ?? '')) return;
    if (tokens.token === undefined && isFromElsewhere(request)) throw refusal(403, ELSEWHERE);
    const reads = READS.has(request.method);
    if (!reads && isOfAnotherPage(request)) throw refusal(403, ANOTHER_PAGE);
    const may = access(request);
    if (may === 'change' || (may === 'look' && reads)) return;
    if (may === 'look') throw refusal(403, READ_ONLY);
    // Only wrong tokens count: who knows the token is no attack, and who has not been asked for it yet is none either.
    const limit = request.headers.authorization === undefined ? undefined : await failures(request);
    if (limit && !limit.isAllowed && limit.isExceeded) {
      void reply.header('retry-after', limit.ttlInSeconds);
      throw refusal(429, 'Too many wrong tokens; wait a minute.');
    }
    // A browser that is challenged asks for a password, and a page that asks by itself would wait for that.
    if (!/json|event-stream/.test(request.headers.accept ?? '')) {
      void reply.header('www-authenticate', 'Basic realm="Kora Wake", charset="UTF-8"');
    }
    throw refusal(401, MISSING);
  });
}

/** What a request may do by its token; undefined: nothing. */
export function accessBy({ token, readToken }: Tokens): (request: Asked) => 'change' | 'look' | undefined {
  if (token === undefined) return () => 'change';
  const [full, read] = [digest(token), readToken === undefined ? undefined : digest(readToken)];
  return (request) => {
    const given = digest(passwordOf(request)?.password ?? '');
    if (timingSafeEqual(given, full)) return 'change';
    return read && timingSafeEqual(given, read) ? 'look' : undefined;
  };
}

/** Who is asking, for the record: the user name of HTTP Basic, `token`, or `local` where none is asked for. */
export function operatorOf(request: Asked): string {
  const given = passwordOf(request);
  if (given === undefined) return 'local';
  return given.user === '' ? 'token' : given.user.slice(0, 100);
}

function passwordOf({ headers }: Asked): { user: string; password: string } | undefined {
  const [, scheme = '', value = ''] = /^(Bearer|Basic) +(\S+)$/i.exec(headers.authorization ?? '') ?? [];
  if (scheme === '') return undefined;
  if (scheme.toLowerCase() === 'bearer') return { user: '', password: value };
  const [user = '', ...password] = Buffer.from(value, 'base64').toString().split(':');
  return { user, password: password.join(':') };
}

function isFromElsewhere(request: FastifyRequest): boolean {
  const { headers, method } = request;
  if (!isLoopback(hostOf(headers.host ?? ''))) return true;
  // A link that somebody follows is no page that reads: what it leads to is shown, not given.
  const followed = method === 'GET' && headers['sec-fetch-mode'] === 'navigate';
  return !followed && isOfAnotherPage(request);
}

/** By what browsers say of themselves; a program says nothing. */
function isOfAnotherPage({ headers }: FastifyRequest): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site !== 'same-origin' && site !== 'none';
  const { origin } = headers;
  // A proxy may have another scheme before it, never another host.
  return origin !== undefined && origin.replace(/^https?:\/\//, '') !== headers.host;
}

function hostOf(host: string): string {
  return host
    .toLowerCase()
    .replace(/:\d+$/, '')
    .replace(/^\[|\]$|\.$/g, '');
}

function refusal(statusCode: number, message: string): Error {
  return Object.assign(new Error(message), { statusCode });
}

/** Digests have one length, which a comparison in constant time needs. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
