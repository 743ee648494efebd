/** Whether the simulation says what then happens: small plans, foretold and run. */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { follow } from '../apps/cli/src/simulation.ts';
import { diagnose } from '../test/support/anthropic.ts';
import { httpDouble, json } from '../test/support/http-double.ts';
import { append, wakeRow } from '../test/support/rows.ts';
import { type Bench, quantile, repeated } from './measure.ts';
import { startTelling } from './world.ts';

const ENGINE_MS = 500;
const CONCURRENCY = 4;

export const foretold: Bench = {
  id: 'forecast',
  title: 'a burst of wakes, by what `npm run simulate` foretells of it',
  measure: async ({ world, quick, runs }) => {
    const count = quick ? 12 : 40;
    const place = await world.place();
    const engine = await httpDouble(async (request, response, socket) => {
      await sleep(ENGINE_MS);
      return diagnose(request, response, socket);
    });
    const told: number[] = [];
    const slack = await httpDouble((...request) => {
      told.push(performance.now());
      return json(200, { ok: true, channel: 'D1', ts: '1.1' })(...request);
    });
    await startTelling(place, { slack, engine }, { KORA_WORKER_CONCURRENCY: String(CONCURRENCY) });
    let probes = 0;
    const taken = await repeated(Math.min(runs, 3), async () => {
      told.length = 0;
      const begun = performance.now();
      append(place.logPath, ...Array.from({ length: count }, () => wakeRow({ probe: `probe-${probes++}` })));
      while (told.length < count) await sleep(50);
      // The pace of the last is over before the next run begins.
      await sleep(1_500);
      return told.map((at) => at - begun);
    });
    await place.end();
    await Promise.all([engine.close(), slack.close()]);
    const plan = { workers: 1, concurrency: CONCURRENCY, engineMs: ENGINE_MS, engineSpread: 0, paceMs: 1_000 };
    const burst = Array.from({ length: count }, () => 0);
    const { toDm } = follow(burst, { ...plan, overheadMs: 10, budgetUsd: 0, usd: [0, 0, 0], days: 1 }, () => 0.5);
    const goal = { atLeast: 0.9, atMost: 1.1 };
    return {
      figures: [
        {
          what: 'median time to the DM',
          values: taken.map((run) => quantile(run, 0.5) / toDm.median),
          unit: '×',
          goal,
        },
        { what: 'the last DM', values: taken.map((run) => Math.max(...run) / toDm.max), unit: '×', goal },
        { what: 'the last DM, foretold', values: [toDm.max / 1_000], unit: 's' },
        { what: 'the last DM', values: taken.map((run) => Math.max(...run) / 1_000), unit: 's' },
      ],
      notes: [
        `${count} wakes at once, ${CONCURRENCY} investigations at once, an engine of ${ENGINE_MS} ms, Slack's one message a second.`,
      ],
    };
  },
};
