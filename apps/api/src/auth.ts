/**
 * Access control. A caller sends a token as a bearer, or as the password of HTTP Basic. One token may do everything, a second
 * one may only read. Without a token only this machine has access. Web pages of another origin never have: a browser adds
 * the password that it remembers to their requests too, and their own host name may resolve to this machine (DNS rebinding).
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import rateLimit from '@fastify/rate-limit';
import { isLoopback } from '@kora-wake/shared/runtime/config';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Right } from './contract.ts';
import { httpErrors } from './errors.ts';

type WithHeaders = Pick<FastifyRequest, 'headers'>;

export interface Tokens {
  token?: string;
  /** May read, but change nothing. */
  readToken?: string;
}

/** Open to everyone, so that a load balancer needs no credential. */
const OPEN = new Set(['/healthz', '/readyz']);
/** Methods that change nothing. */
export const READ_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);
/** Wrong tokens per address and minute. */
const MAX_FAILURES = 20;

const MISSING =
  'The token is missing or wrong: send it as "Authorization: Bearer TOKEN", or as the password of HTTP Basic.';
const READ_ONLY = 'This token is read-only. To change something, use the one in KORA_API_TOKEN.';
const FOREIGN_PAGE = 'Web pages of another origin cannot change anything here.';
const FOREIGN_HOST =
  'Without KORA_API_TOKEN the API answers this machine only: open it as localhost or 127.0.0.1, or set a token.';

/** Checks the access to every route except the open ones. */
export async function guard(app: FastifyInstance, tokens: Tokens): Promise<void> {
  await app.register(rateLimit, { global: false });
  const failures = app.createRateLimit({ max: MAX_FAILURES, timeWindow: 60_000 });
  const rightOf = rightsBy(tokens);
  app.addHook('onRequest', async (request, reply) => {
    if (OPEN.has(request.routeOptions.url ?? '')) return;
    if (tokens.token === undefined && isForeign(request)) throw httpErrors.forbidden(FOREIGN_HOST);
    const isRead = READ_METHODS.has(request.method);
    if (!isRead && isOfForeignPage(request)) throw httpErrors.forbidden(FOREIGN_PAGE);
    const right = rightOf(request);
    if (right === 'change' || (right === 'look' && isRead)) return;
    if (right === 'look') throw httpErrors.forbidden(READ_ONLY);
    // Rate-limit only requests with a wrong token. A request without an Authorization header is a browser that was not
    // challenged yet.
    const limit = request.headers.authorization === undefined ? undefined : await failures(request);
    if (limit && !limit.isAllowed && limit.isExceeded) {
      void reply.header('retry-after', limit.ttlInSeconds);
      throw httpErrors.tooManyRequests('Too many requests with a wrong token; wait a minute.');
    }
    // A challenge opens the browser's password dialog, and a request of the console's own code would wait for it.
    if (!/json|event-stream/.test(request.headers.accept ?? '')) {
      void reply.header('www-authenticate', 'Basic realm="Kora Wake", charset="UTF-8"');
    }
    throw httpErrors.unauthorized(MISSING);
  });
}

/** Returns a function that gives the right of a request by its token, or undefined if the token is missing or wrong. */
export function rightsBy({ token, readToken }: Tokens): (request: WithHeaders) => Right | undefined {
  if (token === undefined) return () => 'change';
  const [full, read] = [digest(token), readToken === undefined ? undefined : digest(readToken)];
  return (request) => {
    const given = digest(passwordOf(request)?.password ?? '');
    if (timingSafeEqual(given, full)) return 'change';
    return read && timingSafeEqual(given, read) ? 'look' : undefined;
  };
}

/** Name of the caller for the audit log: the user name of HTTP Basic, `token`, or `local` if no token was sent. */
export function operatorOf(request: WithHeaders): string {
  const given = passwordOf(request);
  if (given === undefined) return 'local';
  return given.user === '' ? 'token' : given.user.slice(0, 100);
}

function passwordOf({ headers }: WithHeaders): { user: string; password: string } | undefined {
  const [, scheme = '', value = ''] = /^(Bearer|Basic) +(\S+)$/i.exec(headers.authorization ?? '') ?? [];
  if (scheme === '') return undefined;
  if (scheme.toLowerCase() === 'bearer') return { user: '', password: value };
  const [user = '', ...password] = Buffer.from(value, 'base64').toString().split(':');
  return { user, password: password.join(':') };
}

function isForeign(request: FastifyRequest): boolean {
  const { headers, method } = request;
  if (!isLoopback(hostOf(headers.host ?? ''))) return true;
  // If a person follows a link, the browser shows the answer, and the page with the link cannot read it.
  const isLink = method === 'GET' && headers['sec-fetch-mode'] === 'navigate';
  return !isLink && isOfForeignPage(request);
}

/** Whether a page of another origin sent the request. Browsers name the origin in headers; other programs send none. */
function isOfForeignPage({ headers }: FastifyRequest): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site !== 'same-origin' && site !== 'none';
  const { origin } = headers;
  // A proxy may change the scheme, but not the host.
  return origin !== undefined && origin.replace(/^https?:\/\//, '') !== headers.host;
}

function hostOf(host: string): string {
  return host
    .toLowerCase()
    .replace(/:\d+$/, '')
    .replace(/^\[|\]$|\.$/g, '');
}

/** All digests have the same length, as the comparison in constant time requires. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
