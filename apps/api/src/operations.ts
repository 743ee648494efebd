/** What operators did: each thing that changes something is a row in the audit log, and the last of them are shown. */
import type { AppendRow } from '@kora-wake/shared/runtime/audit-log';
import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import type { Keys } from '@kora-wake/shared/store/keys';
import { isJsonObject, type JsonObject } from '@kora-wake/shared/wake/json';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { operatorOf } from './auth.ts';

/** So many of the last operations are kept to be shown. */
const KEPT = 200;

export const operationSchema = z.object({
  at: z.iso.datetime(),
  what: z.string(),
  by: z.string(),
  reason: z.string().nullable(),
  details: z.record(z.string(), z.unknown()),
});
type Operation = z.infer<typeof operationSchema>;

export type Asked = Pick<FastifyRequest, 'headers' | 'ip' | 'query'>;

/** Why something is changed; every route that changes something takes it. */
export const reasonQuery = z.object({
  reason: z.string().max(500).optional().describe('why; kept in the audit log'),
});

export interface Operations {
  /** @param what in the past tense, such as `window_cleared` */
  record(request: Asked, what: string, details: JsonObject): Promise<void>;
  /** The last ones, newest first. */
  last(): Promise<Operation[]>;
}

export function operationsIn(redis: RedisClient, keys: Keys, append: AppendRow, now: () => number): Operations {
  return {
    record: async (request, what, { reason, ...details }) => {
      const given = typeof reason === 'string' ? reason : reasonOf(request);
      const by = operatorOf(request);
      const done: Operation = { at: new Date(now()).toISOString(), what, by, reason: given, details };
      await append({
        seam: `operator.${what}`,
        details: { ...details, by, from: request.ip, reason: given },
        sessionId: null,
        source: null,
      });
      await redis.lpush(keys.operations, JSON.stringify(done));
      await redis.ltrim(keys.operations, 0, KEPT - 1);
    },
    last: async () => {
      const kept = await redis.lrange(keys.operations, 0, KEPT - 1);
      return kept.map((text) => operationSchema.parse(JSON.parse(text)));
    },
  };
}

/** Why, where the caller says so: in the query, or in the header `X-Reason`. */
function reasonOf({ headers, query }: Asked): string | null {
  const asked = isJsonObject(query) ? query.reason : undefined;
  const given = typeof asked === 'string' ? asked : utf8(headers['x-reason']);
  return given.trim() === '' ? null : given.trim().slice(0, 500).toWellFormed();
}

/** Node reads headers as Latin-1, and most programs send UTF-8. */
function utf8(header: string | string[] | undefined): string {
  const text = typeof header === 'string' ? header : '';
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(text, 'latin1'));
  } catch {
    return text;
  }
}
