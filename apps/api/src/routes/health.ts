import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import type { Keys } from '@kora-wake/shared/store/keys';
import { assertAcceptsWrites, unsafeSettings } from '@kora-wake/shared/store/redis-state';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { ErrorAnswer, Health, Readiness } from '../contract.ts';
import { httpErrors, refusalOf } from '../errors.ts';

/** The paths of these routes. They need no token, so that a load balancer needs none. */
export const HEALTH_PATHS = ['/healthz', '/readyz'] as const;

/** Everybody may ask, and each answer needs a write, so an answer is used again for this time, ms. */
const REUSE_MS = 1_000;

/** Liveness and readiness, for load balancers and container platforms. */
export const healthRoutes: FastifyPluginAsyncZod<{ redis: RedisClient; keys: Keys; now(): number }> = async (
  app,
  { redis, keys, now },
) => {
  let last: { at: number; answer: Promise<Readiness> } | undefined;

  app.get(
    '/healthz',
    { schema: { summary: 'The process is alive', security: [], response: { 200: Health } } },
    async () => ({ status: 'ok' as const }),
  );

  app.get(
    '/readyz',
    {
      schema: {
        summary: 'Redis answers and accepts writes',
        security: [],
        response: { 200: Readiness, 503: ErrorAnswer },
      },
    },
    async () => {
      const at = now();
      // A clock that was set back must not keep an old answer.
      if (!last || Math.abs(at - last.at) >= REUSE_MS) last = { at, answer: readiness() };
      return last.answer;
    },
  );

  async function readiness(): Promise<Readiness> {
    try {
      await assertAcceptsWrites(redis, keys);
      const warnings = (await unsafeSettings(redis, keys)) ?? [];
      return { status: 'ok', ...(warnings.length > 0 && { warnings }) };
    } catch (error) {
      throw httpErrors.unavailable(`Redis ${refusalOf(error) ?? 'does not answer'}.`);
    }
  }
};
