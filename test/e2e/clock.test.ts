/** The apps on a machine whose clock is set while they run. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readAccount } from '@kora-wake/shared/store/account';
import { expect, onTestFinished } from 'vitest';
import { append, eventually, test, wakeRow } from '../support/fixtures.ts';
import { reset } from '../support/http-double.ts';
import { runApp } from '../support/process.ts';
import { slackDouble } from '../support/slack.ts';

const HOUR_MS = 3_600_000;
const PRELOAD = `--import=${join(import.meta.dirname, '..', 'support', 'clock.mjs')}`;

test.for<[string, number]>([
  ['forward', HOUR_MS],
  ['back', -HOUR_MS],
])(
  'set an hour %s, each wake is told once, also one whose answer was lost',
  { timeout: 130_000 },
  async ([_way, jumpMs], { ns, folder, logPath }) => {
    const slack = await slackDouble();
    onTestFinished(() => slack.close());
    const clock = join(folder, 'clock');
    writeFileSync(clock, '0');
    const env = {
      REDIS_URL: ns.redisUrl,
      KORA_QUEUE_PREFIX: ns.prefix,
      KORA_AUDIT_LOG_PATH: logPath,
      // The apps learn of the jump a moment after the row: it must not be an hour old for one of them.
      KORA_PROBE_WAKE_MAX_AGE_SECONDS: '0',
      KORA_SLACK_BOT_TOKEN: 'xoxb-secret',
      KORA_SLACK_OPERATOR_USER_ID: 'U0OPERATOR',
      KORA_SLACK_API_URL: slack.apiUrl,
      NODE_OPTIONS: PRELOAD,
      CLOCK_AHEAD_FILE: clock,
    };
    const [tailer, worker] = [runApp('tailer', env), runApp('worker', env)];
    await Promise.all([tailer.until('following the log'), worker.until('waiting for wakes')]);
    const row = (category: string, aheadMs: number) =>
      wakeRow({ category, emittedAt: new Date(Date.now() + aheadMs).toISOString() });
    slack.next.push(slack.acceptThen(reset));
    append(logPath, row('a', 0));
    await worker.until('not delivered');
    writeFileSync(clock, String(jumpMs));
    append(logPath, row('b', jumpMs));
    // What waits by a clock that was set back is let go by the next sweep, within a minute.
    await eventually(() => readAccount(ns.redis, ns.keys).then(({ outcomes }) => outcomes.fallback === 2), 110_000);
    expect(slack.accepted).toHaveLength(2);
    expect(new Set(slack.accepted.map(({ wakeId }) => wakeId)).size).toBe(2);
  },
);
