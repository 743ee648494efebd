/**
 * Kills each app before and after each message that it sends to Redis while it handles a wake, and around its post to
 * Slack. Another process then takes over. The account must add up: each row is decided once, each wake is sent once.
 */
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { readAccount } from '@kora-wake/shared/store/account';
import { sourceId } from '@kora-wake/shared/store/keys';
import { expect } from 'vitest';
import { DIAGNOSIS } from '../support/anthropic.ts';
import { doubles, environment } from '../support/doubles.ts';
import {
  append,
  eventually,
  type Namespace,
  namespace,
  recoveredRow,
  removeNamespace,
  test,
  wakeRow,
} from '../support/fixtures.ts';
import { runApp } from '../support/process.ts';
import { tripwire } from '../support/tripwire.ts';

/** Messages that an idle app sends too. A kill at one of them interrupts no work. */
const IDLE =
  /bzpopmin|extendLock|moveStalledJobs|\bINFO\b|\binfo\b|\bping\b|\bCLIENT\b|\bclient\b|\bHELLO\b|PEXPIRE', KEYS\[1\], ARGV\[2\]/i;
const matters = (message: string) => !IDLE.test(message);

/** Removes the locks of a dead worker, as their expiry would. */
async function expireLocks(ns: Namespace): Promise<void> {
  for await (const keys of ns.redis.scanStream({ match: `${ns.prefix}:*:lock`, count: 1_000 })) {
    if (keys.length > 0) await ns.redis.unlink(...keys);
  }
  await ns.redis.unlink(`${ns.prefix}:wakes:stalled-check`, `${ns.prefix}:deliveries:stalled-check`);
}

async function allEnded(ns: Namespace, wakes: number): Promise<void> {
  await eventually(async () => {
    const { outcomes, inFlight } = await readAccount(ns.redis, ns.keys);
    return outcomes.diagnosis === wakes && inFlight === 0;
  }, 180_000);
}

/** More messages than an app sends for the rows of these tests. After the last one nothing fires and nothing is killed. */
const TAILER_MESSAGES = 5;
const WORKER_MESSAGES = 33;
/**
 * `npm test` takes every third message of the worker, and different ones before and after it. To test each message:
 * `CRASH_EVERY_ARROW=1 npm test -- test/e2e/crash.test.ts`.
 */
const WORKER_STRIDE = process.env.CRASH_EVERY_ARROW ? 1 : 3;
/** Scenarios at once: most of their time is waiting for a lease or a lock to expire. */
const AT_ONCE = 6;

/** Runs `scenario` for each message number, before and after it, a few at a time. Resolves with the number of kills. */
async function atEveryMessage(
  messages: number,
  stride: number,
  scenario: (at: number, when: 'before' | 'after') => Promise<boolean>,
): Promise<number> {
  const kills = (['before', 'after'] as const).flatMap((when) =>
    Array.from({ length: messages }, (_, i) => ({ at: i + 1, when })).filter(
      ({ at }) => (at + Number(when === 'after')) % stride === 0,
    ),
  );
  let killed = 0;
  const workers = Array.from({ length: AT_ONCE }, async () => {
    for (let kill = kills.shift(); kill; kill = kills.shift()) {
      const { at, when } = kill;
      const fired = await scenario(at, when).catch((error: unknown) => {
        throw new Error(`killed ${when} message ${at}`, { cause: error });
      });
      if (fired) killed++;
    }
  });
  await Promise.all(workers);
  return killed;
}

/** A namespace, a log and doubles for one scenario. */
async function ownWorld(folder: string) {
  const ns = await namespace();
  const logPath = join(mkdtempSync(join(folder, 'world-')), 'log.jsonl');
  const { slack, anthropic, env } = await doubles();
  return { ns, logPath, slack, anthropic, env: environment(ns, logPath, env) };
}

test('a tailer killed around any message to Redis is replaced by another, and each row is decided once', async ({
  folder,
}) => {
  const killed = await atEveryMessage(TAILER_MESSAGES, 1, async (at, when) => {
    const { ns, logPath, env } = await ownWorld(folder);
    const wire = await tripwire(ns.redisUrl, matters, when);
    // The second tailer has another window: rows that the first one enqueued must stay enqueued.
    const first = runApp('tailer', { ...env, REDIS_URL: wire.url, KORA_PROBE_DEBOUNCE_SECONDS: '0' });
    await first.until('tailer.following');
    let fired = false;
    wire.arm(at, () => {
      fired = first.child.kill('SIGKILL');
    });
    const recovered = recoveredRow({ probe: 'vercel', category: 'service_unhealthy' });
    append(logPath, wakeRow(), wakeRow(), wakeRow({ probe: 'vercel' }), recovered);
    const rows = () => ns.redis.hget(ns.keys.counters, 'rows');
    await Promise.race([first.exited, eventually(() => rows().then((n) => n === '3'))]);
    first.child.kill('SIGKILL');
    await first.exited;
    await wire.close();
    await ns.redis.unlink(ns.keys.lease(sourceId(logPath)));
    const second = runApp('tailer', env);
    await eventually(() => rows().then((n) => n === '3'));
    const account = await readAccount(ns.redis, ns.keys);
    const { enqueued, coalesced } = account;
    expect([
      [2, 1],
      [3, 0],
    ]).toContainEqual([enqueued, coalesced]);
    const recoveries = { closed: 1, partial: 0, ignored: 0 };
    expect(account).toMatchObject({ rows: 3, recovered: recoveries, inFlight: enqueued, unaccounted: 0 });
    second.child.kill('SIGKILL');
    await second.exited;
    await removeNamespace(ns);
    return fired;
  });
  // It marks the batch as begun, adds the jobs, and commits: it was killed before and after each of the three.
  expect(killed).toBeGreaterThanOrEqual(6);
}, 900_000);

test('a worker killed around any message to Redis is replaced by another; the wake is sent once, and paid for again only if its report was not stored yet', async ({
  folder,
}) => {
  const killed = await atEveryMessage(WORKER_MESSAGES, WORKER_STRIDE, async (at, when) => {
    const { ns, logPath, env, slack, anthropic } = await ownWorld(folder);
    const tailer = runApp('tailer', env);
    await tailer.until('tailer.following');
    append(logPath, wakeRow());
    await tailer.until('wake.enqueued');
    tailer.child.kill('SIGKILL');
    await ns.queue.pause();
    const wire = await tripwire(ns.redisUrl, matters, when);
    const first = runApp('worker', { ...env, REDIS_URL: wire.url });
    await first.until('worker.ready');
    let fired = false;
    wire.arm(at, () => {
      fired = first.child.kill('SIGKILL');
    });
    await ns.queue.resume();
    await Promise.race([first.exited, allEnded(ns, 1)]);
    first.child.kill('SIGKILL');
    await first.exited;
    await wire.close();
    await expireLocks(ns);
    const second = runApp('worker', env);
    await second.until('worker.ready');
    await expireLocks(ns);
    await allEnded(ns, 1);
    expect(await readAccount(ns.redis, ns.keys)).toMatchObject({ rows: 1, enqueued: 1, unaccounted: 0 });
    expect(slack.accepted.map(({ text }) => text)).toEqual([`⚠️ Probe alert · fly\n${DIAGNOSIS}`]);
    expect(anthropic.requests.length).toBeLessThanOrEqual(2);
    second.child.kill('SIGKILL');
    await second.exited;
    await removeNamespace(ns);
    return fired;
  });
  expect(killed).toBeGreaterThanOrEqual(WORKER_MESSAGES / WORKER_STRIDE);
}, 900_000);

/** More messages than a worker sends to end a wake that has recovered. */
const WITHDRAW_MESSAGES = 12;

test.for(['before its investigation', 'after its investigation'])(
  'a wake that recovers %s is withdrawn once, whenever its worker is killed',
  { timeout: 900_000 },
  async (moment, { folder }) => {
    const killed = await atEveryMessage(WITHDRAW_MESSAGES, WORKER_STRIDE, async (at, when) => {
      const { ns, logPath, env, slack } = await ownWorld(folder);
      const tailer = runApp('tailer', env);
      await tailer.until('tailer.following');
      const held = moment === 'before its investigation' ? ns.queue : ns.deliveries;
      await held.pause();
      const wire = await tripwire(ns.redisUrl, matters, when);
      const first = runApp('worker', { ...env, REDIS_URL: wire.url });
      await first.until('worker.ready');
      append(logPath, wakeRow());
      await eventually(async () => (await held.getWaitingCount()) === 1);
      append(logPath, recoveredRow({ probe: 'fly', category: 'service_unhealthy' }));
      await eventually(async () => (await readAccount(ns.redis, ns.keys)).recovered.closed === 1);
      tailer.child.kill('SIGKILL');
      let fired = false;
      wire.arm(at, () => {
        fired = first.child.kill('SIGKILL');
      });
      await held.resume();
      const isWithdrawn = () =>
        eventually(async () => {
          const { outcomes, inFlight } = await readAccount(ns.redis, ns.keys);
          return outcomes.withdrawn === 1 && inFlight === 0;
        }, 180_000);
      await Promise.race([first.exited, isWithdrawn()]);
      first.child.kill('SIGKILL');
      await first.exited;
      await wire.close();
      await expireLocks(ns);
      const second = runApp('worker', env);
      await second.until('worker.ready');
      await expireLocks(ns);
      await isWithdrawn();
      expect(await readAccount(ns.redis, ns.keys)).toMatchObject({ rows: 1, enqueued: 1, unaccounted: 0 });
      expect(slack.accepted).toEqual([]);
      expect(await ns.redis.zcard(ns.keys.windowNames)).toBe(0);
      second.child.kill('SIGKILL');
      await second.exited;
      await removeNamespace(ns);
      return fired;
    });
    expect(killed).toBeGreaterThan(0);
  },
);

test('a wake whose worker is killed three times around its post, before Slack answers, is still sent once', async ({
  ns,
  logPath,
}) => {
  const { slack, anthropic, env: ofDoubles } = await doubles();
  const env = environment(ns, logPath, ofDoubles);
  const tailer = runApp('tailer', env);
  await tailer.until('tailer.following');
  append(logPath, wakeRow());
  await tailer.until('wake.enqueued');
  for (let kill = 1; kill <= 3; kill++) {
    const worker = runApp('worker', env);
    if (kill === 1) {
      const die = () => void worker.child.kill('SIGKILL');
      slack.next.push(slack.acceptThen(die));
    } else {
      await worker.until('worker.ready');
      await expireLocks(ns);
      await eventually(() => ns.deliveries.getActiveCount().then((n) => n > 0), 30_000).catch(() => undefined);
      worker.child.kill('SIGKILL');
    }
    await worker.exited;
    await expireLocks(ns);
  }
  const last = runApp('worker', env);
  await last.until('worker.ready');
  await expireLocks(ns);
  await allEnded(ns, 1);
  expect([slack.accepted.length, anthropic.requests.length]).toEqual([1, 1]);
}, 900_000);
