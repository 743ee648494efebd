/** Speed of following a log, compared with other programs that read it. */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { readAccount } from '@kora-wake/shared/store/account';
import { debounceId } from '@kora-wake/shared/wake/pair';
import { SEAMS, WAKE_SEAM } from '@kora-wake/shared/wake/wake';
import { Queue } from 'bullmq';
import { type LineStart, scanner } from '../apps/tailer/src/log/scan.ts';
import { decided, fromItsStart } from './from-start.ts';
import { rowOfWake, writeLog } from './logs.ts';
import { type Bench, ratios, repeated, runTime, timed } from './measure.ts';
import { type Sandbox, stop } from './world.ts';

/** Time to read a file as the tailer does and to search it for seams, without handling the matches; ms. */
async function scanTime(path: string, ...seams: string[]): Promise<number> {
  const file = await open(path);
  const { sweep } = scanner(seams);
  const into = { take: () => true, full: () => false };
  const ms = await timed(async () => {
    let sandbox: LineStart = { offset: 0, tail: Buffer.alloc(0) };
    for (let before = -1; sandbox.offset > before; sandbox = await sweep(file, sandbox, into)) before = sandbox.offset;
  });
  await file.close();
  return ms;
}

const ORIGINAL = join(import.meta.dirname, 'original.py');

export const following: Bench = {
  id: 'P1',
  title: 'following a log from its start to the last decision',
  measure: async ({ world, quick, runs }) => {
    const sandbox = await world.sandbox();
    const bytes = quick ? 128 * 2 ** 20 : 2 ** 30;
    const { wakes } = writeLog(sandbox.logPath, { bytes, oneIn: 100, pairs: 50 });
    const mib = statSync(sandbox.logPath).size / 2 ** 20;
    const path = sandbox.logPath;
    const times = await repeated(runs, async () => {
      await sandbox.redis.flushdb();
      await fromItsStart(sandbox);
      const tailer = sandbox.app('tailer');
      const ours = await decided(sandbox, tailer, wakes);
      await stop(tailer);
      return {
        ours,
        searched: await scanTime(path, ...SEAMS),
        // These bytes occur in no text.
        read: await scanTime(path, '\0.\0'),
        cat: await runTime('sh', ['-c', 'cat "$1" > /dev/null', 'sh', path]),
        grep: await runTime('grep', ['-cF', WAKE_SEAM, path]),
        jq: await runTime('jq', ['-c', `select(.seam == "${WAKE_SEAM}") | .details.probe`, path]),
        original: await runTime('python3', [ORIGINAL, path]),
      };
    });
    await sandbox.end();
    const column = (name: keyof (typeof times)[number]) => times.map((run) => run[name]);
    const speed = (name: keyof (typeof times)[number]) => column(name).map((ms) => mib / (ms / 1_000));
    const by = (name: keyof (typeof times)[number]) => ratios(speed('ours'), speed(name));
    return {
      figures: [
        { label: 'relative to `grep -cF`', values: by('grep'), unit: '×', goal: { atLeast: 1 } },
        { label: 'relative to `cat > /dev/null`', values: by('cat'), unit: '×', goal: { atLeast: 0.5 } },
        {
          label: 'relative to reading as the original does',
          values: by('original'),
          unit: '×',
          goal: { atLeast: 40 },
        },
        { label: 'relative to `jq`', values: by('jq'), unit: '×', goal: { atLeast: 40 } },
        { label: 'the tailer', values: speed('ours'), unit: 'MiB/s' },
        { label: 'its search alone, without decisions', values: speed('searched'), unit: 'MiB/s' },
        { label: 'its search for bytes that do not occur', values: speed('read'), unit: 'MiB/s' },
        { label: '`grep -cF`', values: speed('grep'), unit: 'MiB/s' },
        { label: '`cat`', values: speed('cat'), unit: 'MiB/s' },
        { label: 'as the original', values: speed('original'), unit: 'MiB/s' },
        { label: '`jq`', values: speed('jq'), unit: 'MiB/s' },
      ],
      notes: [
        `A log of ${Math.round(mib)} MiB, every 100th row a wake (${wakes} over 50 pairs), in the page cache. The time of the tailer runs from its first read to its last commit, as it logs them; for the other programs it is the run time of the process.`,
        'Limit on the machine of November 2026: the search alone, which reads on one core and searches on the other, was not much faster than half the speed of `cat`. Parsing and deciding the wakes took as long again, in a new process with code that was not compiled yet. With a log six times as long it was a fifth faster.',
      ],
    };
  },
};

/** Each pair needs two rows, and has longer and longer windows. */
const POLICY =
  'version: 1\nrules:\n  - match: { probe: other }\n  - consecutive: 2\n    backoff: { factor: 2, max: 4h }\n';

/** Speed of BullMQ itself, rows per second: adds each row with deduplication, a thousand in a pipeline. */
async function eachRowAdded({ redis, prefix }: Sandbox, rows: number, pairs: number): Promise<number> {
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
    const sandbox = await world.sandbox();
    writeLog(sandbox.logPath, { wakes: rows, oneIn: 1, pairs: 100 });
    const some = readFileSync(sandbox.logPath, { encoding: 'latin1' }).split('\n', added);
    const policyPath = `${sandbox.logPath}.policy`;
    writeFileSync(policyPath, POLICY);
    const follow = async (env: Record<string, string>, buffered: number) => {
      await sandbox.redis.flushdb();
      await fromItsStart(sandbox);
      const tailer = sandbox.app('tailer', env);
      const ms = await decided(sandbox, tailer, rows);
      await stop(tailer);
      const account = await readAccount(sandbox.redis, sandbox.keys);
      const isRight = account.enqueued === 100 && account.coalesced === rows - 100 - buffered;
      if (!isRight || account.buffered !== buffered || account.unaccounted !== 0) {
        throw new Error(`the counts are wrong: ${JSON.stringify(account)}`);
      }
      return ms;
    };
    const taken = await repeated(runs, async () => {
      const ms = await follow({}, 0);
      const withPolicy = await follow({ KORA_POLICY_PATH: policyPath }, 100);
      const other = await world.sandbox();
      const theirs = await eachRowAdded(other, added, 100);
      await other.end();
      const parsing = await timed(async () => some.forEach((row) => JSON.parse(row)));
      return { ours: rows / (ms / 1_000), withPolicy: ms / withPolicy, theirs, parsed: added / (parsing / 1_000) };
    });
    await sandbox.end();
    const [ours, theirs] = [taken.map((run) => run.ours), taken.map((run) => run.theirs)];
    return {
      figures: [
        {
          label: 'relative to `addBulk` with deduplication for each row',
          values: ratios(ours, theirs),
          unit: '×',
          goal: { atLeast: 20 },
        },
        {
          label: 'with a policy, relative to without',
          values: taken.map((run) => run.withPolicy),
          unit: '×',
          goal: { atLeast: 0.9 },
        },
        { label: 'the tailer, from its first read to its last commit', values: ours, unit: '/s' },
        { label: '`addBulk`, a thousand in a pipeline', values: theirs, unit: '/s' },
        { label: '`JSON.parse` of each row alone', values: taken.map((run) => run.parsed), unit: '/s' },
      ],
      notes: [
        `${rows} rows, all of them wakes; the counts are exact: 100 enqueued, the rest coalesced. \`addBulk\` received ${added} parsed rows.`,
        'Limit on the machine of November 2026: JSON on one core. Parsing the rows alone took more than two fifths of the time. Profile of the rest: finding the rows and their ends a sixth, reading their times a tenth, decoding bytes a tenth, finding the pair and counting a twentieth; ids, Redis and the commit were negligible.',
      ],
    };
  },
};
