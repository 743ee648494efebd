/**
 * kill -9 at every arrow: each app is killed before, and after, each message it sends to Redis while it works on a
 * wake, and around its post to Slack. Another one then takes over, and the account must add up: every row decided
 * once, every wake told once.
 */
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { readAccount } from '@kora-wake/shared/store/account';
import { sourceId } from '@kora-wake/shared/store/keys';
import { expect, onTestFinished } from 'vitest';
import { anthropicDouble, DIAGNOSIS } from '../support/anthropic.ts';
import { append, eventually, type Namespace, namespace, removeNamespace, test, wakeRow } from '../support/fixtures.ts';
import { runApp } from '../support/process.ts';
import { slackDouble } from '../support/slack.ts';
import { tripwire } from '../support/tripwire.ts';

async function world(ns: Namespace, logPath: string) {
  const [slack, anthropic] = await Promise.all([slackDouble(), anthropicDouble()]);
  onTestFinished(async () => {
    await Promise.all([slack.close(), anthropic.close()]);
  });
  const env = {
    REDIS_URL: ns.redisUrl,
    KORA_QUEUE_PREFIX: ns.prefix,
    KORA_AUDIT_LOG_PATH: logPath,
    KORA_SLACK_BOT_TOKEN: 'xoxb-secret',
    KORA_SLACK_OPERATOR_USER_ID: 'U0OPERATOR',
    KORA_SLACK_API_URL: slack.apiUrl,
    ANTHROPIC_API_KEY: 'sk-secret',
    ANTHROPIC_BASE_URL: anthropic.url,
  };
  return { slack, anthropic, env };
}

/** What an app sends anyway; a kill there stands between no two effects. */
const IDLE =
  /bzpopmin|extendLock|moveStalledJobs|\bINFO\b|\binfo\b|\bping\b|\bCLIENT\b|\bclient\b|\bHELLO\b|PEXPIRE', KEYS\[1\], ARGV\[2\]/i;
const matters = (message: string) => !IDLE.test(message);

/** The locks of a dead worker lapse in time; this is that time passing. */
async function lapse(ns: Namespace): Promise<void> {
  for await (const keys of ns.redis.scanStream({ match: `${ns.prefix}:*:lock`, count: 1_000 })) {
    if (keys.length > 0) await ns.redis.unlink(...keys);
  }
  await ns.redis.unlink(`${ns.prefix}:wakes:stalled-check`, `${ns.prefix}:deliveries:stalled-check`);
}

async function settled(ns: Namespace, wakes: number): Promise<void> {
  await eventually(async () => {
    const { outcomes, inFlight } = await readAccount(ns.redis, ns.keys);
    return outcomes.diagnosis === wakes && inFlight === 0;
  }, 60_000);
}

/** More messages than an app sends for what it is given here; past the last one nothing fires, and nothing is killed. */
const TAILER_MESSAGES = 5;
const WORKER_MESSAGES = 32;
/**
 * `npm test` takes every third arrow of the worker, other ones for each way to be killed. All of them:
 * `CRASH_EVERY_ARROW=1 npm test -- test/e2e/crash.test.ts`.
 */
const WORKER_STRIDE = process.env.CRASH_EVERY_ARROW ? 1 : 3;
/** Worlds at once: most of their time is waiting for what lapses. */
const AT_ONCE = 6;

/** Runs `scenario` for each message number and each way to be killed, a few at a time. Resolves with how many were killed. */
async function everyArrow(
  messages: number,
  stride: number,
  scenario: (at: number, when: 'before' | 'after') => Promise<boolean>,
): Promise<number> {
  const arrows = (['before', 'after'] as const).flatMap((when) =>
    Array.from({ length: messages }, (_, i) => ({ at: i + 1, when })).filter(
      ({ at }) => (at + Number(when === 'after')) % stride === 0,
    ),
  );
  let killed = 0;
  const workers = Array.from({ length: AT_ONCE }, async () => {
    for (let arrow = arrows.shift(); arrow; arrow = arrows.shift()) {
      const { at, when } = arrow;
      const fired = await scenario(at, when).catch((error: unknown) => {
        throw new Error(`killed ${when} message ${at}`, { cause: error });
      });
      if (fired) killed++;
    }
  });
  await Promise.all(workers);
  return killed;
}

async function ownWorld(folder: string) {
  const ns = await namespace();
  const logPath = join(mkdtempSync(join(folder, 'world-')), 'log.jsonl');
  return { ns, logPath, ...(await world(ns, logPath)) };
}

test('a tailer killed around any message to Redis is followed by another, and each row is decided once', async ({
  folder,
}) => {
  const killed = await everyArrow(TAILER_MESSAGES, 1, async (at, when) => {
    const { ns, logPath, env } = await ownWorld(folder);
    const wire = await tripwire(ns.redisUrl, matters, when);
    // The one that follows has other settings: what was enqueued by the first is what it is, all the same.
    const first = runApp('tailer', { ...env, REDIS_URL: wire.url, KORA_PROBE_DEBOUNCE_SECONDS: '0' });
    await first.until('following the log');
    let fired = false;
    wire.arm(at, () => {
      fired = first.child.kill('SIGKILL');
    });
    append(logPath, wakeRow(), wakeRow(), wakeRow({ probe: 'vercel' }));
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
    expect(account).toMatchObject({ rows: 3, inFlight: enqueued, unaccounted: 0 });
    second.child.kill('SIGKILL');
    await second.exited;
    await removeNamespace(ns);
    return fired;
  });
  // It notes that it decides, adds the jobs, and commits: it died before and after each.
  expect(killed).toBeGreaterThanOrEqual(6);
}, 120_000);

test('a worker killed around any message to Redis is followed by another; the wake is told once, and paid for again only where it could not be saved', async ({
  folder,
}) => {
  const killed = await everyArrow(WORKER_MESSAGES, WORKER_STRIDE, async (at, when) => {
    const { ns, logPath, env, slack, anthropic } = await ownWorld(folder);
    const tailer = runApp('tailer', env);
    await tailer.until('following the log');
    append(logPath, wakeRow());
    await tailer.until('enqueued');
    tailer.child.kill('SIGKILL');
    await ns.queue.pause();
    const wire = await tripwire(ns.redisUrl, matters, when);
    const first = runApp('worker', { ...env, REDIS_URL: wire.url });
    await first.until('waiting for wakes');
    let fired = false;
    wire.arm(at, () => {
      fired = first.child.kill('SIGKILL');
    });
    await ns.queue.resume();
    await Promise.race([first.exited, settled(ns, 1)]);
    first.child.kill('SIGKILL');
    await first.exited;
    await wire.close();
    await lapse(ns);
    const second = runApp('worker', env);
    await second.until('waiting for wakes');
    await lapse(ns);
    await settled(ns, 1);
    expect(await readAccount(ns.redis, ns.keys)).toMatchObject({ rows: 1, enqueued: 1, unaccounted: 0 });
    expect(slack.accepted.map(({ text }) => text)).toEqual([`⚠️ Probe alert · fly\n${DIAGNOSIS}`]);
    expect(anthropic.requests.length).toBeLessThanOrEqual(2);
    second.child.kill('SIGKILL');
    await second.exited;
    await removeNamespace(ns);
    return fired;
  });
  expect(killed).toBeGreaterThanOrEqual(WORKER_MESSAGES / WORKER_STRIDE);
}, 240_000);

test('killed three times around one post, before Slack answers, a wake is still told once', async ({ ns, logPath }) => {
  const { slack, anthropic, env } = await world(ns, logPath);
  const tailer = runApp('tailer', env);
  await tailer.until('following the log');
  append(logPath, wakeRow());
  await tailer.until('enqueued');
  for (let kill = 1; kill <= 3; kill++) {
    const worker = runApp('worker', env);
    if (kill === 1) {
      const die = () => void worker.child.kill('SIGKILL');
      slack.next.push(slack.acceptThen(die));
    } else {
      await worker.until('waiting for wakes');
      await lapse(ns);
      await eventually(() => ns.deliveries.getActiveCount().then((n) => n > 0), 30_000).catch(() => undefined);
      worker.child.kill('SIGKILL');
    }
    await worker.exited;
    await lapse(ns);
  }
  const last = runApp('worker', env);
  await last.until('waiting for wakes');
  await lapse(ns);
  await settled(ns, 1);
  expect([slack.accepted.length, anthropic.requests.length]).toEqual([1, 1]);
}, 180_000);
