import * as fc from 'fast-check';
import { describe, expect } from 'vitest';

import { callsTools, DIAGNOSIS, diagnose, message } from '../../../../test/support/anthropic.ts';
import { namespace, removeNamespace, test } from '../../../../test/support/fixtures.ts';
import { type Answer, hang, json } from '../../../../test/support/http-double.ts';

import { assertBounded } from '../../../../test/support/property.ts';
import { prices } from '../../src/investigation/prices.ts';
import { investigating } from '../investigating.ts';
import { look } from './looking.ts';

describe('the budget', () => {
  test('chooses the model by the money spent, and ends all LLM calls at 100 %', async ({ ns }) => {
    const { investigate, asked } = await investigating(ns, [], { budgetUsd: 10 });
    const month = ns.keys.spend(new Date().toISOString().slice(0, 7));
    const at = async (usd: number) => {
      await ns.redis.hset(month, 'total', usd * 1e6);
      return investigate();
    };
    for (const usd of [0, 7.5, 9]) expect(await at(usd)).toMatchObject({ kind: 'diagnosis' });
    expect(await at(10)).toMatchObject({ kind: 'fallback', code: 'cost_ladder_halted', calls: [] });
    expect(asked().map(({ model, output_config: { effort } }) => [model, effort])).toEqual([
      ['claude-sonnet-5-5', 'medium'],
      ['claude-sonnet-5-5', 'low'],
      ['claude-haiku-4-5', undefined],
    ]);
  });

  test('is charged the cost of each call by day, route and model, and the highest price for an unknown model', async ({
    ns,
  }) => {
    const unknown = json(200, message(DIAGNOSIS, { model: 'qwen3:8b' }));
    const { investigate } = await investigating(ns, [callsTools({ name: 'look' }), diagnose, unknown], {
      tools: [look()],
    });
    const { costUsd } = await investigate();
    const day = new Date().toISOString().slice(0, 10);
    const month = ns.keys.spend(day.slice(0, 7));
    const spent = await ns.redis.hgetall(month);
    expect(Number(spent.total) / 1e6).toBeCloseTo(costUsd ?? 0, 5);
    expect(Object.keys(spent).toSorted()).toEqual([
      `${day}|probe_investigation|claude-sonnet-5-5`,
      `${day}|tool_loop_iteration|claude-sonnet-5-5`,
      'total',
    ]);
    expect((await investigate()).costUsd).toBeNull();
    const dearest = Number(await ns.redis.hget(month, `${day}|probe_investigation|qwen3:8b`));
    expect(dearest).toBeGreaterThan(Number(spent[`${day}|probe_investigation|claude-sonnet-5-5`]));
    expect(await ns.redis.ttl(month)).toBeGreaterThan(395 * 86_400);
  });

  test('is never exceeded by four workers together, whatever calls cost', { timeout: 120_000 }, async () => {
    await assertBounded(
      fc.asyncProperty(
        fc.array(fc.nat(4_096), { minLength: 12, maxLength: 24 }),
        fc.nat(20_000),
        async (outputs, cached) => {
          const ns = await namespace();
          // The answer names the requested model: the budget may allow only a cheaper one.
          const answers = outputs.map(
            (output_tokens): Answer =>
              (request, response, socket) => {
                const { model } = JSON.parse(request.body);
                const usage = { input_tokens: 900, output_tokens, cache_read_input_tokens: cached % 500 };
                return json(200, message(DIAGNOSIS, { model, usage }))(request, response, socket);
              },
          );
          const budgetUsd = 0.3;
          const workers = await Promise.all(
            [0, 1, 2, 3].map((i) =>
              investigating(
                ns,
                answers.filter((_, n) => n % 4 === i),
                { budgetUsd },
              ),
            ),
          );
          const each = Math.floor(outputs.length / 4);
          const reports = await Promise.all(
            workers.flatMap(({ investigate }) => Array.from({ length: each }, () => investigate())),
          );
          const total = Number(
            (await ns.redis.hget(ns.keys.spend(new Date().toISOString().slice(0, 7)), 'total')) ?? 0,
          );
          expect(total).toBeLessThanOrEqual(budgetUsd * 1e6);
          const codes = reports.flatMap((report) => (report.kind === 'fallback' ? [report.code] : []));
          expect(new Set([...codes, 'cost_ladder_halted'])).toEqual(new Set(['cost_ladder_halted']));
          expect(codes.length).toBeLessThan(reports.length);
          expect(await ns.redis.zcard(ns.keys.reserved)).toBe(0);
          await removeNamespace(ns);
        },
      ),
      'budget of four workers',
      15,
      20_000,
    );
  });

  test('gets back the reservation of a worker that died', async ({ ns }) => {
    await ns.redis.zadd(ns.keys.reserved, Date.now() + 60_000, 'of-a-dead-worker:9990000');
    const { investigate } = await investigating(ns, [], { budgetUsd: 10 });
    expect(await investigate()).toMatchObject({ code: 'cost_ladder_halted' });
    await ns.redis.zadd(ns.keys.reserved, Date.now() - 1, 'of-a-dead-worker:9990000');
    expect(await investigate()).toMatchObject({ kind: 'diagnosis' });
  });

  test('is charged an estimate for a call that was never answered', async ({ ns }) => {
    const { investigate } = await investigating(ns, [hang], { timeoutMs: 200 });
    await investigate();
    expect(Number(await ns.redis.hget(ns.keys.spend(new Date().toISOString().slice(0, 7)), 'total'))).toBeGreaterThan(
      500,
    );
  });

  test('is charged the reservation if the reported usage exceeds it, with a warning', async ({ ns }) => {
    const absurd = json(200, message(DIAGNOSIS, { usage: { input_tokens: 9e15, output_tokens: 5 } }));
    const infinite: Answer = (_request, response) => {
      const text = JSON.stringify(message(DIAGNOSIS)).replace('"input_tokens":500', '"input_tokens":1e400');
      response.writeHead(200, { 'content-type': 'application/json' }).end(text);
    };
    const { investigate, log } = await investigating(ns, [absurd, infinite, diagnose], { budgetUsd: 10 });
    const report = await investigate();
    expect(report).toMatchObject({ kind: 'diagnosis', text: DIAGNOSIS });
    expect(report.costUsd).toBeLessThan(0.2);
    expect(log.lines).toMatchObject([{ event: 'engine.usage_absurd', model: 'claude-sonnet-5-5' }]);
    expect(await investigate()).toMatchObject({ kind: 'diagnosis' });
    expect(await investigate()).toMatchObject({ kind: 'diagnosis' });
    const total = Number(await ns.redis.hget(ns.keys.spend(new Date().toISOString().slice(0, 7)), 'total'));
    expect(total / 1e6).toBeLessThan(0.3);
    expect(total).toBeGreaterThan(0);
  });

  test('is charged by the prices of the operator, also under the name that a gateway uses', async ({ ns }) => {
    const models = {
      normal: { model: 'qwen3:8b' },
      warn_75: { model: 'qwen3:8b' },
      downshift_90: { model: 'qwen3:8b' },
    };
    const free = prices({ 'qwen3:8b': { inputUsd: 0, outputUsd: 0 } });
    const answers = ['qwen3:8b', 'local/qwen3:8b'].map((model) => json(200, message(DIAGNOSIS, { model })));
    const { investigate, log } = await investigating(ns, answers, { budgetUsd: 10, prices: free, models });
    expect(await investigate()).toMatchObject({ costUsd: 0, model: 'qwen3:8b' });
    expect(await investigate()).toMatchObject({ costUsd: 0, model: 'qwen3:8b' });
    expect(log.lines).toEqual([]);
  });

  test('uses the model that answered if the server does not have the one of a tier', async ({ ns }) => {
    const missing = json(404, {
      type: 'error',
      error: { type: 'not_found_error', message: 'model: claude-haiku-4-5' },
    });
    const { investigate, asked, log } = await investigating(ns, [diagnose, missing, diagnose, diagnose], {
      budgetUsd: 10,
    });
    await investigate();
    await ns.redis.hset(ns.keys.spend(new Date().toISOString().slice(0, 7)), 'total', 9e6);
    expect(await investigate()).toMatchObject({ kind: 'diagnosis' });
    expect(await investigate()).toMatchObject({ kind: 'diagnosis' });
    const names = asked().map(({ model }) => model);
    expect(names).toEqual(['claude-sonnet-5-5', 'claude-haiku-4-5', 'claude-sonnet-5-5', 'claude-sonnet-5-5']);
    expect(log.lines).toMatchObject([{ event: 'engine.model_missing', model: 'claude-haiku-4-5' }]);
  });

  test('that is nearly zero still limits', async ({ ns }) => {
    const { investigate } = await investigating(ns, [], { budgetUsd: 1e-7 });
    expect(await investigate()).toMatchObject({ code: 'cost_ladder_halted' });
  });
});
