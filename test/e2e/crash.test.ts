/**
 * kill -9 at every arrow: each app is killed before, and after, each message it sends to Redis while it works on a
 * wake, and around its post to Slack. Another one then takes over, and the account must add up: every row decided
 * once, every wake told once.
 */
import { readAccount } from '@kora-wake/shared/account';
import { describe, expect, onTestFinished } from 'vitest';
import { anthropicDouble, DIAGNOSIS } from '../support/anthropic.ts';
import { append, eventually, type Namespace, test, wakeRow } from '../support/fixtures.ts';
import { type Running, runApp } from '../support/process.ts';
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

/** What an app sends while it does nothing; a kill there stands between no two effects. */
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

describe.each(['before', 'after'] as const)('killed %s a message to Redis', (when) => {
  test.for(Array.from({ length: 8 }, (_, i) => i + 1))(
    'number %i, the tailer is followed by another, and each row is decided once',
    async (at, { ns, logPath }) => {
      const { env } = await world(ns, logPath);
      const wire = await tripwire(ns.redisUrl, matters, when);
      onTestFinished(() => wire.close());
      const first = runApp('tailer', { ...env, REDIS_URL: wire.url });
      await first.until('following the log');
      wire.arm(at, () => first.child.kill('SIGKILL'));
      append(logPath, wakeRow(), wakeRow(), wakeRow({ probe: 'vercel' }));
      await Promise.race([
        first.exited,
        eventually(() => ns.redis.hget(ns.keys.counters, 'rows').then((n) => n === '3')),
      ]);
      first.child.kill('SIGKILL');
      await first.exited;
      await ns.redis.unlink(...(await ns.redis.keys(`${ns.prefix}:source:*:lease`)), `${ns.prefix}:nothing`);
      runApp('tailer', env);
      await eventually(() => ns.redis.hget(ns.keys.counters, 'rows').then((n) => n === '3'));
      expect(await readAccount(ns.redis, ns.keys)).toMatchObject({
        rows: 3,
        enqueued: 2,
        coalesced: 1,
        inFlight: 2,
        unaccounted: 0,
      });
    },
    60_000,
  );

  test.for(Array.from({ length: 10 }, (_, i) => i + 1))(
    'number %i, the worker is followed by another, and the wake is told once and investigated as seldom as can be',
    async (at, { ns, logPath }) => {
      const { slack, anthropic, env } = await world(ns, logPath);
      const tailer = runApp('tailer', env);
      await tailer.until('following the log');
      append(logPath, wakeRow());
      await tailer.until('enqueued');
      await ns.queue.pause();
      const wire = await tripwire(ns.redisUrl, matters, when);
      onTestFinished(() => wire.close());
      const first = runApp('worker', { ...env, REDIS_URL: wire.url });
      await first.until('waiting for wakes');
      wire.arm(at, () => first.child.kill('SIGKILL'));
      await ns.queue.resume();
      await Promise.race([first.exited, settled(ns, 1)]);
      first.child.kill('SIGKILL');
      await first.exited;
      const asked = anthropic.requests.length;
      await lapse(ns);
      const second: Running = runApp('worker', env);
      await second.until('waiting for wakes');
      await lapse(ns);
      await settled(ns, 1);
      expect(await readAccount(ns.redis, ns.keys)).toMatchObject({ rows: 1, enqueued: 1, unaccounted: 0 });
      expect(slack.accepted.map(({ text }) => text)).toEqual([`🚨 Probe alert · fly\n${DIAGNOSIS}`.replace('🚨', '⚠️')]);
      // Paid twice only where the worker died before it could save what it had paid for.
      expect(anthropic.requests.length).toBeLessThanOrEqual(asked + 1);
      expect(anthropic.requests.length).toBeLessThanOrEqual(2);
    },
    120_000,
  );
});

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
