/** Fixtures of most tests: an own Redis namespace, folder and audit log, and a log whose events a test can await. */

import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { redisKeys } from '@kora-wake/shared/store/keys';
import { deliveriesQueue, followupsQueue, wakeJobOptions, wakesQueue } from '@kora-wake/shared/store/queues';
import type { ToolStep } from '@kora-wake/shared/store/step-types';
import type { WakeEnd } from '@kora-wake/shared/store/wake-record';
import { debounceId } from '@kora-wake/shared/wake/pair';
import type { Wake } from '@kora-wake/shared/wake/wake';
import type { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { test as base, inject } from 'vitest';
import type { RedisProcess } from './redis-process.ts';
import { eventOrTextWaiter, type LogLine, WAIT_MS } from './spawn.ts';

export { append, recoveredRow, rowsOf, wakeRow } from './rows.ts';

/** Ends each process or server that still uses the namespace or the folder of the running test. */
const users: Array<() => Promise<void>> = [];

/** Registers a function that runs before the test's namespace and folder are removed. */
export function endBeforeCleanup(end: () => Promise<void>): void {
  users.push(end);
}

/** Ends a server of the test's own, which the test may break. */
export async function ownServer(starting: Promise<RedisProcess>): Promise<RedisProcess> {
  const server = await starting;
  endBeforeCleanup(() => server.kill('SIGKILL'));
  return server;
}

/** In the reverse order: a later one may use an earlier one. */
async function endAll(): Promise<void> {
  for (let end = users.pop(); end; end = users.pop()) await end();
}

/** Connection, queues and keys under a prefix of the test's own. Removed if the test passes, kept for inspection if it fails. */
export async function namespace(redisUrl = inject('redisUrl')) {
  const prefix = `{test-${randomUUID()}}`;
  const redis = new Redis(redisUrl, { maxRetriesPerRequest: null });
  const queue = wakesQueue(redis, prefix);
  const deliveries = deliveriesQueue(redis, prefix);
  const followups = followupsQueue(redis, prefix);
  await Promise.all([queue, deliveries, followups].map((each) => each.waitUntilReady()));
  return { prefix, redis, redisUrl, queue, deliveries, followups, keys: redisKeys(prefix) };
}

export type Namespace = Awaited<ReturnType<typeof namespace>>;

interface Fixtures {
  ns: Namespace;
  folder: string;
  logPath: string;
  log: TestLog;
}

/** `test` with its own namespace, folder, audit log path and log. */
export const test = base.extend<Fixtures>({
  ns: async ({ task }, use) => {
    const ns = await namespace();
    await use(ns);
    await endAll();
    if (task.result?.state !== 'fail') await removeKeys(ns);
    await closeNamespace(ns);
  },
  folder: async ({ task }, use) => {
    const folder = mkdtempSync(join(tmpdir(), 'kora-wake-test-'));
    await use(folder);
    await endAll();
    if (task.result?.state !== 'fail') rmSync(folder, { recursive: true, force: true });
  },
  logPath: async ({ folder }, use) => use(join(folder, 'kora_audit_log.jsonl')),
  // oxlint-disable-next-line no-empty-pattern -- vitest reads the needed fixtures from the pattern
  log: async ({}, use) => use(testLog()),
});

/** Removes the keys of a namespace and closes its queues and its connection. */
export async function removeNamespace(ns: Namespace): Promise<void> {
  await removeKeys(ns);
  await closeNamespace(ns);
}

async function closeNamespace({ queue, deliveries, followups, redis }: Namespace): Promise<void> {
  await Promise.all([queue, deliveries, followups].map((each) => each.close()));
  await redis.quit();
}

/** Removes the keys of a namespace, so that it can be used again. */
export async function removeKeys({ redis, prefix }: Namespace): Promise<void> {
  for await (const keys of redis.scanStream({ match: `${prefix}:*`, count: 1_000 })) {
    if (keys.length > 0) await redis.unlink(...keys);
  }
}

/** A pino logger that keeps its lines, so that a test can wait for an event. */
export function testLog() {
  const lines: LogLine[] = [];
  const waiting = new Set<() => void>();
  const logger = pino(
    { level: 'debug', base: null },
    {
      write: (text: string) => {
        lines.push(JSON.parse(text));
        for (const check of waiting) check();
      },
    },
  );
  return { logger, lines, until: eventOrTextWaiter(lines, waiting) };
}

export type TestLog = ReturnType<typeof testLog>;

/** Jobs that wait for a worker: critical ones, then others. */
export async function waitingJobs<T, R, N extends string>(queue: Queue<T, R, N>) {
  return (await Promise.all([queue.getWaiting(0, -1), queue.getPrioritized(0, -1)])).flat();
}

export const countWaiting = (queue: Queue) => queue.getJobCountByTypes('waiting', 'prioritized');

/** A wake as the tailer adds it to the queue. */
export function aWake(more: Partial<Wake> = {}): Wake {
  return {
    id: 'w-1',
    probe: 'fly',
    category: 'down',
    severity: 'critical',
    title: 't',
    detail: 'd',
    snapshotDetails: {},
    envelopeEnabled: false,
    envelopeFixName: '(none)',
    emittedAt: 0,
    ...more,
  };
}

/** A tool call of an investigation. */
export function aToolStep(output: string): ToolStep {
  return {
    kind: 'tool',
    source: 'call-1',
    name: 'http_check',
    status: 'ok',
    startedAt: '2026-11-26T14:03:00.000Z',
    durationMs: 12,
    input: '{}',
    output,
  };
}

/** The outcome record of a wake of {@link aWake}. @param at ms since the epoch */
export function ending(id: string, outcome: WakeEnd['outcome'], at: number): WakeEnd {
  return { wake: aWake({ id }), outcome, at };
}

/** Opens a window of one minute as the tailer does: adds the job and the index entry of its commit. */
export async function openWindow({ queue, redis, keys }: Namespace, wake: Wake): Promise<void> {
  const windowMs = 60_000;
  await queue.add('wake', { wake }, wakeJobOptions(wake, windowMs));
  const id = debounceId(wake.probe, wake.category);
  await redis.zadd(keys.windowNames, 0, id);
  await redis.zadd(keys.windowEnds, Date.now() + windowMs, id);
  await redis.zadd(keys.windowRepeats, 'NX', 0, id);
}

/** Polls `probe` until it returns a value; for states without a log event. @throws if that takes longer than `ms` */
export async function eventually<T>(
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  ms = WAIT_MS,
): Promise<T> {
  const until = performance.now() + ms;
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > until) throw new Error(`not true within ${ms} ms: ${probe.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The value of one counter of the namespace, such as `rows` or `outcome:diagnosis`. */
export async function counter({ redis, keys }: Namespace, name: string): Promise<number> {
  return Number((await redis.hget(keys.counters, name)) ?? 0);
}
