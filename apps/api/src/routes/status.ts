import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import { readAccount } from '@kora-wake/shared/store/account';
import { readSpend, type Spend } from '@kora-wake/shared/store/budget-ledger';
import type { Keys } from '@kora-wake/shared/store/keys';
import { readSources, type Source as StoredSource } from '@kora-wake/shared/store/sources';
import { oldestPendingMs } from '@kora-wake/shared/store/wake-record';
import { dayOf } from '@kora-wake/shared/wake/budget';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { operatorOf, rightsBy, type Tokens } from '../auth.ts';
import { Account, Costs, Me, Operations, type Source, Tailer } from '../contract.ts';
import type { OperationLog } from '../operations.ts';
import { EPOCH, isoTime } from '../times.ts';

/** The state of Kora Wake itself: the account, the logs, the costs, the changes by operators. */
export const statusRoutes: FastifyPluginAsyncZod<{
  redis: RedisClient;
  keys: Keys;
  budgetUsd: number;
  operations: OperationLog;
  tokens: Tokens;
  now(): number;
}> = async (app, { redis, keys, budgetUsd, operations, tokens, now }) => {
  const rightOf = rightsBy(tokens);
  app.get(
    '/v1/me',
    {
      schema: {
        summary: 'Name and rights of the caller',
        response: { 200: Me },
      },
    },
    async (request) => ({ name: operatorOf(request), may: rightOf(request) ?? ('look' as const) }),
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
      const [account, waited] = await Promise.all([readAccount(redis, keys), oldestPendingMs(redis, keys, now())]);
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

  app.get(
    '/v1/costs',
    { schema: { summary: 'Costs of this UTC month, and the budget tier', response: { 200: Costs } } },
    async () => {
      const at = now();
      return describeCosts(await readSpend(redis, keys, budgetUsd, at), budgetUsd, dayOf(at));
    },
  );
};

function describeSource({ path, offset, size, lagBytes, lastRowAt, committedAt, holder }: StoredSource): Source {
  const times = { lastRowAt: isoTime(lastRowAt), committedAt: isoTime(committedAt) ?? EPOCH };
  return { path, offset, size, lagBytes, holder, ...times };
}

function describeCosts(
  { month, tier, spentUsd, reservedUsd, entries }: Spend,
  budgetUsd: number,
  today: string,
): Costs {
  const sums = (by: (entry: Spend['entries'][number]) => string) =>
    [...Map.groupBy(entries, by)].map(([name, group]) => ({
      name,
      usd: group.reduce((sum, entry) => sum + entry.usd, 0),
    }));
  const days = sums(({ day }) => day).map(({ name, usd: spent }) => ({ day: name, usd: spent }));
  return {
    rung: tier,
    budgetUsd,
    month,
    spentMonthUsd: spentUsd,
    spentTodayUsd: days.find(({ day }) => day === today)?.usd ?? 0,
    reservedUsd,
    days,
    byRoute: sums(({ route }) => route).map(({ name, usd: spent }) => ({ route: name, usd: spent })),
    byModel: sums(({ model }) => model).map(({ name, usd: spent }) => ({ model: name, usd: spent })),
    entries,
  };
}
