/** The built apps as processes, with a real Redis and real HTTP between them. */

import { writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sourceId } from '@kora-wake/shared/store/keys';
import { describe, expect, onTestFinished } from 'vitest';
import { startRedis, tryListen } from '../../apps/cli/src/private-redis.ts';
import { anthropicDouble, DIAGNOSIS, diagnose } from '../support/anthropic.ts';
import { append, eventually, type Namespace, rowsOf, test, wakeRow } from '../support/fixtures.ts';
import type { Answer } from '../support/http-double.ts';
import { type Running, runApp, runScript } from '../support/process.ts';
import { slackDouble } from '../support/slack.ts';

/** What every app of one test shares. */
function environment(ns: Namespace, logPath: string, more: Record<string, string> = {}): Record<string, string> {
  return {
    REDIS_URL: ns.redisUrl,
    KORA_QUEUE_PREFIX: ns.prefix,
    KORA_AUDIT_LOG_PATH: logPath,
    KORA_API_PORT: '0',
    ...more,
  };
}

async function doubles() {
  const [slack, anthropic] = await Promise.all([slackDouble(), anthropicDouble()]);
  onTestFinished(async () => {
    await Promise.all([slack.close(), anthropic.close()]);
  });
  const env = {
    KORA_SLACK_BOT_TOKEN: 'xoxb-secret-of-the-test',
    KORA_SLACK_OPERATOR_USER_ID: 'U0OPERATOR',
    KORA_SLACK_API_URL: slack.apiUrl,
    ANTHROPIC_API_KEY: 'sk-ant-secret-of-the-test',
    ANTHROPIC_BASE_URL: anthropic.url,
  };
  return { slack, anthropic, env };
}

async function apiUrl(api: Running): Promise<string> {
  const { msg } = await api.until('listening on');
  return /http:\/\/\S+/.exec(msg)?.[0] ?? '';
}

const count = async (ns: Namespace, name: string) => Number((await ns.redis.hget(ns.keys.counters, name)) ?? 0);

describe('metrics', () => {
  test('of a tailer and a worker are served on their own port, and count what they did', async ({ ns, logPath }) => {
    const { env } = await doubles();
    const [tailerPort, workerPort] = [await tryListen(0), await tryListen(0)];
    const tailer = runApp('tailer', environment(ns, logPath, { ...env, KORA_METRICS_PORT: String(tailerPort) }));
    const worker = runApp('worker', environment(ns, logPath, { ...env, KORA_METRICS_PORT: String(workerPort) }));
    await Promise.all([tailer.until('following the log'), worker.until('waiting for wakes')]);
    append(logPath, wakeRow(), wakeRow());
    await eventually(() => count(ns, 'outcome:diagnosis').then((n) => n === 1));
    const scrape = async (port: number) => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    expect(await scrape(tailerPort)).toMatch(
      /kora_tailer_rows_total\{decision="enqueued"\} 1\n[^]*decision="coalesced"\} 1/,
    );
    const told = await scrape(workerPort);
    expect(told).toContain('kora_dms_total{outcome="diagnosis"} 1');
    expect(told).toContain('kora_wake_to_dm_seconds_count{stage="whole"} 1');
    expect(told).toContain(
      'kora_engine_calls_total{route="probe_investigation",model="claude-sonnet-5-5",error="ok"} 1',
    );
    const taken = runApp('tailer', environment(ns, logPath, { KORA_METRICS_PORT: String(workerPort) }));
    expect([await taken.exited, taken.stderr()]).toEqual([
      1,
      expect.stringContaining('KORA_METRICS_PORT: cannot listen'),
    ]);
    for (const app of [tailer, worker]) app.child.kill('SIGTERM');
    expect(await Promise.all([tailer.exited, worker.exited])).toEqual([0, 0]);
  });
});

describe('the whole path', () => {
  test('from a row to the DM, one wake a window, and again after a clear', async ({ ns, logPath }) => {
    const { slack, env } = await doubles();
    const all = environment(ns, logPath, env);
    const [tailer, worker, api] = [runApp('tailer', all), runApp('worker', all), runApp('api', all)];
    await Promise.all([tailer.until('following the log'), worker.until('waiting for wakes')]);
    const url = await apiUrl(api);

    append(logPath, wakeRow({ severity: 'critical' }), wakeRow({ severity: 'critical' }));
    await eventually(() => count(ns, 'outcome:diagnosis').then((n) => n === 1));
    const get = async (path: string): Promise<any> => (await fetch(`${url}${path}`)).json();
    const [entry] = (await get('/v1/debounce')).entries;
    expect(entry).toMatchObject({ probe: 'fly', category: 'service_unhealthy', severity: 'critical', suppressed: 1 });

    const page = await fetch(`${url}/`);
    expect(page.headers.get('content-security-policy')).toContain("script-src 'self';");
    const [, script] = /<script[^>]* src="\.?([^"]+)"/.exec(await page.text()) ?? [];
    expect((await fetch(`${url}${script}`)).headers.get('content-type')).toContain('javascript');
    expect((await get('/v1/investigations')).entries).toMatchObject([{ outcome: 'diagnosis', suppressed: 1 }]);
    expect((await get('/v1/tailer')).sources).toMatchObject([{ lagBytes: 0, holder: expect.stringMatching(/:\d+$/) }]);

    const cleared = await fetch(`${url}/v1/debounce/fly/service_unhealthy`, { method: 'DELETE' });
    expect(await cleared.json()).toMatchObject({ cleared: true, entry: { wakeId: entry.wakeId } });
    append(logPath, wakeRow({ severity: 'warning' }));
    await eventually(() => count(ns, 'outcome:diagnosis').then((n) => n === 2));

    expect(slack.accepted.map(({ channel, text }) => [channel, text])).toEqual([
      ['U0OPERATOR', `🚨 Probe alert · fly\n${DIAGNOSIS}`],
      ['U0OPERATOR', `⚠️ Probe alert · fly\n${DIAGNOSIS}`],
    ]);
    const { queues } = await get('/v1/queues');
    expect(queues.map(({ name, workers, counts }: any) => [name, workers, counts.completed])).toEqual([
      ['wakes', 1, 2],
      ['deliveries', 1, 2],
    ]);
    const completed = rowsOf(logPath).filter(({ seam }) => seam === 'probe.investigation_completed');
    expect(completed.map(({ details }) => details.dm_status)).toEqual(['sent', 'sent']);
    expect(completed.map(({ details }) => details.wake_id)).toEqual(slack.accepted.map(({ wakeId }) => wakeId));

    const said = JSON.stringify([tailer, worker, api].map((app) => [app.lines, app.stderr()]));
    expect(said).not.toContain('secret-of-the-test');
    for (const app of [tailer, worker, api]) app.child.kill('SIGTERM');
    expect(await Promise.all([tailer, worker, api].map((app) => app.exited))).toEqual([0, 0, 0]);

    const audit = runScript('apps/cli/dist/main.js', ['audit'], all);
    expect(await audit.exited).toBe(0);
    expect(audit.lines.map(({ msg }) => msg)).toEqual([
      '3 rows = 2 enqueued + 1 coalesced + rejected (0)',
      '2 enqueued = 2 diagnosis + 0 fallback + 0 dry run + 0 dead + 0 in flight',
      'unread lines: 0   repaired: 0',
      'unaccounted: 0',
      'on disk: 3 wake rows, 2 of them enqueued; without an end or a job: 0',
    ]);
    await ns.redis.hincrby(ns.keys.counters, 'rows', 1);
    const wrong = runScript('apps/cli/dist/main.js', ['audit'], all);
    expect(await wrong.exited).toBe(1);
    expect(wrong.lines.map(({ msg }) => msg)).toContain('unaccounted: 1');

    // The counters may add up and a wake be gone all the same: the log knows.
    await ns.redis.hincrby(ns.keys.counters, 'rows', -1);
    await ns.redis.hdel(ns.keys.wake(entry.wakeId), 'outcome');
    const lost = runScript('apps/cli/dist/main.js', ['audit'], all);
    expect(await lost.exited).toBe(1);
    expect(lost.lines.at(-1)?.msg).toBe(`  lost: ${entry.wakeId}`);
  });

  test('without any credential the DM is printed, within a second of its row', async ({ ns, logPath }) => {
    const env = environment(ns, logPath);
    const [tailer, worker] = [runApp('tailer', env), runApp('worker', env)];
    await Promise.all([tailer.until('following the log'), worker.until('waiting for wakes')]);
    const delays: number[] = [];
    for (let i = 0; i < 5; i++) {
      const written = Date.now();
      append(logPath, wakeRow({ title: `issue ${i}`, category: `c${i}` }));
      const { dm, time } = await worker.until('dry run', (line) => JSON.stringify(line.dm).includes(`issue ${i}`));
      expect(JSON.stringify(dm)).toContain('I was unable to investigate — engine returned: engine_unavailable');
      delays.push(Number(time) - written);
    }
    // The median: the machine may be busy with other tests.
    expect(delays.toSorted((a, b) => a - b)[2]).toBeLessThan(1_000);
  });

  test('with a token and nobody to tell ends in a dead letter that says so, and can be retried once there is', async ({
    ns,
    logPath,
  }) => {
    const { slack, env } = await doubles();
    const { KORA_SLACK_OPERATOR_USER_ID: operator, ...nobody } = env;
    const tailer = runApp('tailer', environment(ns, logPath, nobody));
    const worker = runApp('worker', environment(ns, logPath, nobody));
    await Promise.all([tailer.until('following the log'), worker.until('waiting for wakes')]);
    append(logPath, wakeRow());
    await worker.until('dead letter', ({ reason }) => reason === 'operator_unset');
    worker.child.kill('SIGTERM');
    await worker.exited;
    const next = runApp('worker', environment(ns, logPath, { ...env, KORA_SLACK_OPERATOR_USER_ID: operator }));
    await next.until('waiting for wakes');
    const [job] = await ns.deliveries.getFailed();
    await job?.retry();
    await next.until('DM accepted');
    expect(slack.accepted).toHaveLength(1);
  });

  test('asks the engine in the words of the prompt it was given', async ({ ns, logPath, folder }) => {
    const { anthropic, env } = await doubles();
    writeFileSync(join(folder, 'prompt.txt'), 'You are the night watch.');
    const all = environment(ns, logPath, { ...env, KORA_SYSTEM_PROMPT_PATH: join(folder, 'prompt.txt') });
    const [tailer, worker] = [runApp('tailer', all), runApp('worker', all)];
    await Promise.all([tailer.until('following the log'), worker.until('waiting for wakes')]);
    append(logPath, wakeRow());
    await worker.until('DM accepted');
    expect(JSON.parse(anthropic.requests[0]?.body ?? '').system[0].text).toBe('You are the night watch.');
  });

  test('four workers share a burst, and each wake is told once', async ({ ns, logPath }) => {
    const { slack, env } = await doubles();
    const all = environment(ns, logPath, { ...env, KORA_PROBE_DEBOUNCE_SECONDS: '0', KORA_WORKER_CONCURRENCY: '1' });
    const tailer = runApp('tailer', all);
    const workers = [0, 1, 2, 3].map(() => runApp('worker', all));
    await Promise.all([
      tailer.until('following the log'),
      ...workers.map((worker) => worker.until('waiting for wakes')),
    ]);
    append(logPath, ...Array.from({ length: 8 }, (_, i) => wakeRow({ category: `c${i}` })));
    await eventually(() => count(ns, 'outcome:diagnosis').then((n) => n === 8), 20_000);
    expect(new Set(slack.accepted.map(({ wakeId }) => wakeId)).size).toBe(8);
    expect(slack.accepted).toHaveLength(8);
    // One message a second, over all of them.
    expect((slack.accepted.at(-1)?.at ?? 0) - (slack.accepted[0]?.at ?? 0)).toBeGreaterThan(6_000);
    expect(workers.filter(({ lines }) => lines.some(({ msg }) => msg === 'investigating')).length).toBeGreaterThan(1);
  }, 40_000);
});

describe('a tailer', () => {
  test('killed between adding jobs and committing is followed by the one that stands by; nothing is lost or recorded twice', async ({
    ns,
    logPath,
  }) => {
    const env = environment(ns, logPath, { KORA_PROBE_DEBOUNCE_SECONDS: '0' });
    const first = runApp('tailer', env);
    await first.until('following the log');
    const second = runApp('tailer', env);
    await second.until('standing by');
    append(logPath, ...Array.from({ length: 500 }, (_, i) => wakeRow({ category: `a${i}` })));
    await eventually(() => ns.queue.getWaitingCount().then((n) => n > 20));
    first.child.kill('SIGKILL');
    await first.exited;
    expect(await count(ns, 'rows')).toBe(0);
    append(logPath, ...Array.from({ length: 50 }, (_, i) => wakeRow({ category: `b${i}` })));
    await eventually(() => count(ns, 'rows').then((n) => n === 550), 25_000);
    expect(await count(ns, 'enqueued')).toBe(550);
    expect(await ns.queue.getWaitingCount()).toBe(550);
  }, 40_000);

  test('that slept past its lease adds nothing when it wakes up', async ({ ns, logPath }) => {
    const env = environment(ns, logPath);
    const sleeper = runApp('tailer', env);
    await sleeper.until('following the log');
    append(logPath, wakeRow({ title: 'first' }));
    await sleeper.until('enqueued');
    sleeper.child.kill('SIGSTOP');
    append(logPath, wakeRow({ title: 'second' }));
    const other = runApp('tailer', env);
    await other.until('coalesced', undefined, 20_000);
    // The window is over: whoever decides the second row again now makes a job of it.
    await ns.queue.removeDeduplicationKey('fly:service_unhealthy');
    sleeper.child.kill('SIGCONT');
    await sleeper.until('standing by');
    expect([await count(ns, 'rows'), await count(ns, 'coalesced'), await ns.queue.getWaitingCount()]).toEqual([
      2, 1, 1,
    ]);
  }, 40_000);
});

describe('stopping', () => {
  test('lets the investigation in hand end, and its DM is sent', async ({ ns, logPath }) => {
    const { slack, anthropic, env } = await doubles();
    let answer = () => undefined as void;
    const late: Answer = (request, response, socket) =>
      new Promise((resolve) => {
        answer = () => {
          void diagnose(request, response, socket);
          resolve();
        };
      });
    anthropic.next.push(late);
    const all = environment(ns, logPath, env);
    const tailer = runApp('tailer', all);
    const worker = runApp('worker', all);
    await Promise.all([tailer.until('following the log'), worker.until('waiting for wakes')]);
    append(logPath, wakeRow());
    await eventually(() => anthropic.requests.length === 1);
    worker.child.kill('SIGTERM');
    await worker.until('stopping');
    answer();
    expect(await worker.exited).toBe(0);
    // Its own deliveries may just have had time for the DM; else the next worker has.
    const next = runApp('worker', all);
    await next.until('waiting for wakes');
    await eventually(async () => (await count(ns, 'outcome:diagnosis')) === 1, 40_000);
    expect([anthropic.requests.length, slack.accepted.length]).toEqual([1, 1]);
  }, 60_000);

  test('gives back, at its deadline, what does not end, and another worker takes it up', async ({ ns, logPath }) => {
    const { slack, anthropic, env } = await doubles();
    anthropic.next.push(() => undefined);
    const all = environment(ns, logPath, env);
    const tailer = runApp('tailer', all);
    const worker = runApp('worker', all);
    await Promise.all([tailer.until('following the log'), worker.until('waiting for wakes')]);
    append(logPath, wakeRow());
    await eventually(() => anthropic.requests.length === 1);
    worker.child.kill('SIGTERM');
    await worker.until('given back', undefined, 25_000);
    expect(await worker.exited).toBe(0);
    const next = runApp('worker', all);
    await next.until('DM accepted');
    expect([anthropic.requests.length, slack.accepted.length]).toEqual([2, 1]);
  }, 60_000);

  test('says all it has to say before it ends, also to a reader that is slow', async ({ ns, logPath }) => {
    const tailer = runApp('tailer', environment(ns, logPath));
    await tailer.until('following the log');
    tailer.child.stdout?.pause();
    const rows = Array.from({ length: 4_000 }, (_, i) => wakeRow({ probe: `probe-${i}` }));
    append(logPath, ...rows);
    await eventually(() => count(ns, 'rows').then((n) => n === rows.length));
    tailer.child.kill('SIGTERM');
    await eventually(() => ns.redis.exists(ns.keys.lease(sourceId(logPath))).then((held) => held === 0));
    // Where it did not wait, it would be gone by then.
    await sleep(200);
    tailer.child.stdout?.resume();
    expect(await tailer.exited).toBe(0);
    expect(tailer.lines.filter(({ msg }) => msg === 'enqueued')).toHaveLength(rows.length);
    expect(tailer.lines.at(-1)?.msg).toBe('stopped');
  });

  test('is forced by a second signal', async ({ ns, logPath }) => {
    const { anthropic, env } = await doubles();
    anthropic.next.push(() => undefined);
    const all = environment(ns, logPath, env);
    const tailer = runApp('tailer', all);
    const worker = runApp('worker', all);
    await Promise.all([tailer.until('following the log'), worker.until('waiting for wakes')]);
    append(logPath, wakeRow());
    await eventually(() => anthropic.requests.length === 1);
    worker.child.kill('SIGTERM');
    await worker.until('stopping');
    worker.child.kill('SIGTERM');
    expect(await worker.exited).toBe(1);
  });
});

describe('while Redis is away', () => {
  test('apps wait, say so, go on when it is back, and can be stopped', async ({ folder, logPath }) => {
    const port = await tryListen(0);
    const redis = await startRedis(join(folder, 'redis'), port);
    const { slack, env: slackAndEngine } = await doubles();
    const env = { REDIS_URL: redis.url, KORA_AUDIT_LOG_PATH: logPath, KORA_API_PORT: '0', ...slackAndEngine };
    const [tailer, worker, api] = [runApp('tailer', env), runApp('worker', env), runApp('api', env)];
    await Promise.all([tailer.until('following the log'), worker.until('waiting for wakes')]);
    const url = await apiUrl(api);
    await redis.stop();
    await Promise.all([tailer, worker, api].map((app) => app.until('Redis is away')));
    expect((await fetch(`${url}/readyz`)).status).toBe(503);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    append(logPath, wakeRow());
    const again = await startRedis(join(folder, 'redis'), port);
    onTestFinished(() => again.stop());
    await tailer.until('enqueued', undefined, 30_000);
    await worker.until('DM accepted', undefined, 30_000);
    expect(slack.accepted).toHaveLength(1);

    await again.stop();
    for (const app of [tailer, worker, api]) app.child.kill('SIGTERM');
    expect(await Promise.all([tailer, worker, api].map((app) => app.exited))).toEqual([0, 0, 0]);
  }, 90_000);
});

describe('what is wrong at start is one sentence, exit code 1 and no stack', () => {
  test.for<['tailer' | 'worker' | 'api', Record<string, string>, string]>([
    ['tailer', { REDIS_URL: 'redis://127.0.0.1:1' }, 'Redis at redis://127.0.0.1:1 refuses the connection'],
    [
      'worker',
      { REDIS_URL: 'redis://:hunter2@127.0.0.1:1' },
      'Redis at redis://:***@127.0.0.1:1 refuses the connection',
    ],
    ['api', { REDIS_URL: 'redis://127.0.0.1:1' }, 'Redis at redis://127.0.0.1:1 refuses the connection'],
    ['tailer', { KORA_AUDIT_LOG_PATH: '/' }, 'the audit log / cannot be read (it is not a regular file)'],
    [
      'tailer',
      { KORA_AUDIT_LOG_PATH: '/dev/null/x/log.jsonl' },
      'the folder /dev/null/x does not exist and cannot be made (ENOTDIR)',
    ],
    ['worker', { KORA_SYSTEM_PROMPT_PATH: '/nonexistent' }, 'KORA_SYSTEM_PROMPT_PATH: /nonexistent cannot be read'],
    ['worker', { KORA_SYSTEM_PROMPT_PATH: '/dev/null' }, 'KORA_SYSTEM_PROMPT_PATH: /dev/null is empty'],
    ['api', { KORA_API_HOST: '0.0.0.0' }, 'set KORA_API_TOKEN'],
    ['api', { KORA_API_HOST: '192.0.2.1', KORA_API_TOKEN: 't' }, 'cannot listen on 192.0.2.1:0 (EADDRNOTAVAIL)'],
    ['worker', { REDIS_URL: 'x', LOG_LEVEL: 'y' }, 'the configuration is not usable:\n  REDIS_URL must'],
  ])('%s with %j', async ([app, env, sentence], { ns, logPath }) => {
    const running = runApp(app, environment(ns, logPath, env));
    expect(await running.exited).toBe(1);
    expect(running.stderr()).toContain(`kora-wake ${app}: `);
    expect(running.stderr()).toContain(sentence);
    expect(running.stderr()).not.toMatch(/^\s+at |hunter2/m);
    expect(running.lines.filter(({ level }) => Number(level) >= 50)).toEqual([]);
  });

  test('a port in use', async ({ ns, logPath }) => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => {
      taken.once('listening', resolve);
    });
    onTestFinished(() => void taken.close());
    const { port } = taken.address() as AddressInfo;
    const api = runApp('api', environment(ns, logPath, { KORA_API_PORT: String(port) }));
    expect(await api.exited).toBe(1);
    expect(api.stderr()).toBe(
      `kora-wake api: port ${port} on 127.0.0.1 is in use. Stop what uses it, or set KORA_API_PORT to another.\n`,
    );
  });

  test('but a bad carried-over knob only warns, and the default holds', async ({ ns, logPath }) => {
    const tailer = runApp('tailer', environment(ns, logPath, { KORA_PROBE_DEBOUNCE_SECONDS: 'soon' }));
    expect(await tailer.until('KORA_PROBE_DEBOUNCE_SECONDS')).toMatchObject({
      level: 40,
      msg: expect.stringContaining('the default 600 is used'),
    });
    await tailer.until('following the log');
  });
});
