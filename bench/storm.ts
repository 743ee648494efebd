/** A storm: 1,000 pairs at once become one digest, whose thread names them all. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { readAccount } from '@kora-wake/shared/store/account';
import { anthropicDouble } from '../test/support/anthropic.ts';
import { append, wakeRow } from '../test/support/rows.ts';
import { slackDouble } from '../test/support/slack.ts';
import { type Bench, repeated } from './measure.ts';
import { startTailerAndWorker } from './world.ts';

const PAIRS = 1_000;

export const storm: Bench = {
  id: 'P14',
  title: '1,000 pairs at once, with a storm in the policy',
  measure: async ({ world, quick, runs }) => {
    const taken = await repeated(quick ? 1 : Math.min(runs, 3), async () => {
      const sandbox = await world.sandbox();
      const [slack, engine] = await Promise.all([slackDouble(), anthropicDouble()]);
      const policy = join(sandbox.folder, 'policy.yaml');
      writeFileSync(policy, 'version: 1\nstorm: { pairs: 8, within: 60s }\n');
      await startTailerAndWorker(sandbox, { slack, engine }, { KORA_POLICY_PATH: policy });
      const begun = performance.now();
      const beganAt = Date.now();
      append(sandbox.logPath, ...Array.from({ length: PAIRS }, (_, i) => wakeRow({ probe: `probe-${i}` })));
      for (;;) {
        const { rows, inFlight } = await readAccount(sandbox.redis, sandbox.keys);
        if (rows === PAIRS && inFlight === 0) break;
        await sleep(20);
      }
      const last = performance.now() - begun;
      const first = (slack.accepted[0]?.at ?? Infinity) - beganAt;
      const { unaccounted } = await readAccount(sandbox.redis, sandbox.keys);
      const posts = slack.accepted.length;
      await sandbox.end();
      await Promise.all([slack.close(), engine.close()]);
      return { first, last, posts, unaccounted };
    });
    return {
      figures: [
        {
          label: 'the last wake has its outcome',
          values: taken.map(({ last }) => last / 1_000),
          unit: 's',
          goal: { atMost: 15 },
        },
        { label: 'the first message', values: taken.map(({ first }) => first / 1_000), unit: 's', goal: { atMost: 2 } },
        { label: 'messages', values: taken.map(({ posts }) => posts), unit: '' },
        {
          label: 'unaccounted',
          values: taken.map(({ unaccounted }) => unaccounted),
          unit: '',
          goal: { atMost: 0 },
        },
      ],
      notes: [
        'A wake has its outcome once Slack has accepted a message that names its pair: the digest, or a reply in its thread. Workers post these at 45 a minute, the pace of all edits. Without a storm, 1,000 messages at one a second take 17 minutes.',
      ],
    };
  },
};
