/** Costs, account, tailer and metrics. */

import { appendFileSync, statSync } from 'node:fs';
import { ledger, readSpend } from '@kora-wake/shared/store/budget-ledger';
import { recordClicksTaken } from '@kora-wake/shared/store/clicks';
import { sourceId } from '@kora-wake/shared/store/keys';
import { encodePosition, NOWHERE } from '@kora-wake/shared/store/position';
import { endProblem, reportProblem } from '@kora-wake/shared/store/problems';
import { deliverJobOptions } from '@kora-wake/shared/store/queues';
import { recordWorker, type WorkerSetup } from '@kora-wake/shared/store/running-workers';
import { describe, expect } from 'vitest';
import { append, aWake, openWindow, test } from '../../../test/support/fixtures.ts';
import { api, report } from './api.ts';

const onEachTier = (usd: number) => ({ normal: usd, warn_75: usd, downshift_90: usd });

describe('costs, tailer and account', () => {
  test('costs are those of the ledger', async ({ ns }) => {
    const { app } = await api(ns);
    const money = ledger(ns.redis, ns.keys, 200, Date.now, () => 'id');
    await (await money.reserve(onEachTier(1)))?.charge({
      usd: 0.25,
      route: 'probe_investigation',
      model: 'claude-sonnet-5-5',
    });
    await (await money.reserve(onEachTier(1)))?.charge({
      usd: 0.5,
      route: 'tool_loop_iteration',
      model: 'claude-haiku-4-5',
    });
    await money.reserve(onEachTier(2));
    const day = new Date().toISOString().slice(0, 10);
    expect((await app.inject('/v1/costs')).json()).toMatchObject({
      rung: 'normal',
      budgetUsd: 200,
      month: day.slice(0, 7),
      spentMonthUsd: 0.75,
      spentTodayUsd: 0.75,
      reservedUsd: 2,
      days: [{ day, usd: 0.75 }],
      byModel: expect.arrayContaining([{ model: 'claude-haiku-4-5', usd: 0.5 }]),
    });
  });

  test('costs of many models have a bounded number of labels, and their sum stays', async ({ ns }) => {
    const { app } = await api(ns);
    const money = ledger(ns.redis, ns.keys, 200, Date.now, () => 'id');
    for (let i = 0; i < 300; i++) {
      const model = i === 0 ? 'x'.repeat(5_000) : `model-${i}`;
      await (await money.reserve(onEachTier(1)))?.charge({ usd: 0.25, route: 'probe_investigation', model });
    }
    await (await money.reserve(onEachTier(1)))?.charge({ usd: 2, route: 'probe_investigation', model: 'ours' });
    const { body } = await app.inject('/metrics');
    const spend = [...body.matchAll(/^kora_spend_usd\{(.*)\} (.+)$/gm)];
    expect(spend.length).toBe(51);
    expect(spend.reduce((sum, [, , usd]) => sum + Number(usd), 0)).toBe(77);
    expect(body).toContain('kora_spend_usd{route="probe_investigation",model="ours"} 2');
    expect(Math.max(...spend.map(([, labels = '']) => labels.length))).toBeLessThan(200);
  });

  test('costs are at the last tier after a refused call, until a call is accepted or the budget is raised', async ({
    ns,
  }) => {
    const { app } = await api(ns);
    const rung = async () => (await app.inject('/v1/costs')).json().rung;
    const money = ledger(ns.redis, ns.keys, 200, Date.now, () => 'id');
    await (await money.reserve(onEachTier(199.5)))?.charge({ usd: 199.5, route: 'r', model: 'm' });
    expect(await rung()).toBe('downshift_90');
    expect(await money.reserve(onEachTier(1))).toBeUndefined();
    expect(await rung()).toBe('hard_stop_100');
    expect(await readSpend(ns.redis, ns.keys, 300, Date.now())).toMatchObject({ tier: 'normal' });
    await (await money.reserve(onEachTier(0.1)))?.release();
    expect(await rung()).toBe('downshift_90');
  });

  test('the tailer route lists the watched logs and their lag', async ({ ns, logPath }) => {
    const { app } = await api(ns);
    append(logPath, 'a row');
    const id = sourceId(logPath);
    await ns.redis.sadd(ns.keys.sources, id);
    const inode = String(statSync(logPath, { bigint: true }).ino);
    const file = { device: '1', inode, birthtime: '1', offset: 2, fingerprint: '', head: '', at: '' };
    const position = encodePosition({ ...NOWHERE, files: [file] });
    await ns.redis.hset(ns.keys.source(id), { path: logPath, position, committedAt: 1_000, lastRowAt: 500 });
    await ns.redis.set(ns.keys.lease(id), 'host:12:token');
    expect((await app.inject('/v1/tailer')).json().sources).toEqual([
      {
        id,
        name: null,
        missingSince: null,
        conflictWith: null,
        path: logPath,
        offset: 2,
        size: 6,
        lagBytes: 4,
        lastRowAt: '1970-01-01T00:00:00.500Z',
        committedAt: '1970-01-01T00:00:01.000Z',
        holder: 'host:12',
      },
    ]);
    appendFileSync(logPath, 'a row that is only beg');
    expect((await app.inject('/v1/tailer')).json().sources).toMatchObject([{ size: 28, lagBytes: 4 }]);
    await ns.redis.hset(ns.keys.counters, 'rows', 3, 'enqueued', 1, 'coalesced', 1);
    expect((await app.inject('/v1/account')).json()).toMatchObject({ rows: 3, unaccounted: 2 });
  });
});

test('metrics have the format of Prometheus and the numbers of Redis', async ({ ns }) => {
  const { app } = await api(ns);
  await openWindow(ns, aWake());
  await ns.redis.hset(
    ns.keys.counters,
    'rows',
    5,
    'enqueued',
    1,
    'coalesced',
    1,
    'rejected:stale',
    1,
    'mended:delivery',
    2,
  );
  const scrape = async () => {
    const response = await app.inject('/metrics');
    expect(response.headers['content-type']).toContain('text/plain');
    return response.body;
  };
  await scrape();
  const lines = (await scrape()).split('\n');
  for (const line of [
    'kora_wake_rows_total{decision="enqueued",reason=""} 1',
    'kora_wake_rows_total{decision="rejected",reason="stale"} 1',
    'kora_wakes_unaccounted 2',
    'kora_repaired_total{kind="delivery"} 2',
    'kora_debounce_windows 1',
    'kora_queue_jobs{queue="wakes",state="waiting"} 1',
    'kora_deliveries_held 0',
    'kora_oldest_pending_seconds 0',
    'kora_budget_rung{rung="normal"} 1',
  ]) {
    expect(lines).toContain(line);
  }
});

describe('the set-up', () => {
  test('a log that nobody follows can be forgotten, and the change is recorded', async ({ ns, logPath }) => {
    const { app, written } = await api(ns);
    const id = sourceId(logPath);
    const forget = (which: string) => app.inject({ method: 'DELETE', url: `/v1/tailer/${which}?reason=host+is+gone` });
    await ns.redis.sadd(ns.keys.sources, id);
    await ns.redis.hset(ns.keys.source(id), { path: logPath, position: encodePosition(NOWHERE) });
    await ns.redis.set(ns.keys.lease(id), 'host:12:token');
    expect((await forget(id)).statusCode).toBe(409);
    expect((await app.inject('/v1/tailer')).json().sources).toHaveLength(1);
    await ns.redis.del(ns.keys.lease(id));
    expect((await forget(id)).json()).toEqual({ forgotten: true, id });
    expect((await app.inject('/v1/tailer')).json().sources).toEqual([]);
    expect(await ns.redis.keys(`${ns.prefix}:source*`)).toEqual([]);
    expect(written).toEqual([
      expect.objectContaining({
        seam: 'operator.source_forgotten',
        details: expect.objectContaining({ source_id: id, path: logPath, reason: 'host is gone' }),
      }),
    ]);
    expect((await forget(id)).statusCode).toBe(404);
    expect((await forget(`${id}:lease`)).statusCode).toBe(400);
  });

  test('the status has the log, its unreadable lines, the tailers and Redis', async ({ ns }) => {
    const { app } = await api(ns);
    const id = sourceId('/log');
    expect((await app.inject('/v1/status')).json()).toEqual({
      version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
      checks: expect.arrayContaining([expect.objectContaining({ id: 'workers', state: 'problem' })]),
      mcpServers: [],
      clicks: { areTaken: false, socket: null, isHttpOpen: false },
      problems: [],
      workers: [],
      slack: null,
      llm: null,
      policy: { version: '', problem: null },
      ingestion: { sources: [], faults: [] },
      log: { path: '/log', sourceId: id, isWatched: false, unreadable: [] },
      tailers: [],
      redis: { address: 'redis://:***@redis', warnings: [] },
    });
    await ns.redis.sadd(ns.keys.sources, id);
    await ns.redis.hset(ns.keys.source(id), { path: '/log', position: encodePosition(NOWHERE), missingSince: 1_000 });
    await ns.redis.set(ns.keys.lease(id), 'host:12:token');
    await ns.redis.set(ns.keys.conflict(id), 'other:7');
    await ns.redis.lpush(
      ns.keys.unreadable(id),
      JSON.stringify({ at: 1_000, offset: 5, reason: 'torn', text: '{' }),
      'x',
    );
    expect((await app.inject('/v1/status')).json()).toMatchObject({
      log: {
        isWatched: true,
        unreadable: [{ at: '1970-01-01T00:00:01.000Z', offset: 5, reason: 'torn', text: '{' }],
      },
      tailers: [{ holder: 'host:12', sourceId: id, path: '/log' }],
    });
    expect((await app.inject('/v1/tailer')).json().sources).toMatchObject([
      { missingSince: '1970-01-01T00:00:01.000Z', conflictWith: 'other:7' },
    ]);
    const metrics = (await app.inject('/metrics')).body;
    expect(metrics).toContain('kora_log_missing{source="/log"} 1');
    expect(metrics).toContain('kora_log_conflict{source="/log"} 1');
  });

  test('the status names the problems of Slack and the LLM, with the number of waiting messages', async ({ ns }) => {
    const { app } = await api(ns);
    for (const id of ['w-1', 'w-2']) {
      const wake = aWake({ id });
      await ns.deliveries.add('deliver', { wake, report }, deliverJobOptions(wake));
    }
    const silent = { debug: () => undefined };
    await reportProblem(ns.redis, ns.keys, silent, 'slack', { kind: 'refused', code: 'token_revoked', message: '' });
    const credit = { kind: 'refused', code: 'sdk_4xx_400', message: 'Your credit balance is too low' } as const;
    await reportProblem(ns.redis, ns.keys, silent, 'llm', credit);
    const { problems } = (await app.inject('/v1/status')).json();
    expect(problems).toMatchObject([
      { service: 'slack', kind: 'refused', code: 'token_revoked', waiting: 2 },
      { service: 'llm', ...credit, waiting: 0 },
    ]);
    expect(Math.abs(Date.parse(problems[0].since) - Date.now())).toBeLessThan(60_000);
    expect((await app.inject('/metrics')).body).toContain('kora_service_problem{service="slack",kind="refused"} 1');
    await endProblem(ns.redis, ns.keys, silent, 'slack');
    await endProblem(ns.redis, ns.keys, silent, 'llm');
    expect((await app.inject('/v1/status')).json().problems).toEqual([]);
    expect((await app.inject('/metrics')).body).not.toContain('kora_service_problem{');
  });

  test('the status has the set-up of the workers, and one that lacks a setting makes it lacking', async ({ ns }) => {
    const { app } = await api(ns);
    const identity = { team: 'Acme', bot: 'kora', scopes: ['chat:write'], missingScopes: ['im:history'] };
    const slack = { operator: 'U0OPERATOR', identity };
    const record = (id: string, more: object) =>
      recordWorker(ns.redis, ns.keys, id, { startedAt: 1_000, model: 'claude-sonnet-5-5', slack, ...more });
    await record('host:1', {});
    const status = async () => (await app.inject('/v1/status')).json();
    expect(await status()).toMatchObject({
      workers: [{ id: 'host:1', startedAt: '1970-01-01T00:00:01.000Z' }],
      slack: { isConfigured: true, operator: 'U0OPERATOR', ...identity },
      llm: { isConfigured: true, model: 'claude-sonnet-5-5' },
    });
    await record('host:2', { model: null, slack: { operator: null, identity: null } });
    expect(await status()).toMatchObject({
      slack: { isConfigured: true, operator: null, team: 'Acme' },
      llm: { isConfigured: false },
    });
    await record('host:2', { slack: null });
    expect(await status()).toMatchObject({ slack: { isConfigured: false }, llm: { isConfigured: true } });
  });
});

test('the status has the worst state of each MCP server', async ({ ns }) => {
  const { app } = await api(ns);
  const record = (id: string, mcp: WorkerSetup['mcp'] = []) =>
    recordWorker(ns.redis, ns.keys, id, { startedAt: 1_000, model: null, slack: null, mcp });
  await record('host:1', [
    { name: 'g', state: 'connected' },
    { name: 'h', state: 'connected' },
  ]);
  await record('host:2', [
    { name: 'g', state: 'failed' },
    { name: 'h', state: 'connecting' },
    { name: 'i', state: 'no_allow_list' },
  ]);
  const { mcpServers } = (await app.inject('/v1/status')).json();
  expect(mcpServers).toHaveLength(3);
  expect(mcpServers).toEqual(
    expect.arrayContaining([
      { name: 'g', state: 'failed' },
      { name: 'h', state: 'connecting' },
      { name: 'i', state: 'no_allow_list' },
    ]),
  );
});

test('the status says whether clicks are taken, and how', async ({ ns }) => {
  const clicks = async (more: Parameters<typeof api>[3]) => {
    const { app } = await api(ns, undefined, undefined, more);
    return (await app.inject('/v1/status')).json().clicks;
  };
  expect(await clicks({})).toEqual({ areTaken: false, socket: null, isHttpOpen: false });
  await recordClicksTaken(ns.redis, ns.keys);
  const socket = { isConnected: false, connections: 2 };
  expect(await clicks({ socket, slackSigningSecret: 's' })).toEqual({ areTaken: true, socket, isHttpOpen: true });
});
