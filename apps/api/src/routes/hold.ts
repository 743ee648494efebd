import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import { readHold, setHold } from '@kora-wake/shared/store/hold';
import type { Keys } from '@kora-wake/shared/store/keys';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { ErrorAnswer, Hold, HoldRequest, ReasonQuery } from '../contract.ts';
import { holdOperation } from '../incident-operations.ts';
import type { ChangeRequest, OperationLog } from '../operations.ts';
import { isoTime } from '../times.ts';

/** The hold: for a time only the first critical alert of an incident is sent. */
export const holdRoutes: FastifyPluginAsyncZod<{
  redis: RedisClient;
  keys: Keys;
  operations: OperationLog;
}> = async (app, { redis, keys, operations }) => {
  async function read(): Promise<Hold> {
    const hold = await readHold(redis, keys);
    return hold ? { until: isoTime(hold.until), by: hold.by } : { until: null, by: null };
  }

  async function set(request: ChangeRequest, seconds: number): Promise<Hold> {
    await setHold(redis, keys, seconds, operations.nameOf(request));
    const { what, details } = holdOperation(seconds);
    await operations.record(request, what, details);
    return read();
  }

  app.get(
    '/v1/hold',
    {
      schema: {
        summary: 'The hold in force: only the first critical alert of an incident is sent',
        response: { 200: Hold },
      },
    },
    read,
  );

  const changing = { querystring: ReasonQuery, response: { 200: Hold, 400: ErrorAnswer } };
  app.put(
    '/v1/hold',
    {
      schema: {
        summary: 'Hold all messages for a time. It replaces the hold in force',
        body: HoldRequest,
        ...changing,
      },
    },
    async (request) => set(request, request.body.seconds),
  );

  app.delete('/v1/hold', { schema: { summary: 'End the hold', ...changing } }, async (request) => set(request, 0));
};
