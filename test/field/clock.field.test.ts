/** The apps on a machine whose clock is set while they run. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readAccount } from '@kora-wake/shared/store/account';
import { expect, onTestFinished } from 'vitest';
import { environment, startTailerAndWorker } from '../support/doubles.ts';
import { append, eventually, test, wakeRow } from '../support/fixtures.ts';
import { reset } from '../support/http-double.ts';
import { slackDouble } from '../support/slack.ts';

const HOUR_MS = 3_600_000;
const PRELOAD = `--import=${join(import.meta.dirname, '..', 'support', 'clock.mjs')}`;

test.for<[string, number]>([
  ['forward', HOUR_MS],
  ['back', -HOUR_MS],
])(
  'with the clock set an hour %s, each wake is sent once, even one whose answer was lost',
  { timeout: 240_000 },
  async ([_direction, jumpMs], { ns, folder, logPath }) => {
    const slack = await slackDouble();
    onTestFinished(() => slack.close());
    const clock = join(folder, 'clock');
    writeFileSync(clock, '0');
    const env = environment(ns, logPath, {
      // The apps read the new time a moment after the row: without a limit the row cannot be too old for one of them.
      KORA_PROBE_WAKE_MAX_AGE_SECONDS: '0',
      KORA_SLACK_BOT_TOKEN: 'xoxb-secret',
      KORA_SLACK_OPERATOR_USER_ID: 'U0OPERATOR',
      KORA_SLACK_API_URL: slack.apiUrl,
      NODE_OPTIONS: PRELOAD,
      CLOCK_AHEAD_FILE: clock,
    });
    const { worker } = await startTailerAndWorker(env);
    const row = (category: string, aheadMs: number) =>
      wakeRow({ category, emittedAt: new Date(Date.now() + aheadMs).toISOString() });
    slack.next.push(slack.acceptThen(reset));
    append(logPath, row('a', 0));
    await worker.until('delivery.retrying');
    writeFileSync(clock, String(jumpMs));
    append(logPath, row('b', jumpMs));
    // The sweeper, once a minute, promotes a job that is delayed by a clock that was set back.
    await eventually(() => readAccount(ns.redis, ns.keys).then(({ outcomes }) => outcomes.fallback === 2), 200_000);
    expect(slack.accepted).toHaveLength(2);
    expect(new Set(slack.accepted.map(({ wakeId }) => wakeId)).size).toBe(2);
  },
);
