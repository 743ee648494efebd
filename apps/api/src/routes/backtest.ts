import { isTimezone } from '@kora-wake/shared/policy/mute';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { BacktestResult, Backtests } from '../backtest/backtests.ts';
import { Backtest, BacktestRequest, ErrorAnswer, MAX_POLICY_BYTES } from '../contract.ts';
import { httpErrors } from '../errors.ts';

/** Bytes. A text in JSON may take six bytes for one character. */
const MAX_BODY_BYTES = 6 * MAX_POLICY_BYTES + 1_024;
const UNAVAILABLE = {
  too_late: 'The backtest took too long and was ended. Use npm run backtest instead.',
  too_large: 'The audit log is too large for a backtest in the API. Use npm run backtest instead.',
  ended: 'The backtest was ended, because the API stops or its client has gone.',
};

/** Backtests of the audit log of this API. They send and change nothing. */
export const backtestRoutes: FastifyPluginAsyncZod<{ backtests: Backtests }> = async (app, { backtests }) => {
  // Before the server waits for its requests.
  app.addHook('preClose', async () => backtests.close());

  app.post(
    '/v1/backtest',
    {
      bodyLimit: MAX_BODY_BYTES,
      schema: {
        summary: 'Decide the alerts of the audit log by a policy, next to the current one',
        description:
          'It sends and changes nothing. One backtest runs at a time, for at most 60 s. A policy with faults is refused with 400, and the message lists each fault with its line.',
        body: BacktestRequest,
        response: { 200: Backtest, 400: ErrorAnswer, 409: ErrorAnswer, 503: ErrorAnswer },
      },
    },
    async ({ body }, reply) => {
      const { policy = '', pair, timezone } = body;
      const from = body.from === undefined ? -Infinity : Date.parse(body.from);
      const to = body.to === undefined ? Infinity : Date.parse(body.to);
      if (!isTimezone(timezone)) throw httpErrors.badRequest('timezone must be a name such as Europe/Berlin.');
      if (from >= to) throw httpErrors.badRequest('from must be before to.');
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort());
      const result = await backtests.run({ tried: pair ? { pair } : { policy }, from, to, timezone }, gone.signal);
      if (result.kind === 'done') return result.answer;
      throw refusalOf(result);
    },
  );
};

function refusalOf(result: Exclude<BacktestResult, { kind: 'done' }>): Error {
  if (result.kind === 'faulty') {
    return httpErrors.badRequest(`The policy is not usable:\n${result.faults.join('\n')}`);
  }
  if (result.kind === 'unreadable') return httpErrors.conflict(`The audit log cannot be read: ${result.reason}`);
  if (result.kind === 'busy') {
    return httpErrors.conflict('A backtest is running. Try again when it has ended, at the latest in a minute.');
  }
  return httpErrors.unavailable(UNAVAILABLE[result.kind]);
}
