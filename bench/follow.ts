/** How fast a log is followed, beside what else reads it. */
import { spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readAccount } from '@kora-wake/shared/account';
import { sourceId } from '@kora-wake/shared/keys';
import { checkpoint } from '../apps/tailer/src/checkpoint.ts';
import { NOWHERE } from '../apps/tailer/src/follow.ts';
import { newToken, takeLease } from '../apps/tailer/src/lease.ts';
import type { Running } from '../test/support/spawn.ts';
import { writeLog } from './logs.ts';
import { type Bench, ratios, repeated, timed } from './measure.ts';
import { type Place, stop } from './world.ts';

/** Records that a log was followed up to its start, so that a tailer which comes reads all of it. */
export async function fromItsStart({ redis, keys, logPath }: Place): Promise<void> {
  const source = sourceId(logPath);
  const lease = await takeLease(redis, keys.lease(source), newToken());
  if ('heldBy' in lease) throw new Error(`${lease.heldBy} follows it already`);
  await checkpoint(redis, keys, source, logPath).begin(lease.token, '', NOWHERE);
  await lease.release();
}

/** Starts a tailer and waits until it has decided so many rows; ms from its first read to the last commit. */
export async function decided(place: Place, tailer: Running, rows: number): Promise<number> {
  const following = await tailer.until('following the log', () => true, 60_000);
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

const SEAM = 'probe.wake_requested';
const ORIGINAL = join(import.meta.dirname, 'original.py');

export const following: Bench = {
  id: 'P1',
  title: 'following a log from its start to the last decision',
  measure: async ({ world, quick, runs }) => {
    const place = await world.place();
    const bytes = quick ? 128 * 2 ** 20 : 2 ** 30;
    const { wakes } = writeLog(place.logPath, { bytes, oneIn: 100, pairs: 50 });
    const mb = statSync(place.logPath).size / 2 ** 20;
    const path = place.logPath;
    const times = await repeated(runs, async () => {
      await place.redis.flushdb();
      await fromItsStart(place);
      const tailer = place.app('tailer');
      const ours = await decided(place, tailer, wakes);
      await stop(tailer);
      return {
        ours,
        cat: await over('sh', ['-c', 'cat "$1" > /dev/null', 'sh', path]),
        grep: await over('grep', ['-cF', SEAM, path]),
        jq: await over('jq', ['-c', `select(.seam == "${SEAM}") | .details.probe`, path]),
        original: await over('python3', [ORIGINAL, path]),
      };
    });
    await place.end();
    const column = (name: keyof (typeof times)[number]) => times.map((run) => run[name]);
    const speed = (name: keyof (typeof times)[number]) => column(name).map((ms) => mb / (ms / 1_000));
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
        { what: 'the tailer', values: speed('ours'), unit: 'MB/s' },
        { what: '`grep -cF`', values: speed('grep'), unit: 'MB/s' },
        { what: '`cat`', values: speed('cat'), unit: 'MB/s' },
        { what: 'as the original', values: speed('original'), unit: 'MB/s' },
        { what: '`jq`', values: speed('jq'), unit: 'MB/s' },
      ],
      notes: [
        `A log of ${Math.round(mb)} MiB, one row in 100 a wake (${wakes} over 50 pairs), in the page cache. The tailer's time goes from its first read to its last commit, as it says them itself; the others' are those of their processes.`,
      ],
    };
  },
};
