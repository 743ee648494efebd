/** Compares the simulation with a real run of the same small plan. */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { simulateWakes } from '../apps/cli/src/simulation.ts';
import { diagnose } from '../test/support/anthropic.ts';
import { httpDouble, json } from '../test/support/http-double.ts';
import { append, wakeRow } from '../test/support/rows.ts';
import { type Bench, quantile, repeated } from './measure.ts';
import { startTailerAndWorker } from './world.ts';

const ENGINE_MS = 500;
const CONCURRENCY = 4;

export const forecast: Bench = {
  id: 'forecast',
  title: 'a burst of wakes, relative to the forecast of `npm run simulate`',
  measure: async ({ world, quick, runs }) => {
    const count = quick ? 12 : 40;
    const sandbox = await world.sandbox();
    const engine = await httpDouble(async (request, response, socket) => {
      await sleep(ENGINE_MS);
      return diagnose(request, response, socket);
    });
    const sentAt: number[] = [];
    const slack = await httpDouble((...request) => {
      sentAt.push(performance.now());
      return json(200, { ok: true, channel: 'D1', ts: '1.1' })(...request);
    });
    await startTailerAndWorker(sandbox, { slack, engine }, { KORA_WORKER_CONCURRENCY: String(CONCURRENCY) });
    let probes = 0;
    const taken = await repeated(Math.min(runs, 3), async () => {
      sentAt.length = 0;
      const begun = performance.now();
      append(sandbox.logPath, ...Array.from({ length: count }, () => wakeRow({ probe: `probe-${probes++}` })));
      while (sentAt.length < count) await sleep(50);
      // Slack's pace after the last DM must not delay the next run.
      await sleep(1_500);
      return sentAt.map((at) => at - begun);
    });
    await sandbox.end();
    await Promise.all([engine.close(), slack.close()]);
    const plan = { workers: 1, concurrency: CONCURRENCY, engineMs: ENGINE_MS, engineSpread: 0, paceMs: 1_000 };
    const burst = Array.from({ length: count }, () => 0);
    const { toDm } = simulateWakes(
      burst,
      { ...plan, overheadMs: 10, budgetUsd: 0, usd: [0, 0, 0], days: 1 },
      () => 0.5,
    );
    const goal = { atLeast: 0.9, atMost: 1.1 };
    return {
      figures: [
        {
          label: 'median time to the DM',
          values: taken.map((run) => quantile(run, 0.5) / toDm.median),
          unit: '×',
          goal,
        },
        { label: 'the last DM', values: taken.map((run) => Math.max(...run) / toDm.max), unit: '×', goal },
        { label: 'the last DM, forecast', values: [toDm.max / 1_000], unit: 's' },
        { label: 'the last DM', values: taken.map((run) => Math.max(...run) / 1_000), unit: 's' },
      ],
      notes: [
        `${count} wakes at once, ${CONCURRENCY} investigations at once, an engine of ${ENGINE_MS} ms, Slack's one message a second.`,
      ],
    };
  },
};
