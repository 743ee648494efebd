/**
 * Checks the token of a request at a limited rate. A client is an address, or a browser with our cookie: a browser gets it
 * with its first right token. So a person behind the same proxy as a guesser is not held up by the guesses.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { isIPv6 } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { RIGHTS, type Right } from './contract.ts';
import { rightsBy, sameToken, type Tokens } from './credentials.ts';
import { httpErrors } from './errors.ts';
import { type Guess, type GuessLimits, GuessQueue } from './guesses.ts';

/** Time between two checks for guesses whose turn has come, ms. */
const TURN_MS = 50;
const COOKIE = 'kora_client';
const TOO_MANY = 'Too many requests with a wrong token; try again in some seconds.';

/**
 * Returns a function that gives the right of a request, or undefined if its token is missing or wrong.
 *
 * @param cookiePath the path under which the API is served
 * @throws 429 (from the returned function) if too many requests wait for their turn
 */
export function tokenCheck(
  app: FastifyInstance,
  tokens: Tokens,
  limits: GuessLimits,
  cookiePath: string,
): (request: FastifyRequest, reply: FastifyReply) => Promise<Right | undefined> {
  const rightOf = rightsBy(tokens);
  const queue = new GuessQueue(limits);
  const proofs = RIGHTS.map((right) => ({ right, proof: createHmac('sha256', SECRET).update(right).digest('hex') }));
  let timer: NodeJS.Timeout | undefined;

  function answerLater(): void {
    timer ??= setInterval(() => {
      queue.answerNext(performance.now());
      if (queue.waiting > 0) return;
      clearInterval(timer);
      timer = undefined;
    }, TURN_MS);
  }

  app.addHook('preClose', async () => {
    queue.refuseAll();
    clearInterval(timer);
  });

  return async (request, reply) => {
    // A request without a token is no guess: it is a browser that was not challenged yet.
    if (tokens.token === undefined || request.headers.authorization === undefined) return rightOf(request);
    const cookie = cookieOf(request);
    const sentBy = proofs.find(({ proof }) => sameToken(cookie, proof))?.right;
    const { promise, resolve } = Promise.withResolvers<'right' | 'wrong' | 'refused'>();
    const guess: Guess = { isRight: () => rightOf(request) !== undefined, done: resolve };
    const at = performance.now();
    if (sentBy === undefined || !queue.answerNow(`cookie ${sentBy}`, guess, at)) {
      const client = clientOf(request.ip);
      const leave = () => {
        queue.remove(client, guess);
        resolve('refused');
      };
      request.raw.socket.once('close', leave);
      void promise.then(() => request.raw.socket.off('close', leave));
      queue.add(client, guess, at);
      if (queue.waiting > 0) answerLater();
    }
    const answer = await promise;
    if (answer === 'refused') {
      void reply.header('retry-after', 10);
      throw httpErrors.tooManyRequests(TOO_MANY);
    }
    const right = answer === 'right' ? rightOf(request) : undefined;
    const proof = proofs.find((each) => each.right === right)?.proof;
    if (proof !== undefined && sentBy !== right) {
      void reply.header('set-cookie', `${COOKIE}=${proof}; Path=${cookiePath}; HttpOnly; SameSite=Strict`);
    }
    return right;
  };
}

/** The proof in a cookie. It opens nothing. It is not made from the token, so the token cannot be guessed from it. */
const SECRET = randomBytes(32);

function cookieOf({ headers }: FastifyRequest): string {
  return new RegExp(`(?:^|; *)${COOKIE}=([0-9a-f]{64})(?:;|$)`).exec(headers.cookie ?? '')?.[1] ?? '';
}

/** One client usually has a whole /64 of IPv6 addresses. */
function clientOf(address: string): string {
  if (!isIPv6(address) || address.includes('.')) return address;
  const [head = ''] = address.split('::');
  return head
    .split(':')
    .slice(0, 4)
    .join(':')
    .replace(/(?::0)+$/, '');
}
