/**
 * Access control. A caller sends a token as a bearer, or as the password of HTTP Basic. One token may do everything, a second
 * one may only read. Without a token only this machine has access. Web pages of another origin never have.
 */
import type { FastifyInstance } from 'fastify';
import type { Tokens } from './credentials.ts';
import { httpErrors } from './errors.ts';
import type { GuessLimits } from './guesses.ts';
import { refusalOfForeignPage, refusalOfOtherMachine } from './origin.ts';
import { tokenCheck } from './token-check.ts';

/** Methods that change nothing. */
export const READ_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

const MISSING =
  'The token is missing or wrong: send it as "Authorization: Bearer TOKEN", or as the password of HTTP Basic.';
const READ_ONLY = 'This token is read-only. To change something, use the one in KORA_API_TOKEN.';

export interface AccessRules {
  tokens: Tokens;
  guessLimits: GuessLimits;
  /** '' or the path under which the API is served. */
  basePath: string;
  /** Paths of routes that need no token. */
  open: ReadonlySet<string>;
}

/** Checks the access to every route except the open ones, before the body of a request is read. */
export function guard(app: FastifyInstance, { tokens, guessLimits, basePath, open }: AccessRules): void {
  const rightOf = tokenCheck(app, tokens, guessLimits, `${basePath}/`);
  app.addHook('onRequest', async (request, reply) => {
    if (open.has(request.routeOptions.url ?? '')) return;
    const refusal =
      (tokens.token === undefined ? refusalOfOtherMachine(request) : undefined) ?? refusalOfForeignPage(request);
    if (refusal !== undefined) throw httpErrors.forbidden(refusal);
    const right = await rightOf(request, reply);
    if (right === 'change' || (right === 'look' && READ_METHODS.has(request.method))) return;
    if (right === 'look') throw httpErrors.forbidden(READ_ONLY);
    // A challenge opens the browser's password dialog, and a request of the console's own code would wait for it.
    if (!/json|event-stream/.test(request.headers.accept ?? '')) {
      void reply.header('www-authenticate', 'Basic realm="Kora Wake", charset="UTF-8"');
    }
    throw httpErrors.unauthorized(MISSING);
  });
}
