import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { errorSchema } from './schemas.ts';

/** Alive, and ready: the two questions of whatever runs us. */
export const healthRoutes: FastifyPluginAsyncZod<{ redis: Redis }> = async (app, { redis }) => {
  const ok = z.object({ status: z.literal('ok') });
  app.get(
    '/healthz',
    { schema: { summary: 'The process is alive', security: [], response: { 200: ok } } },
    async () => {
      return { status: 'ok' as const };
    },
  );
  app.get(
    '/readyz',
    { schema: { summary: 'Redis answers', security: [], response: { 200: ok, 503: errorSchema } } },
    async (_request, reply) => {
      try {
        await redis.ping();
        return { status: 'ok' as const };
      } catch {
        return reply
          .code(503)
          .send({ statusCode: 503, error: 'Service Unavailable', message: 'Redis does not answer.' });
      }
    },
  );
};
