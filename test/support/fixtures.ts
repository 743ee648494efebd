/** What most tests stand on: a Redis namespace, a folder and an audit log of their own, and a log that can be awaited. */

import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { redisKeys } from '@kora-wake/shared/store/keys';
import { deliveriesQueue, wakeJobOptions, wakesQueue } from '@kora-wake/shared/store/queues';
import type { WakeEnd } from '@kora-wake/shared/store/wake-record';
import type { Outcome } from '@kora-wake/shared/wake/outcome';
import { debounceId } from '@kora-wake/shared/wake/pair';
import type { Wake } from '@kora-wake/shared/wake/wake';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { test as base, inject } from 'vitest';
import { type LogLine, lineWaiter } from './spawn.ts';

export { append, rowsOf, wakeRow } from './rows.ts';

/** What still uses the namespace or the folder of the running test, to be ended before they go. */
const users: Array<() => Promise<void>> = [];

/** Registers what must have ended before the test's namespace and folder are cleared. */
export function endBeforeCleanup(end: () => Promise<void>): void {
  users.push(end);
}

async function endAll(): Promise<void> {
  await Promise.all(users.splice(0).map((end) => end()));
}

/** A connection, queues and keys under a prefix of the test's own. Cleared where the test passes, left to look at where it fails. */
export async function namespace() {
  const prefix = `{test-${randomUUID()}}`;
  const redis = new Redis(inject('redisUrl'), { maxRetriesPerRequest: null });
  const queue = wakesQueue(redis, prefix);
  const deliveries = deliveriesQueue(redis, prefix);
  await Promise.all([queue.waitUntilReady(), deliveries.waitUntilReady()]);
  return { prefix, redis, redisUrl: inject('redisUrl'), queue, deliveries, keys: redisKeys(prefix) };
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
    await Promise.all([ns.queue.close(), ns.deliveries.close()]);
    if (task.result?.state !== 'fail') await removeKeys(ns);
    await ns.redis.quit();
  },
  folder: async ({ task }, use) => {
    const folder = mkdtempSync(join(tmpdir(), 'kora-wake-test-'));
    await use(folder);
    await endAll();
    if (task.result?.state !== 'fail') rmSync(folder, { recursive: true, force: true });
  },
  logPath: async ({ folder }, use) => use(join(folder, 'kora_audit_log.jsonl')),
  // oxlint-disable-next-line no-empty-pattern -- vitest finds out from the pattern what a fixture needs
  log: async ({}, use) => use(testLog()),
});

/** Ends a namespace: its queues, its connection, and its keys. */
export async function removeNamespace(ns: Namespace): Promise<void> {
  await Promise.all([ns.queue.close(), ns.deliveries.close()]);
  await removeKeys(ns);
  await ns.redis.quit();
}

async function removeKeys({ redis, prefix }: Namespace): Promise<void> {
  for await (const keys of redis.scanStream({ match: `${prefix}:*`, count: 1_000 })) {
    if (keys.length > 0) await redis.unlink(...keys);
  }
}

/** A pino logger that keeps its lines, and lets a test wait for one. */
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
  return { logger, lines, until: lineWaiter(lines, waiting) };
}

export type TestLog = ReturnType<typeof testLog>;

/** A wake as the tailer hands it on. */
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

/** How a wake of {@link aWake} ended, for `settle`. @param at ms since the epoch */
export function ending(id: string, outcome: Outcome, at: number): WakeEnd {
  return { wake: aWake({ id }), outcome, at };
}

/** Opens a window of a minute as the tailer does: the job, and the index entry its commit writes. */
export async function openWindow({ queue, redis, keys }: Namespace, wake: Wake): Promise<void> {
  const windowMs = 60_000;
  await queue.add('wake', { wake }, wakeJobOptions(wake, { windowMs, bypassCritical: false }));
  const id = debounceId(wake.probe, wake.category);
  await redis.zadd(keys.windowNames, 0, id);
  await redis.zadd(keys.windowEnds, Date.now() + windowMs, id);
}

/** Polls `probe` until it gives something; for states that have no event of their own. */
export async function eventually<T>(
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  ms = 15_000,
): Promise<T> {
  const until = performance.now() + ms;
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > until) throw new Error(`it did not come about within ${ms} ms: ${probe.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
