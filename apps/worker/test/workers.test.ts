import { existsSync, readFileSync } from 'node:fs';
import { deliverJobId, deliverJobOptions, wakeJobOptions } from '@kora-wake/shared/store/queues';
import { readWakeRecord, recordInvestigation, recordOutcome, setClaim } from '@kora-wake/shared/store/wake-record';
import { getWindow } from '@kora-wake/shared/store/windows';
import { fallbackReport, NO_USAGE, type Report } from '@kora-wake/shared/wake/report';
import type { Wake } from '@kora-wake/shared/wake/wake';
import { Redis } from 'ioredis';
import { describe, expect, onTestFinished } from 'vitest';
import { DIAGNOSIS } from '../../../test/support/anthropic.ts';
import { eventually, type Namespace, rowsOf, test, testLog } from '../../../test/support/fixtures.ts';
import { type Answer, cutShort, html, json, reset } from '../../../test/support/http-double.ts';
import { type SlackDouble, slackDouble } from '../../../test/support/slack.ts';
import { auditWriter } from '../src/audit.ts';
import { type Messenger, slackMessenger } from '../src/delivery/slack.ts';
import type { Engine } from '../src/investigation/agent.ts';
import { SLACK_PACE, startWorkers } from '../src/workers.ts';

/** When an unknown outcome may be looked up, ms. */
const SETTLED_MS = 15_000;

const diagnosis: Report = {
  kind: 'diagnosis',
  text: DIAGNOSIS,
  model: 'claude-sonnet-5-5',
  usage: { ...NO_USAGE, inputTokens: 500, outputTokens: 60 },
  costUsd: 0.0016,
  durationMs: 1_200,
  calls: [],
};

/** An engine that gives each report in turn, the last one for ever, and counts how often it was asked. */
function engineOf(...reports: Array<Report | (() => Report)>): Engine & { asked: number } {
  const engine = {
    asked: 0,
    investigate: async () => {
      const report = reports[Math.min(engine.asked, reports.length - 1)] ?? diagnosis;
      engine.asked++;
      return typeof report === 'function' ? report() : report;
    },
  };
  return engine;
}

async function slack() {
  const double = await slackDouble();
  onTestFinished(() => double.close());
  return double;
}

function messengerTo(double: SlackDouble): Messenger {
  return slackMessenger({ token: 'xoxb-secret', channel: 'U0OPERATOR', apiUrl: double.apiUrl });
}

/** A worker process's insides, stopped when the test ends. */
function working(
  ns: Namespace,
  options: { engine: Engine; messenger?: Messenger | undefined; auditPath: string; redisKnowsAllSince?: number },
) {
  const log = testLog();
  /** How far the workers' clock is ahead of the machine's. */
  const clock = { aheadMs: 0 };
  const connection = new Redis(ns.redisUrl, { maxRetriesPerRequest: null });
  const workers = startWorkers({
    connection,
    engine: options.engine,
    concurrency: 4,
    messenger: options.messenger,
    pace: options.messenger && SLACK_PACE,
    deliveries: ns.deliveries,
    audit: auditWriter(options.auditPath, Date.now, log.logger),
    redis: ns.redis,
    keys: ns.keys,
    ended: () => undefined,
    redisCompleteSince: async () => options.redisKnowsAllSince ?? 0,
    now: () => Date.now() + clock.aheadMs,
    log: log.logger,
  });
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= workers.stop().then(() => connection.disconnect());
    return stopped;
  };
  onTestFinished(stop);
  return { log, clock, stop };
}

let serial = 0;

async function enqueue(ns: Namespace, more: Partial<Wake> = {}): Promise<Wake> {
  const wake: Wake = {
    id: `w-${String(++serial).padStart(4, '0')}x`,
    probe: 'fly',
    category: `c-${serial}`,
    severity: 'critical',
    title: 'Fly app(s) unreachable: HTTP 401',
    detail: 'down',
    snapshotDetails: {},
    envelopeEnabled: false,
    envelopeFixName: '(none)',
    emittedAt: Date.now(),
    ...more,
  };
  await ns.queue.add('wake', { wake }, wakeJobOptions(wake, { windowMs: 600_000, bypassCritical: false }));
  return wake;
}

/** The rows that were written of wakes that ended, once there are any: they come after the outcome. */
const told = (logPath: string) =>
  eventually(() => {
    const rows = existsSync(logPath) ? rowsOf(logPath) : [];
    return rows.length > 0 && rows;
  });

const outcomeIs = (ns: Namespace, wake: Wake, outcome: string) =>
  eventually(async () => (await ns.redis.hget(ns.keys.wake(wake.id), 'outcome')) === outcome, 30_000);

describe('a wake', () => {
  test('ends in one DM with the diagnosis, and one row that says so', async ({ ns, logPath }) => {
    const double = await slack();
    working(ns, { engine: engineOf(diagnosis), messenger: messengerTo(double), auditPath: logPath });
    const wake = await enqueue(ns);
    await outcomeIs(ns, wake, 'diagnosis');
    expect(double.accepted).toMatchObject([
      { channel: 'U0OPERATOR', text: `🚨 Probe alert · fly\n${DIAGNOSIS}`, wakeId: wake.id },
    ]);
    expect(await told(logPath)).toEqual([
      {
        emitted_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$/),
        seam: 'probe.investigation_completed',
        details: {
          probe: 'fly',
          issue_category: wake.category,
          severity: 'critical',
          model_used: 'claude-sonnet-5-5',
          input_tokens: 500,
          output_tokens: 60,
          cache_creation_input_tokens: 0,
          cache_read_input_tokens: 0,
          total_cost_usd: 0.0016,
          investigation_duration_ms: 1_200,
          investigation_summary_text: DIAGNOSIS,
          dm_status: 'sent',
          autofix_attempted: false,
          wake_id: wake.id,
        },
        caller_session_id: `probe:fly:${wake.category}`,
        source: 'reasoning',
      },
    ]);
    const posted = { channel: 'DU0OPERATOR', ts: double.accepted[0]?.ts };
    expect(await readWakeRecord(ns.redis, ns.keys, wake.id)).toMatchObject({
      posted,
      dmStatus: 'sent',
      outcome: 'diagnosis',
    });
  });

  test('that could not be investigated is told verbatim, with the code', async ({ ns, logPath }) => {
    const double = await slack();
    working(ns, { engine: engineOf(fallbackReport('sdk_5xx')), messenger: messengerTo(double), auditPath: logPath });
    const wake = await enqueue(ns, { title: '<!channel> is down & out' });
    await outcomeIs(ns, wake, 'fallback');
    expect(double.accepted.map(({ text }) => text)).toEqual([
      '🚨 Probe alert · fly\nfly (critical): &lt;!channel&gt; is down &amp; out\n\ndown\n\nI was unable to investigate — engine returned: sdk_5xx',
    ]);
    expect((await told(logPath))[0]?.details).toMatchObject({
      dm_status: 'engine_unavailable_fallback',
      reasoning_error: 'sdk_5xx',
      model_used: null,
      total_cost_usd: null,
    });
  });

  test('whose engine throws is told as well', async ({ ns, logPath }) => {
    const double = await slack();
    const engine = engineOf(() => {
      throw new RangeError('a bug of ours');
    });
    working(ns, { engine, messenger: messengerTo(double), auditPath: logPath });
    const wake = await enqueue(ns);
    await outcomeIs(ns, wake, 'fallback');
    expect(double.accepted[0]?.text).toContain('engine returned: engine_exception:RangeError');
  });

  test('without a Slack token is a dry run: printed, recorded, not sent', async ({ ns, logPath }) => {
    const { log } = working(ns, { engine: engineOf(diagnosis), auditPath: logPath });
    const wake = await enqueue(ns);
    await outcomeIs(ns, wake, 'dry_run');
    expect(log.lines.find(({ msg }) => msg.includes('dry run'))?.dm).toEqual({
      wakeId: wake.id,
      text: `🚨 Probe alert · fly\n${DIAGNOSIS}`,
    });
    expect((await told(logPath))[0]?.details.dm_status).toBe('failed_send');
  });

  test('whose row cannot be written is told all the same', async ({ ns, folder }) => {
    const double = await slack();
    const { log } = working(ns, {
      engine: engineOf(diagnosis),
      messenger: messengerTo(double),
      auditPath: `${folder}/.`,
    });
    await outcomeIs(ns, await enqueue(ns), 'diagnosis');
    expect(double.accepted).toHaveLength(1);
    await log.until('audit_log.write_failed');
  });

  test.for(['delivery', 'record'])(
    'keeps its paid report, in the %s, when the worker dies',
    async (where, { ns, logPath }) => {
      const engine = engineOf(fallbackReport('refused'));
      const wake = await enqueue(ns);
      if (where === 'delivery') {
        await ns.deliveries.add('deliver', { wake, report: diagnosis }, deliverJobOptions(wake.id));
        await ns.redis.hset(`${ns.prefix}:wakes:${wake.id}`, 'ats', 1);
      } else {
        await recordInvestigation(ns.redis, ns.keys, wake, diagnosis, Date.now());
        await ns.redis.hset(`${ns.prefix}:wakes:${wake.id}`, 'ats', 1);
      }
      working(ns, { engine, auditPath: logPath });
      await outcomeIs(ns, wake, 'dry_run');
      await eventually(async () => (await readWakeRecord(ns.redis, ns.keys, wake.id))?.report?.kind === 'diagnosis');
      expect(engine.asked).toBe(0);
      expect((await told(logPath)).map(({ details }) => details.investigation_summary_text)).toEqual([DIAGNOSIS]);
    },
  );

  test('whose worker died too often is told without an investigation', async ({ ns, logPath }) => {
    const engine = engineOf(diagnosis);
    const wake = await enqueue(ns);
    await ns.redis.hset(`${ns.prefix}:wakes:${wake.id}`, 'stc', 5);
    const double = await slack();
    working(ns, { engine, messenger: messengerTo(double), auditPath: logPath });
    await outcomeIs(ns, wake, 'fallback');
    expect(engine.asked).toBe(0);
    expect(double.accepted[0]?.text).toContain('engine_exception:WorkerCrashed');
  });

  test('that BullMQ gives up on is a dead letter and holds no window', async ({ ns, logPath }) => {
    const wake = await enqueue(ns);
    await ns.redis.hset(`${ns.prefix}:wakes:${wake.id}`, 'ats', 20);
    working(ns, { engine: engineOf(diagnosis), auditPath: logPath });
    await outcomeIs(ns, wake, 'dead');
    await eventually(async () => (await getWindow(ns, wake.probe, wake.category)) === undefined);
  });
});

describe('a delivery', () => {
  test('that fails is tried again, and buys no second investigation; its window stands', async ({ ns, logPath }) => {
    const double = await slack();
    double.next.push(json(429, {}, { 'retry-after': '1' }), html(500));
    const engine = engineOf(diagnosis);
    const { log, clock } = working(ns, { engine, messenger: messengerTo(double), auditPath: logPath });
    const wake = await enqueue(ns);
    await log.until('delivery.retrying');
    clock.aheadMs = SETTLED_MS;
    await outcomeIs(ns, wake, 'diagnosis');
    expect([double.accepted.length, engine.asked]).toEqual([1, 1]);
    expect(await getWindow(ns, wake.probe, wake.category)).toMatchObject({ wakeId: wake.id });
  }, 60_000);

  test.for<[string, Answer]>([
    ['a reset', reset],
    ['a 500', html(500)],
    ['an answer cut short', cutShort],
    ['an error page', html(200)],
  ])(
    'whose message Slack took, and answered with %s, is found there and not posted again',
    async ([_name, answer], { ns, logPath }) => {
      const double = await slack();
      double.next.push(double.acceptThen(answer));
      const { log, clock } = working(ns, {
        engine: engineOf(diagnosis),
        messenger: messengerTo(double),
        auditPath: logPath,
      });
      const wake = await enqueue(ns);
      await log.until('delivery.retrying');
      clock.aheadMs = SETTLED_MS;
      await outcomeIs(ns, wake, 'diagnosis');
      expect(double.accepted).toHaveLength(1);
      expect((await readWakeRecord(ns.redis, ns.keys, wake.id))?.posted?.ts).toBe(double.accepted[0]?.ts);
    },
  );

  test('whose answer was lost waits until Slack must know, and is posted again, unmarked, where it does not have it', async ({
    ns,
    logPath,
  }) => {
    const double = await slack();
    double.next.push(reset);
    const { log, clock } = working(ns, {
      engine: engineOf(diagnosis),
      messenger: messengerTo(double),
      auditPath: logPath,
    });
    const wake = await enqueue(ns);
    await log.until('delivery.retrying');
    const held = await eventually(() =>
      ns.deliveries.getDelayed().then(([job]) => (job && job.delay > 5_000 ? job : undefined)),
    );
    expect(double.requests).toHaveLength(1);
    expect(await ns.redis.hexists(ns.keys.wake(wake.id), 'claimedAt')).toBe(1);
    clock.aheadMs = SETTLED_MS;
    await held.promote();
    await outcomeIs(ns, wake, 'diagnosis');
    expect(double.accepted.map(({ text }) => text)).toEqual([`🚨 Probe alert · fly\n${DIAGNOSIS}`]);
  });

  test('is looked up from its first claim on, however many came after', async ({ ns, logPath }) => {
    const double = await slack();
    const wake = await enqueue(ns);
    await ns.queue.remove(wake.id);
    await messengerTo(double).post('the one that arrived', wake.id);
    const tenMinutesAgo = Date.now() - 600_000;
    for (const message of double.accepted) message.ts = String(tenMinutesAgo / 1000);
    await setClaim(ns.redis, ns.keys, wake.id, { firstClaimedAt: tenMinutesAgo, claimedAt: Date.now() - SETTLED_MS });
    await ns.deliveries.add('deliver', { wake, report: diagnosis }, { jobId: deliverJobId(wake.id) });
    working(ns, { engine: engineOf(diagnosis), messenger: messengerTo(double), auditPath: logPath });
    await outcomeIs(ns, wake, 'diagnosis');
    expect(double.accepted).toHaveLength(1);
  });

  test.for<[string, boolean, string | undefined, boolean[]]>([
    ['there, is not told again', true, undefined, [false]],
    ['not there, is told', false, undefined, [false]],
    ['cannot be looked up, is told as a possible repeat', true, 'missing_scope', [false, true]],
  ])(
    'that a Redis which went back in time may have forgotten, and %s',
    async ([_name, told, error, marks], { ns, logPath }) => {
      const double = await slack();
      if (error) double.lookUp.error = error;
      const redisKnowsAllSince = Date.now() - SETTLED_MS;
      const wake = await enqueue(ns, { emittedAt: redisKnowsAllSince - 1_000 });
      if (told) await messengerTo(double).post('told before', wake.id);
      const messenger = messengerTo(double);
      working(ns, { engine: engineOf(diagnosis), messenger, auditPath: logPath, redisKnowsAllSince });
      await outcomeIs(ns, wake, 'diagnosis');
      expect(double.accepted.map(({ text }) => text.includes('Possible duplicate'))).toEqual(marks);
    },
  );

  test('that is dated ahead may be from before Redis came back, and is looked up too', async ({ ns, logPath }) => {
    const double = await slack();
    const wake = await enqueue(ns, { emittedAt: Date.now() + 2 * 3_600_000 });
    await messengerTo(double).post('told before', wake.id);
    const messenger = messengerTo(double);
    const redisKnowsAllSince = Date.now() - SETTLED_MS;
    working(ns, { engine: engineOf(diagnosis), messenger, auditPath: logPath, redisKnowsAllSince });
    await outcomeIs(ns, wake, 'diagnosis');
    expect(double.accepted).toHaveLength(1);
  });

  test('that a Redis which just came back may have forgotten waits until Slack must know', async ({ ns, logPath }) => {
    const double = await slack();
    const wake = await enqueue(ns, { emittedAt: Date.now() - 1_000 });
    const { log } = working(ns, {
      engine: engineOf(diagnosis),
      messenger: messengerTo(double),
      auditPath: logPath,
      redisKnowsAllSince: Date.now(),
    });
    const held = await eventually(() => ns.deliveries.getDelayed().then(([job]) => job));
    expect(held.delay).toBeGreaterThan(5_000);
    expect(log.lines.some(({ msg }) => msg.includes('looked up'))).toBe(false);
    expect(double.requests).toHaveLength(0);
    expect(held.data.wake.id).toBe(wake.id);
  });

  test('that may not be looked up is posted again and says that it may be a repeat', async ({ ns, logPath }) => {
    const double = await slack();
    double.lookUp.error = 'missing_scope';
    double.next.push(double.acceptThen(reset));
    const { log, clock } = working(ns, {
      engine: engineOf(diagnosis),
      messenger: messengerTo(double),
      auditPath: logPath,
    });
    const wake = await enqueue(ns);
    await log.until('delivery.retrying');
    clock.aheadMs = SETTLED_MS;
    await outcomeIs(ns, wake, 'diagnosis');
    expect(double.accepted.map(({ text }) => text.includes('Possible duplicate'))).toEqual([false, true]);
  });

  test('stays marked where the repeat is first refused', async ({ ns, logPath }) => {
    const double = await slack();
    double.lookUp.error = 'missing_scope';
    double.next.push(double.acceptThen(reset), json(429, {}, { 'retry-after': '1' }));
    const { log, clock } = working(ns, {
      engine: engineOf(diagnosis),
      messenger: messengerTo(double),
      auditPath: logPath,
    });
    const wake = await enqueue(ns);
    await log.until('delivery.retrying');
    clock.aheadMs = SETTLED_MS;
    await outcomeIs(ns, wake, 'diagnosis');
    expect(double.accepted.map(({ text }) => text.includes('Possible duplicate'))).toEqual([false, true]);
  });

  test('claimed by a clock that was ahead waits no longer than from now on', async ({ ns, logPath }) => {
    const double = await slack();
    const wake = await enqueue(ns);
    await ns.queue.remove(wake.id);
    await messengerTo(double).post('the one that arrived', wake.id);
    const ahead = Date.now() + 3_600_000;
    await setClaim(ns.redis, ns.keys, wake.id, { claimedAt: ahead, firstClaimedAt: ahead });
    await ns.deliveries.add('deliver', { wake, report: diagnosis }, { jobId: deliverJobId(wake.id) });
    const messenger = messengerTo(double);
    const { clock } = working(ns, { engine: engineOf(diagnosis), messenger, auditPath: logPath });
    const held = await eventually(() => ns.deliveries.getDelayed().then(([job]) => job));
    clock.aheadMs = SETTLED_MS;
    await held.promote();
    await outcomeIs(ns, wake, 'diagnosis');
    expect(double.accepted).toHaveLength(1);
  });

  test('claimed by a worker that died is looked up, not posted again', async ({ ns, logPath }) => {
    const double = await slack();
    const wake = await enqueue(ns);
    await ns.queue.remove(wake.id);
    await messengerTo(double).post('the one that arrived', wake.id);
    const claimedAt = Date.now() - SETTLED_MS;
    await setClaim(ns.redis, ns.keys, wake.id, { claimedAt, firstClaimedAt: claimedAt });
    await ns.deliveries.add('deliver', { wake, report: diagnosis }, { jobId: deliverJobId(wake.id) });
    working(ns, { engine: engineOf(diagnosis), messenger: messengerTo(double), auditPath: logPath });
    await outcomeIs(ns, wake, 'diagnosis');
    expect(double.accepted.map(({ text }) => text)).toEqual(['the one that arrived']);
  });

  test('waits as long as Slack asks, and loses no attempt by it', async ({ ns, logPath }) => {
    const double = await slack();
    double.next.push(json(429, {}, { 'retry-after': '2' }));
    working(ns, { engine: engineOf(diagnosis), messenger: messengerTo(double), auditPath: logPath });
    const began = Date.now();
    const wake = await enqueue(ns);
    await outcomeIs(ns, wake, 'diagnosis');
    expect((double.accepted[0]?.at ?? 0) - began).toBeGreaterThanOrEqual(2_000);
    expect((await ns.deliveries.getJob(deliverJobId(wake.id)))?.attemptsMade).toBeLessThanOrEqual(1);
  });

  test('waits never longer than a quarter of an hour, whatever Slack asks', async ({ ns, logPath }) => {
    const double = await slack();
    double.next.push(json(429, {}, { 'retry-after': '604800' }));
    const { log } = working(ns, { engine: engineOf(diagnosis), messenger: messengerTo(double), auditPath: logPath });
    await enqueue(ns);
    await log.until('delivery.rate_limited');
    const waits = await eventually(() => ns.deliveries.getRateLimitTtl().then((ms) => ms > 60_000 && ms));
    expect(waits).toBeLessThanOrEqual(15 * 60_000);
  });

  test('keeps to about one message a second', async ({ ns, logPath }) => {
    const double = await slack();
    working(ns, { engine: engineOf(diagnosis), messenger: messengerTo(double), auditPath: logPath });
    const wakes = await Promise.all([enqueue(ns), enqueue(ns), enqueue(ns)]);
    for (const wake of wakes) await outcomeIs(ns, wake, 'diagnosis');
    const [first, , third] = double.accepted;
    expect((third?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThan(1_500);
  });

  test('that Slack will never take is a dead letter, recorded, and can be retried', async ({ ns, logPath }) => {
    const double = await slack();
    double.next.push(json(200, { ok: false, error: 'channel_not_found' }));
    const engine = engineOf(diagnosis);
    working(ns, { engine, messenger: messengerTo(double), auditPath: logPath });
    const wake = await enqueue(ns);
    await outcomeIs(ns, wake, 'dead');
    const job = await eventually(() => ns.deliveries.getFailed().then(([failed]) => failed));
    expect(job).toMatchObject({ id: deliverJobId(wake.id), failedReason: 'channel_not_found' });
    await eventually(() => existsSync(logPath) && rowsOf(logPath)[0]?.details.dm_status === 'failed_send');
    await job.retry();
    await outcomeIs(ns, wake, 'diagnosis');
    expect([double.accepted.length, engine.asked]).toEqual([1, 1]);
  });

  test('under a revoked token is held with those that come after it; they go out oldest first, and say how late they are', async ({
    ns,
    logPath,
  }) => {
    const double = await slack();
    double.next.push(json(200, { ok: false, error: 'token_revoked' }));
    const { log, clock } = working(ns, {
      engine: engineOf(diagnosis),
      messenger: messengerTo(double),
      auditPath: logPath,
    });
    const wakes = [await enqueue(ns)];
    await log.until('delivery.held');
    wakes.push(await enqueue(ns), await enqueue(ns));
    clock.aheadMs = 65 * 60_000;
    for (const wake of wakes) await outcomeIs(ns, wake, 'diagnosis');
    expect(double.accepted.map(({ wakeId }) => wakeId)).toEqual(wakes.map(({ id }) => id));
    for (const { text } of double.accepted)
      expect(text).toMatch(/\n\n\(Delivered 1 h 5 min late: Slack could not be reached before\.\)$/);
    // The outcome is recorded a moment before the job has ended, which counts the attempt.
    await eventually(async () => (await ns.deliveries.getCompletedCount()) === wakes.length);
    const jobs = await Promise.all(wakes.map(({ id }) => ns.deliveries.getJob(deliverJobId(id))));
    expect(jobs.map((job) => job?.attemptsMade)).toEqual([1, 1, 1]);
  }, 60_000);

  test('may wait for Slack as often as it takes', async ({ ns, logPath }) => {
    const double = await slack();
    const wake = await enqueue(ns);
    await ns.queue.remove(wake.id);
    await ns.deliveries.add('deliver', { wake, report: diagnosis }, { jobId: deliverJobId(wake.id) });
    await ns.redis.hset(`${ns.prefix}:deliveries:${deliverJobId(wake.id)}`, 'ats', 500);
    working(ns, { engine: engineOf(diagnosis), messenger: messengerTo(double), auditPath: logPath });
    await outcomeIs(ns, wake, 'diagnosis');
    expect(double.accepted).toHaveLength(1);
  });

  test('that had ended before the worker died is not posted again, and its row is written', async ({ ns, logPath }) => {
    const double = await slack();
    const wake = await enqueue(ns);
    await ns.queue.remove(wake.id);
    await recordOutcome(ns.redis, ns.keys, { wake, outcome: 'diagnosis', at: 1 });
    await ns.deliveries.add('deliver', { wake, report: diagnosis }, { jobId: deliverJobId(wake.id) });
    await ns.redis.hset(`${ns.prefix}:deliveries:${deliverJobId(wake.id)}`, 'ats', 1);
    working(ns, { engine: engineOf(diagnosis), messenger: messengerTo(double), auditPath: logPath });
    expect(await told(logPath)).toMatchObject([{ details: { wake_id: wake.id, dm_status: 'sent' } }]);
    expect(double.requests).toHaveLength(0);
    expect(await ns.redis.hget(ns.keys.counters, 'outcome:diagnosis')).toBe('1');
  });

  test('of a dead letter that is tried again, by whatever way, has no end until it ends', async ({ ns, logPath }) => {
    const wake = await enqueue(ns);
    await ns.queue.remove(wake.id);
    await ns.redis.zadd(ns.keys.pending, 1, wake.id);
    await recordOutcome(ns.redis, ns.keys, { wake, outcome: 'dead', at: 1 });
    await ns.deliveries.add('deliver', { wake, report: diagnosis }, { jobId: deliverJobId(wake.id) });
    await ns.redis.hset(`${ns.prefix}:deliveries:${deliverJobId(wake.id)}`, 'ats', 1);
    const double = await slack();
    let untold: unknown;
    double.next.push(async (...request) => {
      untold = [
        await ns.redis.hget(ns.keys.wake(wake.id), 'outcome'),
        await ns.redis.zcount(ns.keys.pending, '-inf', '+inf'),
      ];
      return json(200, { ok: true, channel: 'D1', ts: '1.1' })(...request);
    });
    working(ns, { engine: engineOf(diagnosis), messenger: messengerTo(double), auditPath: logPath });
    await outcomeIs(ns, wake, 'diagnosis');
    expect(untold).toEqual([null, 1]);
    expect(await ns.redis.hgetall(ns.keys.counters)).toEqual({ 'outcome:dead': '0', 'outcome:diagnosis': '1' });
  });
});

test('the secret of a Slack token shows up nowhere', async ({ ns, logPath }) => {
  const double = await slack();
  double.next.push(json(429, {}, { 'retry-after': '1' }), json(200, { ok: false, error: 'invalid_blocks' }));
  const { log } = working(ns, { engine: engineOf(diagnosis), messenger: messengerTo(double), auditPath: logPath });
  const wake = await enqueue(ns);
  await outcomeIs(ns, wake, 'dead');
  const job = await ns.deliveries.getJob(deliverJobId(wake.id));
  await eventually(() => existsSync(logPath));
  expect(JSON.stringify([log.lines, job?.asJSON(), readFileSync(logPath, 'utf8')])).not.toContain('xoxb-secret');
});
