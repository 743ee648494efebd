/**
 * Who may call: the bearer of a token, or a browser that sends it as the password of HTTP Basic. One token may do
 * everything, a second one may only look. Without a token only this machine may, and no web page that a browser on it
 * has open: neither by a name of its own that leads here (DNS rebinding), nor by a request from another origin.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import rateLimit from '@fastify/rate-limit';
import { isLoopback } from '@kora-wake/shared/config';
import type { FastifyInstance, FastifyRequest } from 'fastify';

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
const ELSEWHERE =
  'Without KORA_API_TOKEN only pages of this address are answered: open it as localhost or 127.0.0.1, or set a token.';

/** Guards every route but the open ones. */
export async function guard(app: FastifyInstance, tokens: Tokens): Promise<void> {
  const { token, readToken } = tokens;
  if (token === undefined) {
    app.addHook('onRequest', async (request) => {
      if (isFromElsewhere(request)) throw refusal(403, ELSEWHERE);
    });
    return;
  }
  await app.register(rateLimit, { global: false });
  const failures = app.createRateLimit({ max: MAX_FAILURES, timeWindow: 60_000 });
  const [full, read] = [token, readToken].map((text) => text && digest(text));
  app.addHook('onRequest', async (request, reply) => {
    if (OPEN.has(request.routeOptions.url ?? '')) return;
    const given = digest(passwordOf(request)?.password ?? '');
    if (full && timingSafeEqual(given, full)) return;
    if (read && timingSafeEqual(given, read)) {
      if (READS.has(request.method)) return;
      throw refusal(403, READ_ONLY);
    }
    // Only failures count: a load that knows the token is no attack.
    const limit = await failures(request);
    if (!limit.isAllowed && limit.isExceeded) throw refusal(429, 'Too many wrong tokens; wait a minute.');
    void reply.header('www-authenticate', 'Basic realm="Kora Wake", charset="UTF-8"');
    throw refusal(401, MISSING);
  });
}

/** Who is asking, for the record: the user name of HTTP Basic, `token`, or `local` where none is asked for. */
export function operatorOf(request: Pick<FastifyRequest, 'headers'>): string {
  const given = passwordOf(request);
  if (given === undefined) return 'local';
  return given.user === '' ? 'token' : given.user.slice(0, 100);
}

function passwordOf({ headers }: Pick<FastifyRequest, 'headers'>): { user: string; password: string } | undefined {
  const [, scheme = '', value = ''] = /^(Bearer|Basic) +(\S+)$/i.exec(headers.authorization ?? '') ?? [];
  if (scheme === '') return undefined;
  if (scheme.toLowerCase() === 'bearer') return { user: '', password: value };
  const [user = '', ...password] = Buffer.from(value, 'base64').toString().split(':');
  return { user, password: password.join(':') };
}

function isFromElsewhere({ headers }: FastifyRequest): boolean {
  if (!isLoopback(hostOf(headers.host ?? ''))) return true;
  const { origin } = headers;
  if (origin !== undefined && origin !== `http://${headers.host}`) return true;
  return headers['sec-fetch-site'] === 'cross-site';
}

function hostOf(host: string): string {
  return host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
}

function refusal(statusCode: number, message: string): Error {
  return Object.assign(new Error(message), { statusCode });
}

/** Digests have one length, which a comparison in constant time needs. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
