/** Who may call: the bearer of the token, or a browser that sends it as the password of HTTP Basic. */
import { createHash, timingSafeEqual } from 'node:crypto';
import basicAuth from '@fastify/basic-auth';
import type { FastifyInstance } from 'fastify';

/** Open to everyone, so that a load balancer needs no credential. */
const OPEN = new Set(['/healthz', '/readyz']);

/** Asks for `token` on every route but the open ones; without a token, on none. */
export async function requireToken(app: FastifyInstance, token: string | undefined): Promise<void> {
  if (token === undefined) return;
  const expected = digest(token);
  const matches = (given: string) => timingSafeEqual(digest(given), expected);
  await app.register(basicAuth, {
    authenticate: { realm: 'Kora Wake' },
    validate: async (_user, password) => {
      if (!matches(password)) throw new Error('wrong token');
    },
  });
  app.addHook('onRequest', (request, reply, done) => {
    const bearer = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
    if (OPEN.has(request.routeOptions.url ?? '') || (bearer && matches(bearer))) return done();
    app.basicAuth(request, reply, (error) => {
      if (!error) return done();
      const refusal = Object.assign(
        new Error(
          'The token is missing or wrong: send it as "Authorization: Bearer TOKEN", or as the password of HTTP Basic.',
        ),
        { statusCode: 401 },
      );
      done(refusal);
    });
  });
}

/** Digests have one length, which a comparison in constant time needs. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
