/** Corrections of the budget ledger by operators. */
import { ledger } from '@kora-wake/shared/store/budget-ledger';
import { monthOf } from '@kora-wake/shared/wake/budget';
import { describe, expect } from 'vitest';
import { type Namespace, test } from '../../../test/support/fixtures.ts';
import { api, bearer, TOKEN } from './api.ts';

const onEachTier = (usd: number) => ({ normal: usd, warn_75: usd, downshift_90: usd });
const CALL = { route: 'probe_investigation', model: 'claude-sonnet-5-5' };

function ledgerOf(ns: Namespace) {
  let calls = 0;
  return ledger(ns.redis, ns.keys, 200, Date.now, () => `call-${calls++}`);
}

async function spend(ns: Namespace, usd: number) {
  await (await ledgerOf(ns).reserve(onEachTier(usd)))?.charge({ usd, ...CALL });
}

type App = Awaited<ReturnType<typeof api>>['app'];

const correct = (app: App, body: object, headers: Record<string, string> = {}, query = '') =>
  app.inject({ method: 'POST', url: `/v1/costs/corrections${query}`, headers, payload: body });
const costs = async (app: App) => (await app.inject('/v1/costs')).json();

describe('a correction of the costs', () => {
  test('changes the spend of the month and the budget tier at once, and is on record everywhere', async ({ ns }) => {
    const { app, written, log } = await api(ns);
    await spend(ns, 199.5);
    expect(await ledgerOf(ns).reserve(onEachTier(1))).toBeUndefined();
    expect((await costs(app)).rung).toBe('hard_stop_100');
    const month = monthOf(Date.now());
    const answer = await correct(app, { usd: -150.25, reason: 'the gateway counted tokens twice' });
    const correction = {
      id: expect.stringMatching(/^[0-9a-f]{16}$/),
      at: expect.any(String),
      usd: -150.25,
      spentUsd: 49.25,
      by: 'local',
      reason: 'the gateway counted tokens twice',
    };
    expect([answer.statusCode, answer.json()]).toEqual([200, { month, rung: 'normal', correction }]);
    expect(await costs(app)).toMatchObject({
      rung: 'normal',
      spentMonthUsd: 49.25,
      spentTodayUsd: 199.5,
      correctedUsd: -150.25,
      corrections: [correction],
      byModel: [{ model: CALL.model, usd: 199.5 }],
    });
    expect(await ledgerOf(ns).reserve(onEachTier(100))).toMatchObject({ tier: 'normal' });
    const details = { month, usd: -150.25, spent_usd: 49.25, correction_id: answer.json().correction.id };
    expect(written).toEqual([
      {
        seam: 'operator.ledger_corrected',
        source: null,
        sessionId: null,
        details: { ...details, by: 'local', from: '127.0.0.1', reason: correction.reason, via: 'api' },
      },
    ]);
    expect((await app.inject('/v1/operations')).json().entries).toMatchObject([
      { what: 'ledger_corrected', by: 'local', reason: correction.reason, details },
    ]);
    expect(log.lines).toContainEqual(
      expect.objectContaining({ event: 'api.ledger_corrected', month, usd: -150.25, spentUsd: 49.25 }),
    );
    const [[, fields] = []] = await ns.redis.xrevrange(ns.keys.events, '+', '-', 'COUNT', 1);
    expect(fields).toEqual(['type', 'costs.corrected', 'month', month, 'usd', '-150.25']);
    expect((await app.inject('/metrics')).body).toContain(
      'kora_spend_usd{route="correction",model="correction"} -150.25',
    );
  });

  test('upwards ends the AI calls of the month as spent money does', async ({ ns }) => {
    const { app } = await api(ns);
    expect((await correct(app, { usd: 200, reason: 'calls of another program' })).json().rung).toBe('hard_stop_100');
    expect(await ledgerOf(ns).reserve(onEachTier(0.01))).toBeUndefined();
  });

  test('of another month leaves this one as it is', async ({ ns }) => {
    const { app } = await api(ns, undefined, undefined, { now: () => Date.parse('2026-03-02T00:00:00Z') });
    const answer = await correct(app, { usd: 12.5, month: '2025-03', reason: 'invoice' });
    expect(answer.json()).toMatchObject({ month: '2025-03', correction: { spentUsd: 12.5 } });
    expect(await costs(app)).toMatchObject({ month: '2026-03', spentMonthUsd: 0, corrections: [] });
    for (const month of ['2025-02', '2026-04', '2026-13', 'last']) {
      expect([month, (await correct(app, { usd: 1, month, reason: 'x' })).statusCode]).toEqual([month, 400]);
    }
  });

  test('needs a reason, in the body, in the query or in a header', async ({ ns }) => {
    const { app, written } = await api(ns);
    for (const body of [{ usd: 1 }, { usd: 1, reason: ' ' }]) {
      const answer = await correct(app, body);
      expect([answer.statusCode, answer.json().message]).toEqual([400, expect.stringContaining('Give a reason')]);
    }
    expect(await costs(app)).toMatchObject({ spentMonthUsd: 0, corrections: [] });
    await correct(app, { usd: 1, reason: 'body' }, { 'x-reason': 'header' });
    await correct(app, { usd: 1 }, {}, '?reason=query');
    await correct(app, { usd: 1 }, { 'x-reason': 'header' });
    expect((await costs(app)).corrections.map(({ reason }: { reason: string }) => reason)).toEqual([
      'header',
      'query',
      'body',
    ]);
    expect(written.map(({ details }) => details.reason)).toEqual(['body', 'query', 'header']);
  });

  test('needs the token that may change something, and shows no secret', async ({ ns }) => {
    const { app, written } = await api(ns, TOKEN, 'read-only-token');
    const body = { usd: 1, reason: `the token is ${TOKEN}` };
    expect((await correct(app, body)).statusCode).toBe(401);
    expect((await correct(app, body, bearer('read-only-token'))).statusCode).toBe(403);
    expect((await correct(app, body, { ...bearer(TOKEN), 'idempotency-key': TOKEN })).statusCode).toBe(200);
    const answer = await app.inject({ url: '/v1/costs', headers: bearer('read-only-token') });
    expect(answer.json().corrections).toMatchObject([{ by: 'token', reason: 'the token is [redacted credential]' }]);
    expect(JSON.stringify([answer.body, written, await ns.redis.lrange(ns.keys.operations, 0, -1)])).not.toContain(
      TOKEN,
    );
  });

  test('never makes the spend negative, and an amount that is no amount is refused', async ({ ns }) => {
    const { app, written } = await api(ns);
    await spend(ns, 3);
    const answer = await correct(app, { usd: -3.000001, reason: 'x' });
    expect([answer.statusCode, answer.json().message]).toEqual([409, expect.stringContaining('a spend of 3 USD')]);
    for (const usd of [0, 0.0000001, 1e12, -1e12, '5', null, undefined]) {
      expect([usd, (await correct(app, { usd, reason: 'x' })).statusCode]).toEqual([usd, 400]);
    }
    expect([await costs(app), written]).toMatchObject([{ spentMonthUsd: 3, corrections: [] }, []]);
    expect((await correct(app, { usd: -3, reason: 'x' })).json().correction.spentUsd).toBe(0);
    await correct(app, { usd: 1e9 - 0.000001, reason: 'x' });
    expect((await costs(app)).spentMonthUsd).toBe(999_999_999.999999);
    expect((await correct(app, { usd: 1, reason: 'x' })).statusCode).toBe(409);
  });

  test('keeps what workers reserve and charge at the same time', async ({ ns }) => {
    const { app } = await api(ns);
    const money = ledgerOf(ns);
    const open = await money.reserve(onEachTier(2));
    const worker = async () => {
      for (let i = 0; i < 20; i++) await (await money.reserve(onEachTier(0.5)))?.charge({ usd: 0.25, ...CALL });
    };
    const operator = async (usd: number) => {
      for (let i = 0; i < 5; i++) expect((await correct(app, { usd, reason: 'x' })).statusCode).toBe(200);
    };
    await Promise.all([worker(), worker(), worker(), operator(4), operator(1)]);
    expect(await costs(app)).toMatchObject({ spentMonthUsd: 40, reservedUsd: 2, correctedUsd: 25 });
    await correct(app, { usd: -40, reason: 'x' });
    await open?.charge({ usd: 1.5, ...CALL });
    expect(await costs(app)).toMatchObject({ spentMonthUsd: 1.5, reservedUsd: 0 });
  });

  test('that is sent again with its Idempotency-Key is applied and recorded once', async ({ ns }) => {
    const { app, written } = await api(ns);
    const headers = { 'idempotency-key': 'invoice 2026-11' };
    const first = await correct(app, { usd: 5, reason: 'invoice' }, headers);
    const again = await correct(app, { usd: 5, reason: 'invoice' }, headers);
    expect([again.statusCode, again.json()]).toEqual([200, first.json()]);
    const answers = await Promise.all(
      [1, 2, 3].map(() => correct(app, { usd: 2, reason: 'x' }, { 'idempotency-key': 'b' })),
    );
    expect(new Set(answers.map(({ body }) => body)).size).toBe(1);
    const other = await correct(app, { usd: 6, reason: 'invoice' }, headers);
    expect([other.statusCode, other.json().message]).toEqual([409, expect.stringContaining('a correction of 5 USD')]);
    expect(await costs(app)).toMatchObject({ spentMonthUsd: 7, corrections: [{ usd: 2 }, { usd: 5 }] });
    expect(written.filter(({ details }) => details.usd === 5)).toHaveLength(1);
  });

  test('whose API died before it wrote the record is recorded when it is sent again', async ({ ns }) => {
    const reached = Promise.withResolvers<void>();
    const append = () => {
      reached.resolve();
      return new Promise<void>(() => undefined);
    };
    const dying = await api(ns, undefined, undefined, { append });
    const headers = { 'idempotency-key': 'invoice' };
    void correct(dying.app, { usd: 5, reason: 'invoice' }, headers);
    await reached.promise;
    const { app, written } = await api(ns);
    expect(await costs(app)).toMatchObject({ spentMonthUsd: 5, corrections: [{ reason: 'invoice' }] });
    for (let i = 0; i < 2; i++) await correct(app, { usd: 5, reason: 'invoice' }, headers);
    expect(await costs(app)).toMatchObject({ spentMonthUsd: 5 });
    expect(written).toMatchObject([{ seam: 'operator.ledger_corrected', details: { usd: 5, reason: 'invoice' } }]);
    expect((await app.inject('/v1/operations')).json().entries).toHaveLength(1);
  });

  test('that cannot be read is left out of the list, and the next one is applied', async ({ ns }) => {
    const { app } = await api(ns);
    await ns.redis.lpush(ns.keys.corrections(monthOf(Date.now())), '{', '1', '{"id":1}');
    expect((await correct(app, { usd: 5, reason: 'invoice' })).statusCode).toBe(200);
    expect((await costs(app)).corrections).toMatchObject([{ usd: 5 }]);
  });
});
