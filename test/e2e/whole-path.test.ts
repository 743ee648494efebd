/** The three built apps with a real Redis and real HTTP between them, from a row to its DM. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { DIAGNOSIS } from '../support/anthropic.ts';
import { doubles, environment, expectCleanStop, startAllApps, startTailerAndWorker } from '../support/doubles.ts';
import { append, counter, eventually, rowsOf, test, wakeRow } from '../support/fixtures.ts';
import { freePort } from '../support/ports.ts';
import { runApp, runScript } from '../support/process.ts';

describe('the whole path', () => {
  test('from a row to the DM: one wake in a window, and another one after the window was cleared', async ({
    ns,
    logPath,
  }) => {
    const { slack, env } = await doubles();
    const all = environment(ns, logPath, env);
    const { tailer, worker, api, url } = await startAllApps(all);

    append(logPath, wakeRow({ severity: 'critical' }), wakeRow({ severity: 'critical' }));
    await eventually(() => counter(ns, 'outcome:diagnosis').then((n) => n === 1));
    // A wake may end before the tailer commits its batch.
    await eventually(() => counter(ns, 'rows').then((n) => n === 2));
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
    await eventually(() => counter(ns, 'outcome:diagnosis').then((n) => n === 2));
    await eventually(() => counter(ns, 'rows').then((n) => n === 3));
    // The worker writes the audit row and completes the job after it recorded the outcome.
    await eventually(() => ns.deliveries.getCompletedCount().then((n) => n === 2));

    expect(slack.accepted.map(({ channel, text }) => [channel, text])).toEqual([
      ['U0OPERATOR', `🚨 Probe alert · fly\n${DIAGNOSIS}`],
      ['U0OPERATOR', `⚠️ Probe alert · fly\n${DIAGNOSIS}`],
    ]);
    const { queues } = await get('/v1/queues');
    expect(queues.map(({ name, workers, counts }: any) => [name, workers, counts.completed])).toEqual([
      ['wakes', 1, 2],
      ['deliveries', 1, 2],
      ['followups', 1, 0],
    ]);
    const completed = rowsOf(logPath).filter(({ seam }) => seam === 'probe.investigation_completed');
    expect(completed.map(({ details }) => details.dm_status)).toEqual(['sent', 'sent']);
    expect(completed.map(({ details }) => details.wake_id)).toEqual(slack.accepted.map(({ wakeId }) => wakeId));

    const output = JSON.stringify([tailer, worker, api].map((app) => [app.lines, app.stderr()]));
    expect(output).not.toContain('secret-of-the-test');
    await expectCleanStop([tailer, worker, api]);

    const audit = runScript('apps/cli/dist/main.js', ['audit'], all);
    expect(await audit.exited).toBe(0);
    expect(audit.lines.map(({ msg }) => msg)).toEqual([
      `Redis ${ns.redisUrl}, prefix ${ns.prefix}, log ${logPath}`,
      '3 rows = 2 enqueued + 1 coalesced + 0 buffered + 0 muted + rejected (0)',
      '2 enqueued = 2 diagnosis + 0 fallback + 0 dry run + 0 unchanged + 0 digest + 0 joined + 0 withdrawn + 0 dead + 0 in progress',
      '0 recovered rows = 0 closed + 0 partial + 0 ignored',
      '1 openings of incidents = 0 recovered + 0 resolved + 0 expired + 1 open',
      'unreadable lines: 0   repaired: 0',
      'unaccounted: 0',
      'on disk: 3 wake rows, 2 of them enqueued; without an outcome or a job: 0',
    ]);
    await ns.redis.hincrby(ns.keys.counters, 'rows', 1);
    const wrong = runScript('apps/cli/dist/main.js', ['audit'], all);
    expect(await wrong.exited).toBe(1);
    expect(wrong.lines.map(({ msg }) => msg)).toContain('unaccounted: 1');

    // The counters can add up although a wake is lost: the log shows it.
    await ns.redis.hincrby(ns.keys.counters, 'rows', -1);
    await ns.redis.hdel(ns.keys.wake(entry.wakeId), 'outcome');
    const lost = runScript('apps/cli/dist/main.js', ['audit'], all);
    expect(await lost.exited).toBe(1);
    expect(lost.lines.at(-1)?.msg).toBe(`  lost: ${entry.wakeId}`);
  });

  test('without any credential the DM is printed as soon as the row is written', async ({ ns, logPath }) => {
    // The poll would come an hour later: only the file watcher can be this fast.
    const { worker } = await startTailerAndWorker(environment(ns, logPath, { KORA_PROBE_WAKE_POLL_SEC: '3600' }));
    for (let i = 0; i < 5; i++) {
      append(logPath, wakeRow({ title: `issue ${i}`, category: `c${i}` }));
      const { dm } = await worker.until('delivery.dry_run', (line) => JSON.stringify(line.dm).includes(`issue ${i}`));
      expect(JSON.stringify(dm)).toContain('I was unable to investigate — engine returned: engine_unavailable');
    }
  });

  test('with a token but without a recipient ends in a dead letter with that reason, which a retry delivers later', async ({
    ns,
    logPath,
  }) => {
    const { slack, env } = await doubles();
    const { KORA_SLACK_OPERATOR_USER_ID: _recipient, ...withoutRecipient } = env;
    const { worker } = await startTailerAndWorker(environment(ns, logPath, withoutRecipient));
    append(logPath, wakeRow());
    await worker.until('delivery.dead', ({ reason }) => reason === 'operator_unset');
    worker.child.kill('SIGTERM');
    await worker.exited;
    const next = runApp('worker', environment(ns, logPath, env));
    await next.until('worker.ready');
    const [job] = await ns.deliveries.getFailed();
    await job?.retry();
    await next.until('delivery.sent');
    expect(slack.accepted).toHaveLength(1);
  });

  test('uses the system prompt of the configured file', async ({ ns, logPath, folder }) => {
    const { anthropic, env } = await doubles();
    writeFileSync(join(folder, 'prompt.txt'), 'You are the night watch.');
    const all = environment(ns, logPath, { ...env, KORA_SYSTEM_PROMPT_PATH: join(folder, 'prompt.txt') });
    const { worker } = await startTailerAndWorker(all);
    append(logPath, wakeRow());
    await worker.until('delivery.sent');
    expect(JSON.parse(anthropic.requests[0]?.body ?? '').system[0].text).toBe('You are the night watch.');
  });
});

describe('metrics', () => {
  test('of a tailer and a worker are served on their own ports and count their work', async ({ ns, logPath }) => {
    const { env } = await doubles();
    const [tailerPort, workerPort] = [await freePort(), await freePort()];
    const tailer = runApp('tailer', environment(ns, logPath, { ...env, KORA_METRICS_PORT: String(tailerPort) }));
    const worker = runApp('worker', environment(ns, logPath, { ...env, KORA_METRICS_PORT: String(workerPort) }));
    await Promise.all([tailer.until('tailer.following'), worker.until('worker.ready')]);
    append(logPath, wakeRow(), wakeRow());
    const scrape = async (port: number) => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    // A process counts its work after Redis has it.
    const counted = (port: number, sample: string) =>
      eventually(() => scrape(port).then((text) => text.includes(sample) && text));
    await counted(tailerPort, 'kora_tailer_rows_total{decision="enqueued"} 1');
    await counted(tailerPort, 'kora_tailer_rows_total{decision="coalesced"} 1');
    const ofWorker = await counted(workerPort, 'kora_dms_total{outcome="diagnosis"} 1');
    expect(ofWorker).toContain('kora_wake_to_dm_seconds_count{stage="whole"} 1');
    expect(ofWorker).toContain(
      'kora_engine_calls_total{route="probe_investigation",model="claude-sonnet-5-5",error="ok"} 1',
    );
    const taken = runApp('tailer', environment(ns, logPath, { KORA_METRICS_PORT: String(workerPort) }));
    expect([await taken.exited, taken.stderr()]).toEqual([
      1,
      expect.stringContaining('KORA_METRICS_PORT: cannot listen'),
    ]);
    await expectCleanStop([tailer, worker]);
  });
});
