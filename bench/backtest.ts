/** Speed of a backtest, compared with following the same log, and with a program that reads it. */
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WAKE_SEAM } from '@kora-wake/shared/wake/wake';
import { decided, fromItsStart } from './from-start.ts';
import { writeLog } from './logs.ts';
import { type Bench, ratios, repeated, runTime } from './measure.ts';
import { stop } from './world.ts';

const CLI = join(import.meta.dirname, '..', 'apps', 'cli', 'dist', 'main.js');
const POLICY = 'version: 1\nrules:\n  - window: 30m\n    consecutive: 2\n    backoff: { factor: 2, max: 4h }\n';

export const backtest: Bench = {
  id: 'P13',
  title: 'a backtest of a policy next to the current one',
  measure: async ({ world, quick, runs }) => {
    const sandbox = await world.sandbox();
    const path = sandbox.logPath;
    const { wakes } = writeLog(path, { bytes: quick ? 384 * 2 ** 20 : 2 ** 30, oneIn: 100, pairs: 50 });
    const mib = statSync(path).size / 2 ** 20;
    const policyPath = `${path}.policy`;
    writeFileSync(policyPath, POLICY);
    const times = await repeated(runs, async () => {
      await sandbox.redis.flushdb();
      await fromItsStart(sandbox);
      const tailer = sandbox.app('tailer');
      const followed = await decided(sandbox, tailer, wakes);
      await stop(tailer);
      return {
        followed,
        ours: await runTime(process.execPath, [CLI, 'backtest', '--log', path, '--policy', policyPath, '--json']),
        jq: await runTime('jq', ['-c', `select(.seam == "${WAKE_SEAM}") | .details.probe`, path]),
      };
    });
    await sandbox.end();
    const column = (name: keyof (typeof times)[number]) => times.map((run) => run[name]);
    return {
      figures: [
        {
          label: 'its run time relative to the time of the tailer',
          values: ratios(column('ours'), column('followed')),
          unit: '×',
          goal: { atMost: 2 },
        },
        {
          label: 'its speed relative to `jq`',
          values: ratios(column('jq'), column('ours')),
          unit: '×',
          goal: { atLeast: 20 },
        },
        { label: 'the backtest', values: column('ours').map((ms) => mib / (ms / 1_000)), unit: 'MiB/s' },
      ],
      notes: [
        `A log of ${Math.round(mib)} MiB, every 100th row a wake (${wakes} over 50 pairs), in the page cache. Two policies, with all alerts that differ as JSON. The time of the process counts from its start to its end; that of the tailer from its first read to its last commit.`,
      ],
    };
  },
};
