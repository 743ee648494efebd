import { createHash, randomUUID } from 'node:crypto';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import { type Correction, correctSpend, readSpend, type Spend } from '@kora-wake/shared/store/budget-ledger';
import { publish } from '@kora-wake/shared/store/events';
import type { Keys } from '@kora-wake/shared/store/keys';
import { dayOf, MAX_SPEND_USD, monthOf, nearestMicroUsd } from '@kora-wake/shared/wake/budget';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import {
  CorrectedCosts,
  type CostCorrection,
  CostCorrectionHeaders,
  CostCorrectionRequest,
  Costs,
  ErrorAnswer,
  ReasonQuery,
} from '../contract.ts';
import { httpErrors } from '../errors.ts';
import type { ChangeRequest, OperationLog } from '../operations.ts';
import { EPOCH, isoTime } from '../times.ts';

/** The costs of LLM calls, and their correction by operators. */
export const costRoutes: FastifyPluginAsyncZod<{
  redis: RedisClient;
  keys: Keys;
  budgetUsd: number;
  operations: OperationLog;
  now(): number;
}> = async (app, { redis, keys, budgetUsd, operations, now }) => {
  app.get(
    '/v1/costs',
    { schema: { summary: 'Costs of this UTC month, and the budget tier', response: { 200: Costs } } },
    async () => {
      const at = now();
      return describeCosts(await readSpend(redis, keys, budgetUsd, at), budgetUsd, dayOf(at));
    },
  );

  app.post(
    '/v1/costs/corrections',
    {
      schema: {
        summary: 'Correct the spend of a UTC month by an amount; the budget tier follows at once',
        description:
          'The amount is added to the spend, so costs that workers charge at the same time are kept. A refused request changes nothing.',
        headers: CostCorrectionHeaders,
        querystring: ReasonQuery,
        body: CostCorrectionRequest,
        response: { 200: CorrectedCosts, 400: ErrorAnswer, 409: ErrorAnswer },
      },
    },
    async (request) => {
      const { body } = request;
      const at = now();
      const month = body.month ?? monthOf(at);
      if (!isStored(month, at)) {
        throw httpErrors.badRequest('The month must be the current UTC month or one of the twelve before it.');
      }
      const reason = operations.reasonOf(request, body.reason);
      if (reason === null) throw httpErrors.badRequest('Give a reason: in the body, in the query or in X-Reason.');
      const by = operations.nameOf(request);
      const id = idOf(request.headers['idempotency-key']);
      const done = await correctSpend(redis, keys, month, { id, at, usd: body.usd, by, reason });
      if (done.result === 'out_of_range') throw outOfRange(month, done.spentUsd);
      const { result, correction } = done;
      if (nearestMicroUsd(correction.usd) !== nearestMicroUsd(body.usd)) throw otherAmount(correction);
      if (result === 'applied' || !(await isRecorded(id))) await record(request, month, correction);
      const { tier } = await readSpend(redis, keys, budgetUsd, Date.parse(`${month}-01`));
      return { month, rung: tier, correction: describeCorrection(correction) };
    },
  );

  /**
   * False if the API that applied the correction died before it recorded it: the repeated request records it then. Requests at
   * the same time with one key may record it twice, with the same id.
   */
  async function isRecorded(id: string): Promise<boolean> {
    return (await operations.last()).some(({ details }) => details.correction_id === id);
  }

  async function record(request: ChangeRequest, month: string, { id, usd, spentUsd, reason }: Correction) {
    logEvent(app.log, 'api.ledger_corrected', { month, usd, spentUsd });
    await publish(redis, keys, app.log, 'costs.corrected', { month, usd });
    const details = { correction_id: id, month, usd, spent_usd: spentUsd, reason };
    await operations.record(request, 'ledger_corrected', details);
  }
};

/** Whether the ledger stores this month. */
function isStored(month: string, at: number): boolean {
  const current = monthOf(at);
  const oldest = new Date(`${current}-01`);
  oldest.setUTCMonth(oldest.getUTCMonth() - 12);
  return month >= monthOf(oldest.getTime()) && month <= current;
}

/** A hash: the key of a caller may be a secret, and the id is shown. */
function idOf(key: string | undefined): string {
  return createHash('sha256')
    .update(key ?? randomUUID())
    .digest('hex')
    .slice(0, 16);
}

function outOfRange(month: string, spentUsd: number): Error {
  const most = MAX_SPEND_USD.toLocaleString('en');
  return httpErrors.conflict(
    `${month} has a spend of ${spentUsd} USD. A correction must leave between 0 and ${most} USD.`,
  );
}

function otherAmount({ usd }: Correction): Error {
  return httpErrors.conflict(`This Idempotency-Key was used for a correction of ${usd} USD. Use a new one.`);
}

function describeCorrection({ at, ...correction }: Correction): CostCorrection {
  return { ...correction, at: isoTime(at) ?? EPOCH };
}

function describeCosts(
  { month, tier, spentUsd, reservedUsd, entries, correctedUsd, corrections }: Spend,
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
    correctedUsd,
    corrections: corrections.map(describeCorrection),
  };
}
