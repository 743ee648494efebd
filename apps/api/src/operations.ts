/** Changes by operators: each is a row in the audit log, and the last ones are shown. */

import type { AppendRow } from '@kora-wake/shared/runtime/audit-log';
import { type LogTarget, logEvent } from '@kora-wake/shared/runtime/log-events';
import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import type { Keys } from '@kora-wake/shared/store/keys';
import { isJsonObject, type JsonObject } from '@kora-wake/shared/wake/json';
import { firstChars } from '@kora-wake/shared/wake/text';
import type { FastifyRequest } from 'fastify';
import { Operation } from './contract.ts';
import { operatorOf } from './credentials.ts';

/** Number of changes that are stored to be shown. */
const KEPT = 200;

/** The parts of a request that name its caller and the reason. */
export type ChangeRequest = Pick<FastifyRequest, 'headers' | 'ip' | 'query'>;

export interface OperationLog {
  /**
   * Records a change that was made.
   *
   * @param what name in the past tense, such as `window_cleared`
   * @param details a `reason` in it replaces the one in the request
   */
  record(request: ChangeRequest, what: string, details: JsonObject): Promise<void>;
  /** The last changes, newest first. Entries that are not valid are left out. */
  last(): Promise<Operation[]>;
}

/** @param append writes a row to the audit log @param now ms since the epoch */
export function operationLog(
  redis: RedisClient,
  keys: Keys,
  append: AppendRow,
  now: () => number,
  log: LogTarget,
): OperationLog {
  let isCorruptLogged = false;

  function parse(text: string): Operation[] {
    try {
      return [Operation.parse(JSON.parse(text))];
    } catch {
      // The list is read every few seconds: one line is enough.
      if (!isCorruptLogged) logEvent(log, 'api.record_unreadable', { key: keys.operations });
      isCorruptLogged = true;
      return [];
    }
  }

  return {
    record: async (request, what, { reason: ownReason, ...details }) => {
      const reason = typeof ownReason === 'string' ? ownReason : reasonOf(request);
      const by = operatorOf(request);
      const operation: Operation = { at: new Date(now()).toISOString(), what, by, reason, details };
      await append({
        seam: `operator.${what}`,
        details: { ...details, by, from: request.ip, reason },
        sessionId: null,
        source: null,
      });
      await redis.lpush(keys.operations, JSON.stringify(operation));
      await redis.ltrim(keys.operations, 0, KEPT - 1);
    },
    last: async () => (await redis.lrange(keys.operations, 0, KEPT - 1)).flatMap(parse),
  };
}

/** The reason in the query or in the header `X-Reason`, or null. */
function reasonOf({ headers, query }: ChangeRequest): string | null {
  const fromQuery = isJsonObject(query) ? query.reason : undefined;
  const reason = typeof fromQuery === 'string' ? fromQuery : utf8(headers['x-reason']);
  return reason.trim() === '' ? null : firstChars(reason.trim(), 500);
}

/** Decodes a header: Node reads headers as Latin-1, but most programs send UTF-8. */
function utf8(header: string | string[] | undefined): string {
  const text = typeof header === 'string' ? header : '';
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(text, 'latin1'));
  } catch {
    return text;
  }
}
