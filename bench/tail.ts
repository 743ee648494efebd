/** A tailer at the end of a large log: cost of one row, and memory. */
import { truncateSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { append, wakeRow } from '../test/support/rows.ts';
import type { Running } from '../test/support/spawn.ts';
import { decided, fromItsStart } from './from-start.ts';
import { writeLog } from './logs.ts';
import { type Bench, cpuMs, median, peakMib, ratios, repeated, timed } from './measure.ts';
import { type Sandbox, stop } from './world.ts';

const GIB = 2 ** 30;

/** Starts a tailer at the end of a sparse log of `bytes` bytes. It reads nothing before the end. */
async function atTheEndOf(sandbox: Sandbox, bytes: number): Promise<Running> {
  truncateSync(sandbox.logPath, bytes);
  append(sandbox.logPath, '');
  const tailer = sandbox.app('tailer');
  await tailer.until('tailer.following');
  return tailer;
}

export const oneRow: Bench = {
  id: 'P2',
  title: 'one row appended to a log of 10 GiB',
  measure: async ({ world, quick, runs }) => {
    const sizes = { large: quick ? GIB : 10 * GIB, small: 10 * 2 ** 20 };
    const [large, small] = [await world.sandbox(), await world.sandbox()];
    for (const sandbox of [large, small]) writeFileSync(sandbox.logPath, '');
    const tailers = { large: await atTheEndOf(large, sizes.large), small: await atTheEndOf(small, sizes.small) };
    let rows = 0;
    const once = async (sandbox: Sandbox, { until }: Running) => {
      const probe = `probe-${rows++}`;
      const waiting = until('wake.enqueued', (line) => line.probe === probe);
      return timed(async () => {
        append(sandbox.logPath, wakeRow({ probe }));
        await waiting;
      });
    };
    const pairs = quick ? 20 : 100;
    const sampled = async () => {
      const pids = { large: tailers.large.child.pid ?? 0, small: tailers.small.child.pid ?? 0 };
      const before = { large: cpuMs(pids.large), small: cpuMs(pids.small) };
      const times = { large: [] as number[], small: [] as number[] };
      for (let i = 0; i < pairs; i++) {
        times.large.push(await once(large, tailers.large));
        await sleep(20);
        times.small.push(await once(small, tailers.small));
        await sleep(20);
      }
      return {
        large: { ms: median(times.large), cpu: (cpuMs(pids.large) - before.large) / pairs },
        small: { ms: median(times.small), cpu: (cpuMs(pids.small) - before.small) / pairs },
      };
    };
    await sampled();
    const taken = await repeated(runs, sampled);
    await Promise.all([large.end(), small.end()]);
    const column = (log: 'large' | 'small', of: 'ms' | 'cpu') => taken.map((run) => run[log][of]);
    return {
      figures: [
        {
          label: 'processor time, relative to a log of 10 MiB',
          values: ratios(column('large', 'cpu'), column('small', 'cpu')),
          unit: '×',
          goal: { atMost: 1.1 },
        },
        {
          label: 'time to its decision, relative to a log of 10 MiB',
          values: ratios(column('large', 'ms'), column('small', 'ms')),
          unit: '×',
          goal: { atMost: 1.1 },
        },
        { label: 'processor time', values: column('large', 'cpu'), unit: 'ms' },
        { label: 'time to its decision', values: column('large', 'ms'), unit: 'ms' },
      ],
      notes: [
        `Sparse logs, each with a tailer at its end; ${pairs} rows per run to each, alternately. The time runs from before the write to the log line of the tailer, which follows its commit.`,
      ],
    };
  },
};

export const memory: Bench = {
  id: 'P7',
  title: 'memory of the tailer over 10 GiB with lines of 20 MiB in it',
  measure: async ({ world, quick, runs }) => {
    const bytes = quick ? GIB / 2 : 10 * GIB;
    const sandbox = await world.sandbox();
    const longLine = { every: bytes / 20, bytes: 20 * 2 ** 20 };
    const { wakes } = writeLog(sandbox.logPath, { bytes, oneIn: 100, pairs: 50, longLine });
    const taken = await repeated(Math.min(runs, 3), async () => {
      await sandbox.redis.flushdb();
      await fromItsStart(sandbox);
      const tailer = sandbox.app('tailer');
      await decided(sandbox, tailer, wakes);
      const ours = peakMib(tailer.child.pid ?? 0);
      await stop(tailer);
      const bare = sandbox.script('bench/bare.ts', ['idle']);
      await bare.untilText('ready');
      const theirs = peakMib(bare.child.pid ?? 0);
      await stop(bare);
      return { ours, theirs };
    });
    await sandbox.end();
    const [ours, theirs] = [taken.map((run) => run.ours), taken.map((run) => run.theirs)];
    return {
      figures: [
        {
          label: 'relative to a bare Node with ioredis and BullMQ',
          values: ratios(ours, theirs),
          unit: '×',
          goal: { atMost: 1.4 },
        },
        { label: 'the tailer', values: ours, unit: 'MiB' },
        { label: 'the bare Node, with a connection and a queue', values: theirs, unit: 'MiB' },
      ],
      notes: [
        `Peak memory of each process. A log of ${Math.round(bytes / GIB)} GiB with ${wakes} wakes over 50 pairs, and twenty lines that are too long to read.`,
      ],
    };
  },
};
