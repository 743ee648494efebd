import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import type { Keys } from '@kora-wake/shared/store/keys';
import { unsafeSettings } from '@kora-wake/shared/store/redis-state';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { errorSchema } from './schemas.ts';

/** Alive, and ready: the two questions of whatever runs us. */
export const healthRoutes: FastifyPluginAsyncZod<{ redis: RedisClient; keys: Keys }> = async (app, { redis, keys }) => {
  const ok = z.object({ status: z.literal('ok') });
  app.get(
    '/healthz',
    { schema: { summary: 'The process is alive', security: [], response: { 200: ok } } },
    async () => {
      return { status: 'ok' as const };
    },
  );
  const ready = ok.extend({ warnings: z.array(z.string()).optional().describe('what of this Redis is not safe') });
  app.get(
    '/readyz',
    { schema: { summary: 'Redis answers', security: [], response: { 200: ready, 503: errorSchema } } },
    async (_request, reply) => {
      try {
        const warnings = await unsafeSettings(redis, keys);
        return { status: 'ok' as const, ...(warnings.length > 0 && { warnings }) };
      } catch {
        return reply
          .code(503)
          .send({ statusCode: 503, error: 'Service Unavailable', message: 'Redis does not answer.' });
      }
    },
  );
};
