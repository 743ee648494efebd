import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import type { Keys } from '@kora-wake/shared/store/keys';
import { unsafeSettings } from '@kora-wake/shared/store/redis-state';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { ErrorAnswer, Health, Readiness } from '../contract.ts';
import { httpErrors } from '../errors.ts';

/** Liveness and readiness, for load balancers and container platforms. */
export const healthRoutes: FastifyPluginAsyncZod<{ redis: RedisClient; keys: Keys }> = async (app, { redis, keys }) => {
  app.get(
    '/healthz',
    { schema: { summary: 'The process is alive', security: [], response: { 200: Health } } },
    async () => ({ status: 'ok' as const }),
  );

  app.get(
    '/readyz',
    { schema: { summary: 'Redis answers', security: [], response: { 200: Readiness, 503: ErrorAnswer } } },
    async () => {
      const warnings = await unsafeSettings(redis, keys).catch(() => {
        throw httpErrors.unavailable('Redis does not answer.');
      });
      return { status: 'ok' as const, ...(warnings.length > 0 && { warnings }) };
    },
  );
};
