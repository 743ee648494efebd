/**
 * One crash: an app is killed around a message to Redis while it handles a wake. Another process then takes over. The account
 * must add up: each row is decided once, each wake is sent once.
 */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readAccount } from '@kora-wake/shared/store/account';
import { actOnIncident } from '@kora-wake/shared/store/incidents';
import { sourceId } from '@kora-wake/shared/store/keys';
import { expect } from 'vitest';
import { DIAGNOSIS } from './anthropic.ts';
import { namesIn, pairName, textsOf } from './digests.ts';
import { doubles, environment } from './doubles.ts';
import {
  append,
  countWaiting,
  eventually,
  type Namespace,
  namespace,
  recoveredRow,
  removeNamespace,
  wakeRow,
} from './fixtures.ts';
import { runApp } from './process.ts';
import { statsSums } from './stats.ts';
import { tripwire } from './tripwire.ts';

/** A kill before or after message number `at`, from 1. */
export interface Kill {
  at: number;
  when: 'before' | 'after';
  /** For a worker: only messages count that it sends after Slack accepted the message. */
  since?: 'post';
}

/** Messages that an idle app sends too. A kill at one of them interrupts no work. */
const IDLE =
  /bzpopmin|extendLock|moveStalledJobs|\bINFO\b|\binfo\b|\bping\b|\bCLIENT\b|\bclient\b|\bHELLO\b|PEXPIRE', KEYS\[1\], ARGV\[2\]/i;
const matters = (message: string) => !IDLE.test(message);

/** Removes the locks of a dead worker, as their expiry would. */
export async function expireLocks(ns: Namespace): Promise<void> {
  for await (const keys of ns.redis.scanStream({ match: `${ns.prefix}:*:lock`, count: 1_000 })) {
    if (keys.length > 0) await ns.redis.unlink(...keys);
  }
  await ns.redis.unlink(
    `${ns.prefix}:wakes:stalled-check`,
    `${ns.prefix}:deliveries:stalled-check`,
    `${ns.prefix}:followups:stalled-check`,
  );
}

export async function allEnded(ns: Namespace, wakes: number): Promise<void> {
  await eventually(async () => {
    const { outcomes, inFlight } = await readAccount(ns.redis, ns.keys);
    return outcomes.diagnosis === wakes && inFlight === 0;
  }, 180_000);
}

/** A namespace, a log and doubles for one scenario. */
async function ownWorld(folder: string) {
  const ns = await namespace();
  const logPath = join(mkdtempSync(join(folder, 'world-')), 'log.jsonl');
  const { slack, anthropic, env } = await doubles();
  return { ns, logPath, slack, anthropic, env: environment(ns, logPath, env) };
}

/** Kills a tailer. @returns whether it was killed: after its last message nothing fires */
export async function crashTailer(folder: string, kill: Kill): Promise<boolean> {
  const { ns, logPath, env } = await ownWorld(folder);
  const wire = await tripwire(ns.redisUrl, matters, kill.when);
  // The second tailer has another window: rows that the first one enqueued must stay enqueued.
  const first = runApp('tailer', { ...env, REDIS_URL: wire.url, KORA_PROBE_DEBOUNCE_SECONDS: '0' });
  await first.until('tailer.following');
  let fired = false;
  wire.arm(kill.at, () => {
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
  expect(await statsSums(ns)).toEqual({ w: enqueued, ...(coalesced > 0 && { s: coalesced }) });
  second.child.kill('SIGKILL');
  await second.exited;
  await removeNamespace(ns);
  return fired;
}

/** Kills a worker while it investigates and sends a wake. @returns whether it was killed */
export async function crashWorker(folder: string, kill: Kill): Promise<boolean> {
  const { ns, logPath, env, slack, anthropic } = await ownWorld(folder);
  const tailer = runApp('tailer', env);
  await tailer.until('tailer.following');
  append(logPath, wakeRow());
  await tailer.until('wake.enqueued');
  tailer.child.kill('SIGKILL');
  await ns.queue.pause();
  const counts = (message: string) => (!kill.since || slack.accepted.length > 0) && matters(message);
  const wire = await tripwire(ns.redisUrl, counts, kill.when);
  const first = runApp('worker', { ...env, REDIS_URL: wire.url });
  await first.until('worker.ready');
  let fired = false;
  wire.arm(kill.at, () => {
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
  const { u: _, ...sums } = await statsSums(ns);
  expect(sums).toEqual({ w: 1, 'o:diagnosis': 1 });
  expect(slack.accepted.map(({ text }) => text)).toEqual([`⚠️ Probe alert · fly\n${DIAGNOSIS}`]);
  expect(anthropic.requests.length).toBeLessThanOrEqual(2);
  second.child.kill('SIGKILL');
  await second.exited;
  await removeNamespace(ns);
  return fired;
}

/**
 * Kills a worker while it sends a wake that has not changed. Messages count from its decision on, which has number 1.
 *
 * @returns whether it was killed
 */
export async function crashUnchanged(folder: string, kill: Kill): Promise<boolean> {
  const { ns, logPath, env: usual, slack, anthropic } = await ownWorld(folder);
  const { redis, keys } = ns;
  const policyPath = `${logPath}.policy.yaml`;
  writeFileSync(
    policyPath,
    'version: 1\nrules:\n  - { match: { probe: fly }, window: 0s, reinvestigate: on_change }\n',
  );
  const env = { ...usual, KORA_POLICY_PATH: policyPath };
  const tailer = runApp('tailer', env);
  await tailer.until('tailer.following');
  let hasDecided = false;
  // Only the script that decides has this argument.
  const counts = (message: string) => {
    hasDecided ||= slack.accepted.length > 0 && message.includes('"instead"');
    return hasDecided && matters(message);
  };
  const wire = await tripwire(ns.redisUrl, counts, kill.when);
  const first = runApp('worker', { ...env, REDIS_URL: wire.url });
  await first.until('worker.ready');
  append(logPath, wakeRow());
  await allEnded(ns, 1);
  let fired = false;
  wire.arm(kill.at, () => {
    fired = first.child.kill('SIGKILL');
  });
  append(logPath, wakeRow());
  const isEnded = () =>
    eventually(async () => {
      const { outcomes, inFlight } = await readAccount(redis, keys);
      return outcomes.diagnosis + outcomes.unchanged === 2 && inFlight === 0;
    }, 180_000);
  await Promise.race([first.exited, isEnded()]);
  for (const { child, exited } of [first, tailer]) {
    child.kill('SIGKILL');
    await exited;
  }
  await wire.close();
  await expireLocks(ns);
  const second = runApp('worker', env);
  await second.until('worker.ready');
  await expireLocks(ns);
  await isEnded();
  const ended = { outcomes: { diagnosis: 1, unchanged: 1 }, unaccounted: 0 };
  expect(await readAccount(redis, keys)).toMatchObject({ rows: 2, enqueued: 2, ...ended });
  expect(slack.accepted.map(({ text }) => text.includes('Still failing since'))).toEqual([false, true]);
  expect(anthropic.requests).toHaveLength(1);
  second.child.kill('SIGKILL');
  await second.exited;
  await removeNamespace(ns);
  return fired;
}

export type Recovery = 'before its investigation' | 'after its investigation';

/** Kills a worker while it withdraws a wake that has recovered. @returns whether it was killed */
export async function crashWithdrawal(folder: string, moment: Recovery, kill: Kill): Promise<boolean> {
  const { ns, logPath, env, slack } = await ownWorld(folder);
  const tailer = runApp('tailer', env);
  await tailer.until('tailer.following');
  const held = moment === 'before its investigation' ? ns.queue : ns.deliveries;
  await held.pause();
  const wire = await tripwire(ns.redisUrl, matters, kill.when);
  const first = runApp('worker', { ...env, REDIS_URL: wire.url });
  await first.until('worker.ready');
  append(logPath, wakeRow());
  await eventually(async () => (await countWaiting(held)) === 1);
  append(logPath, recoveredRow({ probe: 'fly', category: 'service_unhealthy' }));
  await eventually(async () => (await readAccount(ns.redis, ns.keys)).recovered.closed === 1);
  tailer.child.kill('SIGKILL');
  let fired = false;
  wire.arm(kill.at, () => {
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
}

/** Kills a worker while a snooze ends and its notice is sent. @returns whether it was killed */
export async function crashNotice(folder: string, kill: Kill): Promise<boolean> {
  const { ns, logPath, env, slack } = await ownWorld(folder);
  const { redis, keys } = ns;
  const tailer = runApp('tailer', env);
  await tailer.until('tailer.following');
  const earlier = runApp('worker', env);
  await earlier.until('worker.ready');
  append(logPath, wakeRow());
  await allEnded(ns, 1);
  for (const { child, exited } of [tailer, earlier]) {
    child.kill('SIGKILL');
    await exited;
  }
  const [id = ''] = await redis.zrangebyscore(keys.openIncidents, '-inf', '+inf');
  await actOnIncident(redis, keys, id, { kind: 'snooze', seconds: 60 }, 'ada');
  const wire = await tripwire(ns.redisUrl, matters, kill.when);
  const first = runApp('worker', { ...env, REDIS_URL: wire.url });
  await first.until('worker.ready');
  let fired = false;
  wire.arm(kill.at, () => {
    fired = first.child.kill('SIGKILL');
  });
  // Clocks are looked at every ten seconds.
  await redis.hset(keys.incident(id), 'snoozedUntil', 1);
  const isSent = () =>
    eventually(async () => {
      const { sent, pending } = (await readAccount(redis, keys)).notices;
      return sent === 1 && pending === 0 && (await redis.zcard(keys.changedIncidents)) === 0;
    }, 180_000);
  await Promise.race([first.exited, isSent()]);
  first.child.kill('SIGKILL');
  await first.exited;
  await wire.close();
  await expireLocks(ns);
  const second = runApp('worker', env);
  await second.until('worker.ready');
  await expireLocks(ns);
  await isSent();
  expect(await readAccount(redis, keys)).toMatchObject({ notices: { sent: 1, withdrawn: 0, dead: 0 }, unaccounted: 0 });
  expect(slack.accepted.map(({ text }) => text.includes('The snooze is over'))).toEqual([false, true]);
  second.child.kill('SIGKILL');
  await second.exited;
  await removeNamespace(ns);
  return fired;
}

/** Kills a worker while it sends the digest of a storm, and the reply with the other names. @returns whether it was killed */
export async function crashDigest(folder: string, kill: Kill): Promise<boolean> {
  const { ns, logPath, env: ofWorld, slack } = await ownWorld(folder);
  const { redis, keys } = ns;
  const policy = join(mkdtempSync(join(folder, 'policy-')), 'policy.yaml');
  writeFileSync(policy, 'version: 1\nstorm: { pairs: 8, within: 60s }\n');
  const env = { ...ofWorld, KORA_POLICY_PATH: policy };
  const tailer = runApp('tailer', env);
  await tailer.until('tailer.following');
  const pairs = Array.from({ length: 9 }, (_, i) => ({
    probe: `host-${i}-${'x'.repeat(150)}`,
    category: 'y'.repeat(150),
  }));
  append(logPath, ...pairs.map(wakeRow));
  await eventually(async () => (await readAccount(redis, keys)).enqueued === pairs.length);
  tailer.child.kill('SIGKILL');
  await tailer.exited;
  const wire = await tripwire(ns.redisUrl, matters, kill.when);
  const first = runApp('worker', { ...env, REDIS_URL: wire.url });
  let fired = false;
  wire.arm(kill.at, () => {
    fired = first.child.kill('SIGKILL');
  });
  const isSent = () =>
    eventually(async () => {
      const { inFlight, notices } = await readAccount(redis, keys);
      return inFlight === 0 && notices.pending === 0 && (await redis.zcard(keys.changedIncidents)) === 0;
    }, 180_000);
  await Promise.race([first.exited, isSent()]);
  first.child.kill('SIGKILL');
  await first.exited;
  await wire.close();
  await expireLocks(ns);
  const second = runApp('worker', env);
  await second.until('worker.ready');
  await expireLocks(ns);
  await isSent();
  const { outcomes, notices, unaccounted } = await readAccount(redis, keys);
  expect({ outcomes, notices, unaccounted }).toMatchObject({
    outcomes: { digest: pairs.length },
    notices: { sent: 2, withdrawn: 0, dead: 0 },
    unaccounted: 0,
  });
  const texts = slack.accepted.flatMap(textsOf);
  expect(slack.accepted.map(({ thread }) => thread === slack.accepted[0]?.ts)).toEqual([false, true]);
  expect(pairs.filter((pair) => !namesIn(texts).has(pairName(pair)))).toEqual([]);
  second.child.kill('SIGKILL');
  await second.exited;
  await removeNamespace(ns);
  return fired;
}
