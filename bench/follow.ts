/** How fast a log is followed, beside what else reads it. */
import { spawn } from 'node:child_process';
import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readAccount } from '@kora-wake/shared/store/account';
import { sourceId } from '@kora-wake/shared/store/keys';
import { debounceId } from '@kora-wake/shared/wake/pair';
import { WAKE_SEAM } from '@kora-wake/shared/wake/wake';
import { Queue } from 'bullmq';
import { checkpoint } from '../apps/tailer/src/checkpoint.ts';
import { newToken, takeLease } from '../apps/tailer/src/lease.ts';
import { NOWHERE } from '../apps/tailer/src/log/follower.ts';
import { type Place as PlaceInFile, scanner } from '../apps/tailer/src/log/scan.ts';
import { append, wakeRow } from '../test/support/rows.ts';
import type { Running } from '../test/support/spawn.ts';
import { rowOfWake, writeLog } from './logs.ts';
import { type Bench, cpuMs, median, peakMib, ratios, repeated, timed } from './measure.ts';
import { type Place, stop } from './world.ts';

/** Records that a log was followed up to its start, so that a tailer which comes reads all of it. */
async function fromItsStart({ redis, keys, logPath }: Place): Promise<void> {
  const source = sourceId(logPath);
  const lease = await takeLease(redis, keys.lease(source), newToken());
  if ('heldBy' in lease) throw new Error(`${lease.heldBy} follows it already`);
  await checkpoint(redis, keys, source, logPath).begin(lease.token, '', NOWHERE, false);
  await lease.release();
}

/** Starts a tailer and waits until it has decided so many rows; ms from its first read to the last commit. */
async function decided(place: Place, tailer: Running, rows: number): Promise<number> {
  const following = await tailer.until('tailer.following', () => true, 60_000);
  for (;;) {
    const account = await readAccount(place.redis, place.keys);
    if (account.enqueued + account.coalesced === rows) break;
    await sleep(10);
  }
  const committedAt = Number(await place.redis.hget(place.keys.source(sourceId(place.logPath)), 'committedAt'));
  return committedAt - Number(following.time);
}

/** How long a program takes over a file, whatever it writes thrown away, ms. */
async function over(command: string, args: string[]): Promise<number> {
  return timed(
    () =>
      new Promise<void>((resolve, reject) => {
        // Read and thrown away: grep, for one, stops at its first find where it sees that nobody reads.
        const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
        child.stdout.resume();
        child.once('error', reject);
        child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`${command} ended with ${code}`))));
      }),
  );
}

/** How long it takes to read a file as the tailer does, searched for a seam, and nothing done with what is found; ms. */
async function swept(path: string, seam: string): Promise<number> {
  const file = await open(path);
  const { sweep } = scanner(seam);
  const into = { take: () => undefined, full: () => false };
  const ms = await timed(async () => {
    let place: PlaceInFile = { offset: 0, tail: Buffer.alloc(0) };
    for (let before = -1; place.offset > before; place = await sweep(file, place, into)) before = place.offset;
  });
  await file.close();
  return ms;
}

const ORIGINAL = join(import.meta.dirname, 'original.py');

export const following: Bench = {
  id: 'P1',
  title: 'following a log from its start to the last decision',
  measure: async ({ world, quick, runs }) => {
    const place = await world.place();
    const bytes = quick ? 128 * 2 ** 20 : 2 ** 30;
    const { wakes } = writeLog(place.logPath, { bytes, oneIn: 100, pairs: 50 });
    const mib = statSync(place.logPath).size / 2 ** 20;
    const path = place.logPath;
    const times = await repeated(runs, async () => {
      await place.redis.flushdb();
      await fromItsStart(place);
      const tailer = place.app('tailer');
      const ours = await decided(place, tailer, wakes);
      await stop(tailer);
      return {
        ours,
        searched: await swept(path, WAKE_SEAM),
        // The bytes it looks for first are in no text.
        read: await swept(path, '\0.\0'),
        cat: await over('sh', ['-c', 'cat "$1" > /dev/null', 'sh', path]),
        grep: await over('grep', ['-cF', WAKE_SEAM, path]),
        jq: await over('jq', ['-c', `select(.seam == "${WAKE_SEAM}") | .details.probe`, path]),
        original: await over('python3', [ORIGINAL, path]),
      };
    });
    await place.end();
    const column = (name: keyof (typeof times)[number]) => times.map((run) => run[name]);
    const speed = (name: keyof (typeof times)[number]) => column(name).map((ms) => mib / (ms / 1_000));
    const by = (name: keyof (typeof times)[number]) => ratios(speed('ours'), speed(name));
    return {
      figures: [
        { what: 'by the speed of `grep -cF`', values: by('grep'), unit: '×', goal: { atLeast: 1 } },
        { what: 'by the speed of `cat > /dev/null`', values: by('cat'), unit: '×', goal: { atLeast: 0.5 } },
        {
          what: 'by the speed of reading as the original does',
          values: by('original'),
          unit: '×',
          goal: { atLeast: 40 },
        },
        { what: 'by the speed of `jq`', values: by('jq'), unit: '×', goal: { atLeast: 40 } },
        { what: 'the tailer', values: speed('ours'), unit: 'MiB/s' },
        { what: 'its search alone, nothing decided', values: speed('searched'), unit: 'MiB/s' },
        { what: 'its search for what is not there', values: speed('read'), unit: 'MiB/s' },
        { what: '`grep -cF`', values: speed('grep'), unit: 'MiB/s' },
        { what: '`cat`', values: speed('cat'), unit: 'MiB/s' },
        { what: 'as the original', values: speed('original'), unit: 'MiB/s' },
        { what: '`jq`', values: speed('jq'), unit: 'MiB/s' },
      ],
      notes: [
        `A log of ${Math.round(mib)} MiB, one row in 100 a wake (${wakes} over 50 pairs), in the page cache. The tailer's time goes from its first read to its last commit, as it says them itself; the others' are those of their processes.`,
        'What kept it from half the speed of `cat` on the machine of November 2026: the search alone, which reads with one core and searches with the other, was not much faster than that; to parse and decide the wakes took as long again, in a process that had just begun and whose code was not compiled yet. With a log six times as long it was a fifth faster.',
      ],
    };
  },
};

/** BullMQ's own way, as fast as it goes: every row an add with deduplication, a thousand in a pipeline; rows a second. */
async function eachRowAdded({ redis, prefix }: Place, rows: number, pairs: number): Promise<number> {
  const queue = new Queue('each', { connection: redis, prefix });
  const at = new Date().toISOString();
  const parsed = Array.from({ length: rows }, (_, i): { details: { probe: string; category: string } } =>
    JSON.parse(rowOfWake(i, pairs, at)),
  );
  const ms = await timed(async () => {
    for (let from = 0; from < rows; from += 1_000) {
      const jobs = parsed.slice(from, from + 1_000).map(({ details }, i) => ({
        name: 'wake',
        data: details,
        opts: {
          jobId: `w-${from + i}`,
          deduplication: { id: debounceId(details.probe, details.category), ttl: 600_000 },
        },
      }));
      await queue.addBulk(jobs);
    }
  });
  await queue.close();
  return rows / (ms / 1_000);
}

export const storm: Bench = {
  id: 'P3',
  title: 'a storm of wakes over 100 pairs',
  measure: async ({ world, quick, runs }) => {
    const rows = quick ? 100_000 : 1_000_000;
    const added = quick ? 10_000 : 100_000;
    const place = await world.place();
    writeLog(place.logPath, { wakes: rows, oneIn: 1, pairs: 100 });
    const some = readFileSync(place.logPath, { encoding: 'latin1' }).split('\n', added);
    const taken = await repeated(runs, async () => {
      await place.redis.flushdb();
      await fromItsStart(place);
      const tailer = place.app('tailer');
      const ms = await decided(place, tailer, rows);
      await stop(tailer);
      const { enqueued, coalesced, unaccounted } = await readAccount(place.redis, place.keys);
      if (enqueued !== 100 || coalesced !== rows - 100 || unaccounted !== 0) {
        throw new Error(
          `the counts are wrong: ${enqueued} enqueued, ${coalesced} coalesced, ${unaccounted} unaccounted`,
        );
      }
      const other = await world.place();
      const theirs = await eachRowAdded(other, added, 100);
      await other.end();
      const parsing = await timed(async () => some.forEach((row) => JSON.parse(row)));
      return { ours: rows / (ms / 1_000), theirs, parsed: added / (parsing / 1_000) };
    });
    await place.end();
    const [ours, theirs] = [taken.map((run) => run.ours), taken.map((run) => run.theirs)];
    return {
      figures: [
        {
          what: 'by `addBulk` with deduplication for each row',
          values: ratios(ours, theirs),
          unit: '×',
          goal: { atLeast: 20 },
        },
        { what: 'the tailer, from its first read to its last commit', values: ours, unit: '/s' },
        { what: '`addBulk`, a thousand in a pipeline', values: theirs, unit: '/s' },
        { what: '`JSON.parse` of each row, and nothing else', values: taken.map((run) => run.parsed), unit: '/s' },
      ],
      notes: [
        `${rows} rows, all of them wakes; the counts are exact: 100 enqueued, the rest coalesced. \`addBulk\` was given ${added} rows that were parsed already.`,
        'What stopped it on the machine of November 2026: JSON, and one core. To parse the rows as texts, and nothing else, took more than two fifths of the time. A profile of the rest: finding the rows and where they end a sixth, their times a tenth, turning bytes into text a tenth, finding the pair and counting a twentieth; ids, Redis and the commit nothing that shows.',
      ],
    };
  },
};

const GIB = 2 ** 30;

/** A tailer at the end of a log of so many bytes. With a hole in it: of what stands before its end nothing is read. */
async function atTheEndOf(place: Place, bytes: number): Promise<Running> {
  truncateSync(place.logPath, bytes);
  append(place.logPath, '');
  const tailer = place.app('tailer');
  await tailer.until('tailer.following');
  return tailer;
}

export const oneRow: Bench = {
  id: 'P2',
  title: 'one row appended to a log of 10 GiB',
  measure: async ({ world, quick, runs }) => {
    const sizes = { large: quick ? GIB : 10 * GIB, small: 10 * 2 ** 20 };
    const [large, small] = [await world.place(), await world.place()];
    for (const place of [large, small]) writeFileSync(place.logPath, '');
    const tailers = { large: await atTheEndOf(large, sizes.large), small: await atTheEndOf(small, sizes.small) };
    let rows = 0;
    const once = async (place: Place, { until }: Running) => {
      const probe = `probe-${rows++}`;
      const waiting = until('wake.enqueued', (line) => line.probe === probe);
      return timed(async () => {
        append(place.logPath, wakeRow({ probe }));
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
          what: 'processor time, by that with a log of 10 MiB',
          values: ratios(column('large', 'cpu'), column('small', 'cpu')),
          unit: '×',
          goal: { atMost: 1.1 },
        },
        {
          what: 'time to its decision, by that with a log of 10 MiB',
          values: ratios(column('large', 'ms'), column('small', 'ms')),
          unit: '×',
          goal: { atMost: 1.1 },
        },
        { what: 'processor time', values: column('large', 'cpu'), unit: 'ms' },
        { what: 'time to its decision', values: column('large', 'ms'), unit: 'ms' },
      ],
      notes: [
        `Sparse logs, each with a tailer that follows its end; ${pairs} rows a run to either, in turn. The time is that from before the write to the line in the tailer's log, after its commit.`,
      ],
    };
  },
};

export const memory: Bench = {
  id: 'P7',
  title: 'memory of the tailer over 10 GiB with lines of 20 MiB in it',
  measure: async ({ world, quick, runs }) => {
    const bytes = quick ? GIB / 2 : 10 * GIB;
    const place = await world.place();
    const longLine = { every: bytes / 20, bytes: 20 * 2 ** 20 };
    const { wakes } = writeLog(place.logPath, { bytes, oneIn: 100, pairs: 50, longLine });
    const taken = await repeated(Math.min(runs, 3), async () => {
      await place.redis.flushdb();
      await fromItsStart(place);
      const tailer = place.app('tailer');
      await decided(place, tailer, wakes);
      const ours = peakMib(tailer.child.pid ?? 0);
      await stop(tailer);
      const bare = place.script('bench/bare.ts', ['idle']);
      await bare.untilText('ready');
      const theirs = peakMib(bare.child.pid ?? 0);
      await stop(bare);
      return { ours, theirs };
    });
    await place.end();
    const [ours, theirs] = [taken.map((run) => run.ours), taken.map((run) => run.theirs)];
    return {
      figures: [
        {
          what: 'by a bare Node with ioredis and BullMQ',
          values: ratios(ours, theirs),
          unit: '×',
          goal: { atMost: 1.4 },
        },
        { what: 'the tailer', values: ours, unit: 'MiB' },
        { what: 'the bare one, with a connection and a queue', values: theirs, unit: 'MiB' },
      ],
      notes: [
        `The most that each was given by the system at any time. A log of ${Math.round(bytes / GIB)} GiB with ${wakes} wakes over 50 pairs, and twenty lines that are too long to be read.`,
      ],
    };
  },
};
