import type { PolicyState } from '@kora-wake/shared/policy/state';
import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import { VERSION } from '@kora-wake/shared/runtime/version';
import { readAccount } from '@kora-wake/shared/store/account';
import { forgetSource, readCheckpoint } from '@kora-wake/shared/store/checkpoint';
import { areClicksTaken } from '@kora-wake/shared/store/clicks';
import {
  type IngestFault,
  readIngestCounts,
  readIngestFaults,
  type SourceCounts,
} from '@kora-wake/shared/store/ingestion';
import type { Keys } from '@kora-wake/shared/store/keys';
import { type Problem, readProblems } from '@kora-wake/shared/store/problems';
import type { DeliveriesQueue } from '@kora-wake/shared/store/queues';
import { assertAcceptsWrites, unsafeSettings } from '@kora-wake/shared/store/redis-state';
import { type RunningWorker, readWorkers } from '@kora-wake/shared/store/running-workers';
import { readSources, type Source as StoredSource } from '@kora-wake/shared/store/sources';
import { readUnreadableLines } from '@kora-wake/shared/store/unreadable-lines';
import { oldestPendingMs } from '@kora-wake/shared/store/wake-record';
import { MCP_STATES } from '@kora-wake/shared/wake/services';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { checksOf } from '../checks.ts';
import {
  Account,
  ErrorAnswer,
  ForgottenSource,
  Me,
  Operations,
  ReasonQuery,
  type ServiceProblem,
  type Source,
  SourceParams,
  Status,
  Tailer,
} from '../contract.ts';
import { rightsBy, type Tokens } from '../credentials.ts';
import { httpErrors, refusalOf } from '../errors.ts';
import type { OperationLog } from '../operations.ts';
import { countJobs } from '../queue-state.ts';
import type { SocketState } from '../socket.ts';
import { EPOCH, isoTime } from '../times.ts';

/** The set-up of this API, as its configuration has it. */
export interface Setup {
  logPath: string;
  /** Id of that log. */
  sourceId: string;
  /** Without the password. */
  redisAddress: string;
  /** Whether alerts of other tools are taken. */
  isIngestionOpen: boolean;
  /** Whether messages link to the console. */
  hasConsoleUrl: boolean;
  policy(): PolicyState;
}

/** The state of Kora Wake itself: the account, the logs, the changes by operators. */
export const statusRoutes: FastifyPluginAsyncZod<{
  redis: RedisClient;
  keys: Keys;
  deliveries: DeliveriesQueue;
  operations: OperationLog;
  tokens: Tokens;
  setup: Setup;
  /** Undefined: this API has no socket to Slack. */
  socket: SocketState | undefined;
  /** Whether it takes signed clicks over HTTP. */
  isHttpOpen: boolean;
  now(): number;
}> = async (app, { redis, keys, deliveries, operations, tokens, setup, socket, isHttpOpen, now }) => {
  const rightOf = rightsBy(tokens);
  app.get(
    '/v1/me',
    {
      schema: {
        summary: 'Name and rights of the caller',
        response: { 200: Me },
      },
    },
    async (request) => ({ name: operations.nameOf(request), may: rightOf(request) ?? ('look' as const) }),
  );

  app.get(
    '/v1/operations',
    {
      schema: {
        summary: 'Last changes by operators: who, when, why',
        response: { 200: Operations },
      },
    },
    async () => ({ entries: await operations.last() }),
  );

  app.get(
    '/v1/account',
    {
      schema: {
        summary: 'Delivery check: every row has one decision, every wake one outcome',
        response: { 200: Account },
      },
    },
    async () => {
      const [{ times: _times, ...account }, waited] = await Promise.all([
        readAccount(redis, keys),
        oldestPendingMs(redis, keys, now()),
      ]);
      return { ...account, outcomes: { ...account.outcomes }, oldestPendingMs: waited };
    },
  );

  app.get(
    '/v1/tailer',
    {
      schema: {
        summary: 'The logs that tailers watch, and how far they are',
        response: { 200: Tailer },
      },
    },
    async () => ({ sources: (await readSources(redis, keys)).map(describeSource) }),
  );

  app.delete(
    '/v1/tailer/:id',
    {
      schema: {
        summary: 'Forget a log that no longer exists, so that its alarm ends',
        params: SourceParams,
        querystring: ReasonQuery,
        response: { 200: ForgottenSource, 404: ErrorAnswer, 409: ErrorAnswer },
      },
    },
    async (request) => {
      const { id } = request.params;
      const { path, name } = await readCheckpoint(redis, keys, id);
      const result = await forgetSource(redis, keys, id);
      if (result === 'unknown') throw httpErrors.notFound('No log has this id.');
      if (result === 'followed') throw httpErrors.conflict('A tailer follows this log. Stop the tailer first.');
      await operations.record(request, 'source_forgotten', { source_id: id, path, ...(name !== '' && { name }) });
      return { forgotten: true as const, id };
    },
  );

  app.get(
    '/v1/status',
    { schema: { summary: 'Set-up and health, without secrets', response: { 200: Status } } },
    async () => {
      const [
        problems,
        workers,
        counts,
        ingested,
        faults,
        sources,
        unreadable,
        warnings = null,
        writeRefusal,
        areTaken,
      ] = await Promise.all([
        readProblems(redis, keys),
        readWorkers(redis, keys),
        countJobs(deliveries),
        readIngestCounts(redis, keys),
        readIngestFaults(redis, keys),
        readSources(redis, keys),
        readUnreadableLines(redis, keys, setup.sourceId),
        unsafeSettings(redis, keys),
        findWriteRefusal(redis, keys),
        areClicksTaken(redis, keys),
      ]);
      const ownLog = sources.find(({ id }) => id === setup.sourceId);
      const waiting = counts.waiting + counts.delayed + counts.prioritized;
      const status = {
        version: VERSION,
        problems: problems.map((problem) => describeProblem(problem, waiting)),
        workers: workers.map(({ id, startedAt, policy = null, version = null }) => ({
          id,
          version,
          startedAt: isoTime(startedAt) ?? EPOCH,
          policy,
        })),
        policy: setup.policy(),
        ...describeSetup(workers),
        clicks: { areTaken, socket: socket ? { ...socket } : null, isHttpOpen },
        log: {
          path: setup.logPath,
          sourceId: setup.sourceId,
          isWatched: ownLog !== undefined && ownLog.holder !== null,
          unreadable: unreadable.map(({ at, offset, reason, text }) => ({
            at: isoTime(at) ?? EPOCH,
            offset,
            reason,
            text,
          })),
        },
        ingestion: {
          sources: ingested.map(describeIngestSource),
          faults: faults.map(describeIngestFault),
        },
        tailers: sources.flatMap(({ id, path, holder, policy, version }) =>
          holder === null ? [] : [{ holder, version, sourceId: id, path, policy }],
        ),
        mcpServers: mcpServersOf(workers),
        redis: { address: setup.redisAddress, warnings },
      };
      const checks = checksOf({
        ...status,
        writeRefusal,
        lastRowAt: isoTime(ownLog?.lastRowAt ?? null),
        missingSince: isoTime(ownLog?.missingSince ?? null),
        isIngestionOpen: setup.isIngestionOpen,
        hasConsoleUrl: setup.hasConsoleUrl,
      });
      return { ...status, checks };
    },
  );
};

/** Why Redis refuses writes, as a predicate; null if it takes them. */
async function findWriteRefusal(redis: RedisClient, keys: Keys): Promise<string | null> {
  try {
    await assertAcceptsWrites(redis, keys);
    return null;
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal === undefined) throw error;
    return refusal;
  }
}

function describeSource({
  name,
  policy: _policy,
  version: _version,
  lastRowAt,
  committedAt,
  missingSince,
  ...source
}: StoredSource): Source {
  return {
    ...source,
    name: name === '' ? null : name,
    lastRowAt: isoTime(lastRowAt),
    committedAt: isoTime(committedAt) ?? EPOCH,
    missingSince: isoTime(missingSince),
  };
}

function describeIngestSource({ lastAt, ...counts }: SourceCounts) {
  return { ...counts, lastAt: isoTime(lastAt) ?? EPOCH };
}

function describeIngestFault({ at, ...fault }: IngestFault) {
  return { ...fault, at: isoTime(at) ?? EPOCH };
}

function describeProblem({ since, at, ...problem }: Problem, waiting: number): ServiceProblem {
  return {
    ...problem,
    since: isoTime(since) ?? EPOCH,
    lastSeenAt: isoTime(at) ?? EPOCH,
    waiting: problem.service === 'llm' ? 0 : waiting,
  };
}

/** A server has the worst state that a worker sees. */
function mcpServersOf(workers: RunningWorker[]): Status['mcpServers'] {
  const all = workers.flatMap(({ mcp }) => mcp ?? []);
  return [...Map.groupBy(all, ({ name }) => name)].map(([name, each]) => ({
    name,
    state: MCP_STATES.find((state) => each.some((one) => one.state === state)) ?? 'connecting',
  }));
}

/** The set-up of all workers together: one that lacks a setting makes it lacking. */
function describeSetup(workers: RunningWorker[]): Pick<Status, 'slack' | 'llm'> {
  const [newest] = workers;
  if (!newest) return { slack: null, llm: null };
  const withSlack = workers.flatMap(({ slack }) => slack ?? []);
  const identity = withSlack.find((slack) => slack.identity)?.identity;
  const hasOperators = withSlack.every(({ operator }) => operator !== null);
  return {
    slack: {
      isConfigured: withSlack.length === workers.length,
      operator: hasOperators ? (withSlack[0]?.operator ?? null) : null,
      team: identity?.team || null,
      bot: identity?.bot || null,
      scopes: identity?.scopes ?? null,
      missingScopes: identity?.missingScopes ?? [],
    },
    llm: {
      isConfigured: workers.every(({ model }) => model !== null),
      model: newest.model,
      lastAnswerAt: isoTime(Math.max(...workers.map(({ llmAnsweredAt }) => llmAnsweredAt ?? 0)) || null),
    },
  };
}
