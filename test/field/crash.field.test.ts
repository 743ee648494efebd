/**
 * Kills each app before and after each message that it sends to Redis while it handles a wake, and around its post to
 * Slack. `test/e2e/crash.test.ts` is a short version for `npm test`.
 */
import { expect } from 'vitest';
import {
  allEnded,
  crashDigest,
  crashNotice,
  crashTailer,
  crashUnchanged,
  crashWithdrawal,
  crashWorker,
  expireLocks,
  type Kill,
  type Recovery,
} from '../support/crash.ts';
import { doubles, environment } from '../support/doubles.ts';
import { append, eventually, test, wakeRow } from '../support/fixtures.ts';
import { runApp } from '../support/process.ts';

/** More messages than an app sends for the rows of these tests. After the last one nothing fires and nothing is killed. */
const TAILER_MESSAGES = 5;
const WORKER_MESSAGES = 33;
/** More messages than a worker sends to end a wake that has recovered. */
const WITHDRAW_MESSAGES = 12;
/** More messages than a worker sends for a wake that has not changed, from its decision on. */
const UNCHANGED_MESSAGES = 24;
/** More messages than a worker sends to end a snooze and to send its notice, between looks at the clock. */
const NOTICE_MESSAGES = 45;
/** More messages than a worker sends for a storm of nine wakes, whose digest needs one reply. */
const DIGEST_MESSAGES = 90;
/**
 * Every third message of the worker, and different ones before and after it. To test each message:
 * `CRASH_EVERY_ARROW=1 npm run test:field -- test/field/crash.field.test.ts`.
 */
const WORKER_STRIDE = process.env.CRASH_EVERY_ARROW ? 1 : 3;
const DIGEST_STRIDE = process.env.CRASH_EVERY_ARROW ? 1 : 9;
/** Scenarios at once: most of their time is waiting for a lease or a lock to expire. */
const AT_ONCE = 6;

/** Runs `scenario` for each message number, before and after it, a few at a time. Resolves with the number of kills. */
async function atEveryMessage(
  messages: number,
  stride: number,
  scenario: (kill: Kill) => Promise<boolean>,
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
      const fired = await scenario(kill).catch((error: unknown) => {
        throw new Error(`killed ${when} message ${at}`, { cause: error });
      });
      if (fired) killed++;
    }
  });
  await Promise.all(workers);
  return killed;
}

test('a tailer killed around any message to Redis is replaced by another, and each row is decided once', async ({
  folder,
}) => {
  const killed = await atEveryMessage(TAILER_MESSAGES, 1, (kill) => crashTailer(folder, kill));
  // It marks the batch as begun, adds the jobs, and commits: it was killed before and after each of the three.
  expect(killed).toBeGreaterThanOrEqual(6);
}, 900_000);

test('a worker killed around any message to Redis is replaced by another; the wake is sent once, and paid for again only if its report was not stored yet', async ({
  folder,
}) => {
  const killed = await atEveryMessage(WORKER_MESSAGES, WORKER_STRIDE, (kill) => crashWorker(folder, kill));
  expect(killed).toBeGreaterThanOrEqual(WORKER_MESSAGES / WORKER_STRIDE);
}, 900_000);

test.for<Recovery>(['before its investigation', 'after its investigation'])(
  'a wake that recovers %s is withdrawn once, whenever its worker is killed',
  { timeout: 900_000 },
  async (moment, { folder }) => {
    const killed = await atEveryMessage(WITHDRAW_MESSAGES, WORKER_STRIDE, (kill) =>
      crashWithdrawal(folder, moment, kill),
    );
    expect(killed).toBeGreaterThan(0);
  },
);

test('a wake that has not changed is sent once and never paid for, whenever its worker is killed', {
  timeout: 900_000,
}, async ({ folder }) => {
  const killed = await atEveryMessage(UNCHANGED_MESSAGES, WORKER_STRIDE, (kill) => crashUnchanged(folder, kill));
  expect(killed).toBeGreaterThanOrEqual(UNCHANGED_MESSAGES / WORKER_STRIDE);
});

test('the end of a snooze notifies once, whenever the worker is killed', { timeout: 900_000 }, async ({ folder }) => {
  const killed = await atEveryMessage(NOTICE_MESSAGES, WORKER_STRIDE, (kill) => crashNotice(folder, kill));
  expect(killed).toBeGreaterThan(0);
});

test('the digest of a storm is sent once with all names, whenever the worker is killed', { timeout: 900_000 }, async ({
  folder,
}) => {
  const killed = await atEveryMessage(DIGEST_MESSAGES, DIGEST_STRIDE, (kill) => crashDigest(folder, kill));
  expect(killed).toBeGreaterThan(10);
});

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
