/** Facts that workers store about themselves and about the services that they use. */
import { type Problem, readProblems } from '@kora-wake/shared/store/problems';
import { readWorkers } from '@kora-wake/shared/store/running-workers';
import { fallbackReport, NO_USAGE, type Report } from '@kora-wake/shared/wake/report';
import { describe, expect } from 'vitest';
import { eventually, type Namespace, test, testLog } from '../../../test/support/fixtures.ts';
import { json, reset } from '../../../test/support/http-double.ts';
import { announce, serviceReports } from '../src/presence.ts';
import { diagnosis, engineOf, enqueue, messengerTo, outcomeIs, slack, VISIBLE_MS, working } from './working.ts';

const problems = (ns: Namespace) => readProblems(ns.redis, ns.keys);
async function problemOf(ns: Namespace, service: string, more: object): Promise<Problem | undefined> {
  const find = async () => (await problems(ns)).find((one) => one.service === service);
  await expect.poll(find, { timeout: 20_000 }).toMatchObject(more);
  return find();
}
const noProblem = (ns: Namespace) => eventually(async () => (await problems(ns)).length === 0);

function failed(
  code: 'sdk_auth' | 'sdk_rate_limited' | 'sdk_5xx' | 'sdk_4xx_400' | 'sdk_timeout',
  reason?: string,
): Report {
  const call = { route: 'probe_investigation', model: 'm', usage: NO_USAGE, durationMs: 1, error: code } as const;
  return { ...fallbackReport(code), calls: [{ ...call, ...(reason !== undefined && { reason }) }] };
}

describe('the state of Slack', () => {
  test.for([
    ['a refused token', json(200, { ok: false, error: 'token_revoked' }), { kind: 'refused', code: 'token_revoked' }],
    ['a missing scope', json(200, { ok: false, error: 'missing_scope' }), { kind: 'refused', code: 'missing_scope' }],
    ['a rate limit', json(429, {}, { 'retry-after': '1' }), { kind: 'rate_limited', code: 'ratelimited' }],
    ['a lost connection', reset, { kind: 'unreachable' }],
  ] as const)('is a problem after %s, until Slack accepts a message', async ([, answer, problem], { ns, logPath }) => {
    const double = await slack();
    double.next.push(answer);
    const { clock } = working(ns, { engine: engineOf(diagnosis), messenger: messengerTo(double), auditPath: logPath });
    const wake = await enqueue(ns);
    await problemOf(ns, 'slack', problem);
    clock.aheadMs = VISIBLE_MS;
    await outcomeIs(ns, wake, 'diagnosis');
    await noProblem(ns);
  });

  test('is no problem if Slack refuses one message for good', async ({ ns, logPath }) => {
    const double = await slack();
    double.next.push(json(200, { ok: false, error: 'channel_not_found' }));
    working(ns, { engine: engineOf(diagnosis), messenger: messengerTo(double), auditPath: logPath });
    const wake = await enqueue(ns);
    await outcomeIs(ns, wake, 'dead');
    expect(await problems(ns)).toEqual([]);
  });

  test('follows the checks of the token and its scopes', async ({ ns }) => {
    const services = serviceReports({ redis: ns.redis, keys: ns.keys, log: testLog().logger });
    const identity = { team: 'Acme', bot: 'kora', scopes: [], missingScopes: ['chat:write', 'im:history'] };
    services.identityChecked({ identity });
    await problemOf(ns, 'slack', { kind: 'refused', code: 'missing_scope', message: 'chat:write, im:history' });
    services.identityChecked({ identity: { ...identity, missingScopes: ['im:history'] } });
    await problemOf(ns, 'slack_rights', { message: 'im:history' });
    expect((await problems(ns)).map(({ service }) => service)).toEqual(['slack_rights']);
    services.identityChecked({ identity: { ...identity, missingScopes: [] } });
    await noProblem(ns);
  });
});

describe('the state of the LLM', () => {
  test.for([
    ['sdk_auth', 'refused'],
    ['sdk_4xx_400', 'refused'],
    ['sdk_rate_limited', 'rate_limited'],
    ['sdk_5xx', 'unreachable'],
    ['sdk_timeout', 'unreachable'],
  ] as const)("after %s is %s, with the server's words, until it answers", async ([code, kind], { ns }) => {
    const services = serviceReports({ redis: ns.redis, keys: ns.keys, log: testLog().logger });
    services.investigated(failed(code, 'HTTP 400: Your credit balance is too low'));
    const first = await problemOf(ns, 'llm', { kind, code, message: 'HTTP 400: Your credit balance is too low' });
    // A budget that is spent says nothing about the server, and the start of the problem stays.
    services.investigated(fallbackReport('cost_ladder_halted'));
    services.investigated(failed(code));
    expect((await problemOf(ns, 'llm', { kind, message: '' }))?.since).toBe(first?.since);
    services.investigated({ ...diagnosis, calls: failed(code).calls });
    await noProblem(ns);
  });

  test('is no problem if the LLM answered without a diagnosis', async ({ ns }) => {
    const services = serviceReports({ redis: ns.redis, keys: ns.keys, log: testLog().logger });
    services.investigated(failed('sdk_auth'));
    await problemOf(ns, 'llm', {});
    services.investigated({ ...failed('sdk_auth'), kind: 'fallback', code: 'empty_response_text' });
    await noProblem(ns);
  });
});

test('a worker announces itself and its set-up until it stops', async ({ ns }) => {
  const setup = { startedAt: 1, model: 'claude-sonnet-5-5', slack: { operator: 'U0OPERATOR', identity: null } };
  const presence = { redis: ns.redis, keys: ns.keys, log: testLog().logger };
  const announcement = announce(presence, setup);
  const read = () => readWorkers(ns.redis, ns.keys);
  await expect.poll(read).toMatchObject([setup]);
  const identity = { team: 'Acme', bot: 'kora', scopes: null, missingScopes: [] };
  announcement.update({ ...setup, slack: { operator: 'U0OPERATOR', identity } });
  await expect.poll(read).toMatchObject([{ slack: { identity } }]);
  await announcement.stop();
  expect(await read()).toEqual([]);
});

test('a worker without a sign of life for half a minute is gone, and an entry of somebody else is ignored', async ({
  ns,
}) => {
  const [seconds] = await ns.redis.time();
  const entry = (beforeMs: number) =>
    `${Number(seconds) * 1_000 - beforeMs} ${JSON.stringify({ startedAt: 1, model: null, slack: null })}`;
  await ns.redis.hset(ns.keys.workers, {
    fresh: entry(20_000),
    gone: entry(32_000),
    broken: 'x',
    odd: `${seconds}000 {}`,
  });
  expect((await readWorkers(ns.redis, ns.keys)).map(({ id }) => id)).toEqual(['fresh']);
});

test('a problem that cannot be read is left out', async ({ ns }) => {
  await ns.redis.hset(ns.keys.problems, { slack: 'x', llm: '{}' });
  expect(await problems(ns)).toEqual([]);
});
