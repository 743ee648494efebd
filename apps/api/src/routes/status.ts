import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import { readAccount } from '@kora-wake/shared/store/account';
import { readSpend, type Spend } from '@kora-wake/shared/store/budget-ledger';
import type { Keys } from '@kora-wake/shared/store/keys';
import { readSources, type Source } from '@kora-wake/shared/store/sources';
import { oldestPendingMs } from '@kora-wake/shared/store/wake-record';
import { BUDGET_TIERS, dayOf } from '@kora-wake/shared/wake/budget';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { accessBy, operatorOf, type Tokens } from '../auth.ts';
import { type Operations, operationSchema } from '../operations.ts';

const counts = z.record(z.string(), z.number());
const usd = z.number().describe('USD');

const costsSchema = z.object({
  rung: z.enum(BUDGET_TIERS),
  budgetUsd: usd.describe('USD of a UTC month; 0 = no limit'),
  month: z.string(),
  spentMonthUsd: usd,
  spentTodayUsd: usd,
  reservedUsd: usd.describe('USD that calls being made may still cost'),
  days: z.array(z.object({ day: z.string(), usd })),
  byRoute: z.array(z.object({ route: z.string(), usd })),
  byModel: z.array(z.object({ model: z.string(), usd })),
  entries: z.array(z.object({ day: z.string(), route: z.string(), model: z.string(), usd })),
});

const sourceSchema = z.object({
  path: z.string(),
  offset: z.number(),
  size: z.number().nullable(),
  lagBytes: z.number().nullable(),
  lastRowAt: z.iso.datetime().nullable(),
  committedAt: z.iso.datetime(),
  holder: z.string().nullable().describe('who holds the lease, as host:pid'),
});

/** How we are ourselves: the account, the logs, the money. */
export const statusRoutes: FastifyPluginAsyncZod<{
  redis: RedisClient;
  keys: Keys;
  budgetUsd: number;
  operations: Operations;
  tokens: Tokens;
  now(): number;
}> = async (app, { redis, keys, budgetUsd, operations, tokens, now }) => {
  const access = accessBy(tokens);
  app.get(
    '/v1/me',
    {
      schema: {
        summary: 'Who is asking, as the record will call them, and what they may do',
        response: { 200: z.object({ name: z.string(), may: z.enum(['change', 'look']) }) },
      },
    },
    async (request) => ({ name: operatorOf(request), may: access(request) ?? ('look' as const) }),
  );

  app.get(
    '/v1/operations',
    {
      schema: {
        summary: 'What operators changed last: who, when, why',
        response: { 200: z.object({ entries: z.array(operationSchema) }) },
      },
    },
    async () => ({ entries: await operations.last() }),
  );

  app.get(
    '/v1/account',
    {
      schema: {
        summary: 'The conservation law: every row decided once, every wake ended once',
        response: {
          200: z.object({
            rows: z.number(),
            enqueued: z.number(),
            coalesced: z.number(),
            rejected: counts,
            outcomes: counts,
            inFlight: z.number(),
            unreadLines: z.number(),
            repaired: counts,
            unaccounted: z.number(),
            oldestPendingMs: z
              .number()
              .describe('how long the wake that waits longest for its end has waited; 0: none does'),
          }),
        },
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
        summary: 'The logs that are followed, and how far',
        response: { 200: z.object({ sources: z.array(sourceSchema) }) },
      },
    },
    async () => {
      const sources = await readSources(redis, keys);
      return {
        sources: sources.map(shown),
      };
    },
  );

  app.get(
    '/v1/costs',
    { schema: { summary: 'What this UTC month cost, and the rung of the ladder', response: { 200: costsSchema } } },
    async () => {
      const at = now();
      return costs(await readSpend(redis, keys, budgetUsd, at), budgetUsd, dayOf(at));
    },
  );
};

function shown({ path, offset, size, lagBytes, lastRowAt, committedAt, holder }: Source) {
  const times = {
    lastRowAt: lastRowAt === null ? null : new Date(lastRowAt).toISOString(),
    committedAt: new Date(committedAt).toISOString(),
  };
  return { path, offset, size, lagBytes, holder, ...times };
}

function costs({ month, tier, spentUsd, reservedUsd, entries }: Spend, budgetUsd: number, today: string) {
  const sums = (by: (entry: Spend['entries'][number]) => string) =>
    [...Map.groupBy(entries, by)].map(([name, of]) => ({ name, usd: of.reduce((sum, entry) => sum + entry.usd, 0) }));
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
