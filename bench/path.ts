/** From a row to its DM: latency, throughput, and scaling with more workers. */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { readAccount } from '@kora-wake/shared/store/account';
import { wakeJobOptions, wakesQueue } from '@kora-wake/shared/store/queues';
import type { Wake } from '@kora-wake/shared/wake/wake';
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { slackMessenger } from '../apps/worker/src/delivery/slack.ts';
import { anthropicModel } from '../apps/worker/src/investigation/model.ts';
import { anthropicDouble, diagnose } from '../test/support/anthropic.ts';
import { httpDouble, json } from '../test/support/http-double.ts';
import { append, wakeRow } from '../test/support/rows.ts';
import { type Bench, cpuMs, median, quantile, ratios, repeated, timed } from './measure.ts';
import { type Sandbox, SLACK, startTailerAndWorker } from './world.ts';

/** Slightly more than the pace of one message per second. */
const BETWEEN_MS = 1_050;

export const rowToDm: Bench = {
  id: 'P4',
  title: 'from a row appended to its DM accepted by Slack',
  measure: async ({ world, quick, runs }) => {
    const sandbox = await world.sandbox();
    const waiting: { sent?: () => void } = {};
    const slack = await httpDouble((...request) => {
      waiting.sent?.();
      return json(200, { ok: true, channel: 'D1', ts: '1.1' })(...request);
    });
    const anthropic = await anthropicDouble();
    const call = engineCall(anthropic.url);
    const posting = slackMessenger({ ...SLACK, apiUrl: `${slack.url}/api/` });
    await startTailerAndWorker(sandbox, { slack, engine: anthropic });
    const bare = await bareQueue(sandbox);
    let rows = 0;
    const once = async () => {
      const sending = new Promise<void>((resolve) => {
        waiting.sent = resolve;
      });
      const start = performance.now();
      append(sandbox.logPath, wakeRow({ probe: `probe-${rows++}` }));
      await sending;
      return performance.now() - start;
    };
    const samples = quick ? 6 : 40;
    const sampled = async (count: number) => {
      const times = { ours: [] as number[], theirs: [] as number[], asked: [] as number[], posted: [] as number[] };
      for (let i = 0; i < count; i++) {
        times.theirs.push(await bare.once());
        times.asked.push(await timed(call));
        times.posted.push(await timed(() => posting.post('Probe alert', `w-${i}`)));
        await sleep(BETWEEN_MS / 2);
        times.ours.push(await once());
        await sleep(BETWEEN_MS / 2);
      }
      return times;
    };
    await sampled(quick ? 3 : 10);
    const taken = await repeated(runs, () => sampled(samples));
    await bare.close();
    await sandbox.end();
    await Promise.all([slack.close(), anthropic.close()]);
    const [ours, theirs] = [taken.map((run) => median(run.ours)), taken.map((run) => median(run.theirs))];
    const all = taken.flatMap((run) => run.ours);
    return {
      figures: [
        {
          label: 'median, relative to a bare add to its processor',
          values: ratios(ours, theirs),
          unit: '×',
          goal: { atMost: 4 },
        },
        { label: 'p99', values: [quantile(all, 0.99)], unit: 'ms', goal: { atMost: 50 } },
        { label: 'median', values: ours, unit: 'ms' },
        { label: 'median of the bare add', values: theirs, unit: 'ms' },
        { label: 'a call of the engine by its SDK alone', values: taken.map((run) => median(run.asked)), unit: 'ms' },
        { label: 'a post by the SDK of Slack alone', values: taken.map((run) => median(run.posted)), unit: 'ms' },
      ],
      notes: [
        `${samples} rows per run, one at a time, just over a second apart because of Slack's pace. Measured from before the write of the row until the Slack double has the message: file event, decision, both queues, one HTTP call of the engine, and the post. The bare add: from \`queue.add\` to the first line of its processor, in one process.`,
        'Limit on the machine of November 2026: a wake moves between processes three times (file event, two queues), and each move costs at least a bare add. The HTTP calls with the SDKs take longer than that. Two bare adds, the engine call and the post made up two thirds of the median, the decision (P2) a fifth. The largest parts of the rest were the Redis scripts that make each step safe against a crash, one round trip each.',
      ],
    };
  },
};

/** One call of the engine as the worker makes it. */
function engineCall(baseUrl: string): () => Promise<unknown> {
  const model = anthropicModel({ credential: { kind: 'apiKey', key: 'sk-bench' }, baseUrl });
  const question = {
    model: { model: 'claude-sonnet-5-5', effort: 'medium' as const },
    system: ['Investigate.'],
    conversation: [{ role: 'user' as const, content: 'Fly app(s) unreachable: HTTP 401' }],
    tools: [],
    schema: {},
    isBrief: false,
    without: new Set<'schema'>(['schema']),
    answered: () => undefined,
    calling: () => undefined,
  };
  return () => model.ask(question, AbortSignal.timeout(10_000));
}

async function bareQueue({ prefix, redisUrl }: Sandbox) {
  const [adding, working] = [new Redis(redisUrl), new Redis(redisUrl, { maxRetriesPerRequest: null })];
  const queue = new Queue('bare', { connection: adding, prefix });
  const waiting: { begun?: () => void } = {};
  const worker = new Worker('bare', async () => waiting.begun?.(), { connection: working, prefix });
  await Promise.all([queue.waitUntilReady(), worker.waitUntilReady()]);
  return {
    once: async () => {
      const from = performance.now();
      const processing = new Promise<void>((resolve) => {
        waiting.begun = resolve;
      });
      await Promise.all([processing, queue.add('job', {})]);
      return performance.now() - from;
    },
    close: async () => {
      await worker.close();
      await queue.close();
      await Promise.all([adding.quit(), working.quit()]);
    },
  };
}

/** The i-th wake of a benchmark. */
function aWake(i: number): Wake {
  return {
    id: `w-${i.toString(16).padStart(32, '0')}`,
    probe: `probe-${i % 100}`,
    category: `category-${i}`,
    severity: 'warning',
    title: 'Fly app(s) unreachable: HTTP 401',
    detail: 'Fly probe reported status=unhealthy.',
    snapshotDetails: { apps_running: 0 },
    envelopeEnabled: false,
    envelopeFixName: '(none)',
    emittedAt: Date.now(),
  };
}

/** ms. */
const WINDOW_MS = 600_000;

/** Enqueues `count` wakes as a tailer does. @param first number of wakes enqueued before */
async function enqueue({ redis, prefix, keys }: Sandbox, count: number, first = 0): Promise<void> {
  const queue = wakesQueue(redis, prefix);
  const wakes = Array.from({ length: count }, (_, i) => aWake(first + i));
  for (let from = 0; from < count; from += 1_000) {
    const some = wakes.slice(from, from + 1_000);
    await queue.addBulk(
      some.map((wake) => ({ name: 'wake' as const, data: { wake }, opts: wakeJobOptions(wake, WINDOW_MS) })),
    );
  }
  await redis.hset(keys.counters, { rows: first + count, enqueued: first + count });
  await queue.close();
}

async function serverPid(redis: Redis): Promise<number> {
  return Number(/process_id:(\d+)/.exec(await redis.info('server'))?.[1]);
}

/** Waits until `count` wakes have an outcome. */
async function ended({ redis, keys }: Sandbox, count: number): Promise<void> {
  for (;;) {
    const { outcomes } = await readAccount(redis, keys);
    if (outcomes.diagnosis + outcomes.fallback + outcomes.dry_run >= count) return;
    await sleep(10);
  }
}

export const throughput: Bench = {
  id: 'P5',
  title: 'wakes per second through both queues, one worker process, engine and Slack at 0 ms',
  measure: async ({ world, quick, runs }) => {
    const count = quick ? 1_000 : 8_000;
    const taken = await repeated(runs, async () => {
      const [ours, theirs] = [await world.sandbox(), await world.sandbox()];
      await enqueue(ours, count);
      const bare = new Queue('first', { connection: theirs.redis, prefix: theirs.prefix });
      for (let from = 0; from < count; from += 1_000) {
        await bare.addBulk(Array.from({ length: 1_000 }, (_, i) => ({ name: 'job', data: { wake: aWake(from + i) } })));
      }
      await bare.close();
      const worker = ours.script('bench/worker.ts', [], { LOG_LEVEL: 'warn' });
      await worker.untilText('ready');
      const server = await serverPid(ours.redis);
      const spent = async (pid: number, work: () => Promise<unknown>) => {
        const before = { node: cpuMs(pid), redis: cpuMs(server) };
        const ms = await timed(work);
        const each = (used: number) => (used * 1_000) / count;
        return {
          perS: count / (ms / 1_000),
          node: each(cpuMs(pid) - before.node),
          redis: each(cpuMs(server) - before.redis),
        };
      };
      const us = await spent(worker.child.pid ?? 0, () => ended(ours, count));
      await ours.end();
      const chain = theirs.script('bench/bare.ts', ['chain']);
      await chain.untilText('ready');
      const done = `${theirs.prefix}:second:completed`;
      const them = await spent(chain.child.pid ?? 0, async () => {
        while ((await theirs.redis.zcard(done)) < count) await sleep(10);
      });
      await theirs.end();
      return { us, them };
    });
    const [ours, theirs] = [taken.map(({ us }) => us.perS), taken.map(({ them }) => them.perS)];
    return {
      figures: [
        {
          label: 'relative to two chained bare queues',
          values: ratios(ours, theirs),
          unit: '×',
          goal: { atLeast: 0.85 },
        },
        { label: 'ours', values: ours, unit: '/s' },
        { label: 'bare', values: theirs, unit: '/s' },
        { label: 'processor time of a wake: the worker', values: taken.map(({ us }) => us.node), unit: 'µs' },
        { label: 'and Redis', values: taken.map(({ us }) => us.redis), unit: 'µs' },
        {
          label: 'processor time of a bare job through both: Node',
          values: taken.map(({ them }) => them.node),
          unit: 'µs',
        },
        { label: 'and Redis', values: taken.map(({ them }) => them.redis), unit: 'µs' },
      ],
      notes: [
        `${count} wakes wait when the worker starts. Ours: stores the report, claims the post, stores Slack's answer, writes the audit row, the outcome and the events. Bare: one processor adds to the second queue, the other does nothing; the concurrency is the same.`,
        'Limit on the machine of November 2026: processor time. A wake needs six Redis scripts: three job moves as in the bare queues, the claim, the outcome, and the investigation record. Node and Redis each spent about twice the processor time of the bare jobs. Slack itself accepts one message per second.',
      ],
    };
  },
};

export const scaling: Bench = {
  id: 'P6',
  title: 'four worker processes with an engine of 500 ms',
  measure: async ({ world, quick, runs }) => {
    const count = quick ? 96 : 480;
    const engine = await httpDouble(async (request, response, socket) => {
      await sleep(500);
      return diagnose(request, response, socket);
    });
    const env = { ANTHROPIC_API_KEY: 'sk-bench', ANTHROPIC_BASE_URL: engine.url, KORA_COST_MONTHLY_USD: '0' };
    const perS = async (workers: number) => {
      const sandbox = await world.sandbox();
      const started = Array.from({ length: workers }, () => sandbox.app('worker', env));
      await Promise.all(started.map((worker) => worker.until('worker.ready')));
      // The first jobs of a process take longer.
      const before = 32 * workers;
      await enqueue(sandbox, before);
      await ended(sandbox, before);
      const ms = await timed(async () => {
        await enqueue(sandbox, count, before);
        await ended(sandbox, before + count);
      });
      await sandbox.end();
      return count / (ms / 1_000);
    };
    const taken = await repeated(runs, async () => ({ four: await perS(4), one: await perS(1) }));
    await engine.close();
    const [four, one] = [taken.map((run) => run.four), taken.map((run) => run.one)];
    return {
      figures: [
        { label: 'relative to one', values: ratios(four, one), unit: '×', goal: { atLeast: 3.8 } },
        { label: 'four', values: four, unit: '/s' },
        { label: 'one', values: one, unit: '/s' },
      ],
      notes: [
        `${count} wakes at once, 8 concurrent investigations per worker, DMs printed; each worker has handled about 32 wakes before.`,
      ],
    };
  },
};
