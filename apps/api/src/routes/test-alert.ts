/** A test alert: it goes the whole way, so that a person sees whether that works before it matters. */
import { randomBytes } from 'node:crypto';
import { rowOfAlert } from '@kora-wake/shared/ingest/row';
import type { RowSettings, Settings } from '@kora-wake/shared/policy/settings';
import { sleep } from '@kora-wake/shared/runtime/async';
import { errorReason } from '@kora-wake/shared/runtime/errors';
import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import { leaseHolder } from '@kora-wake/shared/store/checkpoint';
import { readHold } from '@kora-wake/shared/store/hold';
import { readIncident } from '@kora-wake/shared/store/incidents';
import type { Keys } from '@kora-wake/shared/store/keys';
import { listWakeRecords } from '@kora-wake/shared/store/wake-history';
import type { WakeRecord } from '@kora-wake/shared/store/wake-record';
import { utcText } from '@kora-wake/shared/wake/message';
import { debounceId } from '@kora-wake/shared/wake/pair';
import type { Redact } from '@kora-wake/shared/wake/redact';
import { isTestAlert, TEST_PROBE, testCategory } from '@kora-wake/shared/wake/test-alert';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { ErrorAnswer, ReasonQuery, TestAlert } from '../contract.ts';
import { httpErrors } from '../errors.ts';
import type { DurableLog } from '../ingest/durable-log.ts';
import { LogUnavailable } from '../ingest/durable-write.ts';
import type { OperationLog } from '../operations.ts';

const SEVERITY = 'info';
/** Longest wait for the tailer to pick it up, and time between two queries, ms. */
const PICK_UP_MS = 5_000;
const POLL_MS = 25;
/** A test alert that has no outcome after this time does not prevent the next one, ms. */
const ON_ITS_WAY_MS = 60_000;
/** Earlier test alerts whose incidents may be open. Several people may send them at once. */
const MAX_EARLIER = 20;

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
        description:
          'It is a real alert of its own probe and category, marked 🧪, so no window suppresses it. It ends the incident of the one before.',
        querystring: ReasonQuery,
        response: { 202: TestAlert, 409: ErrorAnswer, 503: ErrorAnswer },
      },
    },
    async (request, reply) => {
      if ((await leaseHolder(redis, keys.lease(sourceId))) === null) {
        throw httpErrors.unavailable(`Log watcher is down: start a tailer for ${logPath}, then try again.`);
      }
      const category = testCategory(randomBytes(4).toString('hex'));
      const own = settings().ofPair(debounceId(TEST_PROBE, category)).of(SEVERITY);
      assertNotMuted(own);
      await assertNoHold();
      const { entries } = await listWakeRecords(redis, keys, tests, { limit: MAX_EARLIER, since: 0 });
      // Real alerts can have the same probe.
      const earlier = entries.filter(({ row }) => isTestAlert(row));
      assertNoneOnItsWay(earlier);
      const title = `🧪 Test alert from ${operations.nameOf(request)}`;
      const row = rowOf('firing', category, title);
      // A policy that waits for several alerts gets them.
      const rows = Array.from({ length: own.consecutive }, () => row);
      const over = (await openCategories(earlier)).map((each) => rowOf('recovered', each, title));
      await append([...over, ...rows]);
      await operations.record(request, 'test_sent', { probe: TEST_PROBE, category });
      return reply.code(202).send({ wakeId: await pickedUp(category), probe: TEST_PROBE, category });
    },
  );

  /** A mute of the policy would hold it back without a trace on the page. */
  function assertNotMuted(own: RowSettings): void {
    const muted = own.mutedAt(now());
    if (!muted) return;
    throw httpErrors.conflict(
      `The policy mutes test alerts now (${muted.mute.reason}). Its rules match probe ${TEST_PROBE} with severity ${SEVERITY}.`,
    );
  }

  /** It would wait for the end of the hold. */
  async function assertNoHold(): Promise<void> {
    const hold = await readHold(redis, keys);
    if (!hold) return;
    const by = hold.by === '' ? '' : ` (${hold.by})`;
    throw httpErrors.conflict(`All messages are held until ${utcText(hold.until)}${by}: end the hold, then try again.`);
  }

  function assertNoneOnItsWay([last]: WakeRecord[]): void {
    if (!last || last.outcome !== null || now() - last.enqueuedAt > ON_ITS_WAY_MS) return;
    throw httpErrors.conflict(`A test alert is on its way (${last.wakeId}): wait for its end, or for one minute.`);
  }

  /** Of earlier test alerts whose incidents are open. */
  async function openCategories(earlier: WakeRecord[]): Promise<string[]> {
    const ids = new Set(earlier.flatMap(({ incidentId }) => incidentId ?? []));
    const incidents = await Promise.all([...ids].map((id) => readIncident(redis, keys, id)));
    return incidents.flatMap((incident) => (incident && incident.state !== 'closed' ? incident.category : []));
  }

  function rowOf(status: 'firing' | 'recovered', category: string, title: string): string {
    const alert = { status, probe: TEST_PROBE, category, severity: SEVERITY, title, detail: DETAIL } as const;
    return JSON.stringify(rowOfAlert({ ...alert, links: {}, facts: {} }, 'test', now(), redact));
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
    for (let waited = 0; waited < PICK_UP_MS; waited += POLL_MS) {
      const { entries } = await listWakeRecords(redis, keys, { ...tests, category }, { limit: 1, since: 0 });
      if (entries[0]) return entries[0].wakeId;
      await sleep(POLL_MS);
    }
    return null;
  }
};

const tests = { probe: TEST_PROBE };

const DETAIL =
  'A person sent this test alert to see whether alerts arrive. Nothing is wrong, and there is nothing to do.';
