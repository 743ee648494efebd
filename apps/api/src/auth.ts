/**
 * Access control. A caller sends a token as a bearer, or as the password of HTTP Basic. One token may do everything, a second
 * one may only read. Without a token only this machine has access. Web pages of another origin never have.
 */
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance } from 'fastify';
import { rightsBy, type Tokens } from './credentials.ts';
import { httpErrors } from './errors.ts';
import { refusalOfForeignPage, refusalOfOtherMachine } from './origin.ts';

/** Methods that change nothing. */
export const READ_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);
/** Wrong tokens per address and minute. */
const MAX_FAILURES = 20;

const MISSING =
  'The token is missing or wrong: send it as "Authorization: Bearer TOKEN", or as the password of HTTP Basic.';
const READ_ONLY = 'This token is read-only. To change something, use the one in KORA_API_TOKEN.';

/** Checks the access to every route except the open ones. @param open their paths */
export async function guard(app: FastifyInstance, tokens: Tokens, open: ReadonlySet<string>): Promise<void> {
  await app.register(rateLimit, { global: false });
  const failures = app.createRateLimit({ max: MAX_FAILURES, timeWindow: 60_000 });
  const rightOf = rightsBy(tokens);
  app.addHook('onRequest', async (request, reply) => {
    if (open.has(request.routeOptions.url ?? '')) return;
    const isRead = READ_METHODS.has(request.method);
    const refusal =
      (tokens.token === undefined ? refusalOfOtherMachine(request) : undefined) ?? refusalOfForeignPage(request);
    if (refusal !== undefined) throw httpErrors.forbidden(refusal);
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
