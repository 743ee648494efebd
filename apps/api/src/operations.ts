/** Changes by operators: each is a row in the audit log, and the last ones are shown. */

import type { AppendRow } from '@kora-wake/shared/runtime/audit-log';
import { type LogTarget, logEvent } from '@kora-wake/shared/runtime/log-events';
import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import type { Keys } from '@kora-wake/shared/store/keys';
import { isJsonObject, type Json, type JsonObject, mapStrings } from '@kora-wake/shared/wake/json';
import type { FastifyRequest } from 'fastify';
import { Operation } from './contract.ts';
import { operatorOf } from './credentials.ts';
import type { recordText } from './record-text.ts';

/** Number of changes that are stored to be shown. */
const KEPT = 200;
/** Limits of texts, characters. */
const MAX_NAME = 100;
const MAX_REASON = 500;
const MAX_DETAIL = 10_000;

/** Actions of Bull Board, as records name them. */
export const BULL_BOARD_USED = 'bull_board_used';
/** `cli` in this header marks the requests of our commands. */
const CLIENT_HEADER = 'x-kora-client';

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
  /** Records a change that a person made in Slack. @param by name of the person */
  recordClick(by: string, what: string, details: JsonObject): Promise<void>;
  /** A name as records have it. */
  cleanName(name: string): string;
  /**
   * The reason of a change as records have it, or null if the request has none.
   *
   * @param own a reason in the body: it replaces the others
   */
  reasonOf(request: Pick<ChangeRequest, 'headers' | 'query'>, own?: string): string | null;
  /** Name of the caller, as records have it. */
  nameOf(request: Pick<ChangeRequest, 'headers'>): string;
  /** The last changes, newest first. Entries that are not valid are left out. */
  last(): Promise<Operation[]>;
}

interface OperationLogOptions {
  redis: RedisClient;
  keys: Keys;
  /** Writes a row to the audit log. */
  append: AppendRow;
  /** ms since the epoch */
  now(): number;
  text: ReturnType<typeof recordText>;
  log: LogTarget;
}

export function operationLog({ redis, keys, append, now, text, log }: OperationLogOptions): OperationLog {
  let isCorruptLogged = false;

  const detail = (value: string) => text(value, MAX_DETAIL);
  const cleanName = (name: string) => text(name, MAX_NAME);
  const nameOf = (request: Pick<ChangeRequest, 'headers'>) => cleanName(operatorOf(request));

  const reasonOf: OperationLog['reasonOf'] = (request, own) => text(own ?? givenReason(request), MAX_REASON) || null;

  function parse(stored: string): Operation[] {
    try {
      // Version 0.2 stored names and reasons as they were typed.
      const entry: Json = JSON.parse(stored);
      return [Operation.parse(mapStrings(entry, detail))];
    } catch {
      // The list is read every few seconds: one line is enough.
      if (!isCorruptLogged) logEvent(log, 'api.record_unreadable', { key: keys.operations });
      isCorruptLogged = true;
      return [];
    }
  }

  async function store(
    what: string,
    by: string,
    reason: string | null,
    given: JsonObject,
    origin: JsonObject,
  ): Promise<void> {
    const cleaned = mapStrings(given, detail);
    const details = isJsonObject(cleaned) ? cleaned : {};
    const operation: Operation = { at: new Date(now()).toISOString(), what, by, reason, details };
    await append({
      seam: `operator.${what}`,
      details: { ...details, by, ...origin, reason },
      sessionId: null,
      source: null,
    });
    await redis.lpush(keys.operations, JSON.stringify(operation));
    await redis.ltrim(keys.operations, 0, KEPT - 1);
  }

  return {
    nameOf,
    cleanName,
    reasonOf,
    record: (request, what, { reason: ownReason, ...given }) => {
      const reason = reasonOf(request, typeof ownReason === 'string' ? ownReason : undefined);
      return store(what, nameOf(request), reason, given, { from: request.ip, via: viaOf(request, what) });
    },
    recordClick: (by, what, details) => store(what, by, null, details, { via: 'slack' }),
    last: async () => (await redis.lrange(keys.operations, 0, KEPT - 1)).flatMap(parse),
  };
}

/** The program of the caller, as records have it. */
function viaOf({ headers }: Pick<ChangeRequest, 'headers'>, what: string): 'api' | 'cli' | 'bull_board' {
  if (what === BULL_BOARD_USED) return 'bull_board';
  return headers[CLIENT_HEADER] === 'cli' ? 'cli' : 'api';
}

/** The reason in the query or in the header `X-Reason`, or ''. */
function givenReason({ headers, query }: Pick<ChangeRequest, 'headers' | 'query'>): string {
  const fromQuery = isJsonObject(query) ? query.reason : undefined;
  return typeof fromQuery === 'string' ? fromQuery : utf8(headers['x-reason']);
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
