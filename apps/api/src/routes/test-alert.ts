/** A drill: an alert that goes the whole way, so that a person sees whether it works before it matters. */
import { randomBytes } from 'node:crypto';
import { rowOfAlert } from '@kora-wake/shared/ingest/row';
import type { RowSettings, Settings } from '@kora-wake/shared/policy/settings';
import { sleep } from '@kora-wake/shared/runtime/async';
import { errorReason } from '@kora-wake/shared/runtime/errors';
import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import { leaseHolder } from '@kora-wake/shared/store/checkpoint';
import type { Keys } from '@kora-wake/shared/store/keys';
import { listWakeRecords } from '@kora-wake/shared/store/wake-history';
import { debounceId } from '@kora-wake/shared/wake/pair';
import type { Redact } from '@kora-wake/shared/wake/redact';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { ErrorAnswer, ReasonQuery, TestAlert } from '../contract.ts';
import { httpErrors } from '../errors.ts';
import type { DurableLog } from '../ingest/durable-log.ts';
import { LogUnavailable } from '../ingest/durable-write.ts';
import type { OperationLog } from '../operations.ts';

const PROBE = 'kora-wake';
const SEVERITY = 'info';
/** How long the tailer has to pick it up, and time between two looks, ms. */
const PICK_UP_MS = 5_000;
const LOOK_MS = 25;

interface TestAlertRoutes {
  redis: RedisClient;
  keys: Keys;
  log: DurableLog;
  /** The log that it is written to. */
  logPath: string;
  sourceId: string;
  /** Those of the policy in force. */
  settings(): Settings;
  redact: Redact;
  operations: OperationLog;
  now(): number;
}

export const testAlertRoutes: FastifyPluginAsyncZod<TestAlertRoutes> = async (
  app,
  { redis, keys, log, logPath, sourceId, settings, redact, operations, now },
) => {
  app.post(
    '/v1/test',
    {
      schema: {
        summary: 'Send a test alert the whole way: audit log, investigation, message',
        description: 'It is a real alert of its own probe and category, marked 🧪, so no window suppresses it.',
        querystring: ReasonQuery,
        response: { 202: TestAlert, 409: ErrorAnswer, 503: ErrorAnswer },
      },
    },
    async (request, reply) => {
      if ((await leaseHolder(redis, keys.lease(sourceId))) === null) {
        throw httpErrors.unavailable(`Nobody watches ${logPath}: start a tailer, then try again.`);
      }
      const category = `test-${randomBytes(4).toString('hex')}`;
      const own = settings().ofPair(debounceId(PROBE, category)).of(SEVERITY);
      assertNotMuted(own);
      const title = `🧪 Test alert from ${operations.nameOf(request)}`;
      const alert = { status: 'firing', probe: PROBE, category, severity: SEVERITY, title, detail: DETAIL } as const;
      const row = JSON.stringify(rowOfAlert({ ...alert, links: {}, facts: {} }, 'test', now(), redact));
      // A policy that waits for several alerts gets them.
      await append(Array.from({ length: own.consecutive }, () => row));
      await operations.record(request, 'test_sent', { probe: PROBE, category });
      return reply.code(202).send({ wakeId: await pickedUp(category), probe: PROBE, category });
    },
  );

  /** A mute of the policy would hold it back without a trace on the page. */
  function assertNotMuted(own: RowSettings): void {
    const muted = own.mutedAt(now());
    if (!muted) return;
    throw httpErrors.conflict(
      `The policy mutes test alerts now (${muted.mute.reason}). Its rules match probe ${PROBE} with severity ${SEVERITY}.`,
    );
  }

  async function append(rows: string[]): Promise<void> {
    try {
      await log.append(rows, () => undefined);
    } catch (error) {
      if (!(error instanceof LogUnavailable)) throw error;
      throw httpErrors.unavailable(`The test alert cannot be written to ${logPath} now: ${errorReason(error)}.`);
    }
  }

  /** The wake of the alert; null if the tailer is slower. */
  async function pickedUp(category: string): Promise<string | null> {
    for (let waited = 0; waited < PICK_UP_MS; waited += LOOK_MS) {
      const { entries } = await listWakeRecords(redis, keys, { probe: PROBE, category }, { limit: 1, since: 0 });
      if (entries[0]) return entries[0].wakeId;
      await sleep(LOOK_MS);
    }
    return null;
  }
};

const DETAIL =
  'A person sent this test alert to see whether alerts arrive. Nothing is wrong, and there is nothing to do.';
