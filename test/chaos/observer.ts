/** Reads the state of a chaos run from Redis and from the log, past the proxy that the apps use. */
import { closeSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readAccount } from '@kora-wake/shared/store/account';
import { readIncident } from '@kora-wake/shared/store/incidents';
import { type Keys, sourceId } from '@kora-wake/shared/store/keys';
import { reopenNotice } from '@kora-wake/shared/store/notices';
import { decodePosition, type FileState } from '@kora-wake/shared/store/position';
import { deliveriesQueue, followupsQueue, wakesQueue } from '@kora-wake/shared/store/queues';
import type { Redis } from 'ioredis';
import { fileKey, statKey } from '../../apps/tailer/src/log/position.ts';
import { NEWLINE } from '../../apps/tailer/src/log/scan.ts';
import type { Counts, SeenIncident, SeenOffset, SeenWake } from './history.ts';
import type { Supervised } from './supervised.ts';
import type { Writer } from './writer.ts';

interface ObserverOptions {
  redis: Redis;
  keys: Keys;
  prefix: string;
  logPath: string;
  writer: Writer;
}

export function observer({ redis, keys, prefix, logPath, writer }: ObserverOptions) {
  const offsets: SeenOffset[] = [];

  /** The files of the stored checkpoint; empty if it is missing or corrupt. */
  async function position(): Promise<FileState[]> {
    const stored = await redis.hget(keys.source(sourceId(logPath)), 'position');
    return decodePosition(stored ?? '')?.files ?? [];
  }

  /** Records the checkpoint and the memory of the tailers until the signal aborts. */
  async function watch(tailers: Supervised[], signal: AbortSignal): Promise<void> {
    let last = '';
    while (!signal.aborted) {
      for (const tailer of tailers) tailer.measureMemory();
      const files = await position().catch(() => []);
      const at = Date.now();
      if (JSON.stringify(files) !== last) {
        last = JSON.stringify(files);
        for (const file of files) {
          const { inode, offset } = file;
          // A file that was truncated since the tailer committed has other bytes there.
          const justTruncated = writer.emptied.some((emptied) => emptied.inode === inode && emptied.at > at - 5_000);
          const afterNewline = justTruncated ? undefined : followsNewline(dirname(logPath), file);
          offsets.push({ file: `-${fileKey(file)}`, offset, afterNewline, at });
        }
      }
      await sleep(250);
    }
  }

  /** Waits until all written rows are decided. @returns false if that takes longer than `ms` */
  async function caughtUp(ms: number): Promise<boolean> {
    return holdsWithin(ms, async () => {
      const files = await position();
      const live = files.at(-1);
      return files.length === 1 && live?.inode === writer.inode() && live.offset === writer.size();
    });
  }

  /** Waits until no wake is in progress, and every message shows the state of its incident. @returns false if that takes longer than `ms` */
  async function settled(ms: number): Promise<boolean> {
    return holdsWithin(ms, async () => {
      const { inFlight, outcomes, enqueued } = await readAccount(redis, keys);
      const ended = Object.values(outcomes).reduce((sum, n) => sum + n, 0);
      const pending = (await redis.zcard(keys.pendingNotices)) + (await redis.zcard(keys.changedIncidents));
      return inFlight === 0 && ended >= enqueued && pending === 0;
    });
  }

  async function counts(): Promise<Counts> {
    const { rejected, recovered, ...account } = await readAccount(redis, keys);
    const { rows, enqueued, coalesced, buffered, muted, inFlight, unaccounted } = account;
    const refused = Object.values(rejected).reduce((sum, n) => sum + n, 0);
    const recoveries = recovered.closed + recovered.partial + recovered.ignored;
    const decided = { enqueued, coalesced, buffered, muted, rejected: refused };
    return { rows, ...decided, recovered: recoveries, inFlight, unaccounted };
  }

  async function storedWakes(): Promise<SeenWake[]> {
    const queue = wakesQueue(redis, prefix);
    const found: SeenWake[] = [];
    for await (const names of redis.scanStream({ match: `${prefix}:wake:*`, count: 1_000 })) {
      for (const name of names) {
        const { enqueuedAt, outcome, suppressed } = await redis.hgetall(name);
        const id = name.slice(keys.wake('').length);
        if (enqueuedAt === undefined) continue;
        const job = await queue.getJob(id);
        found.push({ id, outcome, suppressed: Number(suppressed ?? 0), addedAt: job?.timestamp });
      }
    }
    await queue.close();
    return found;
  }

  async function storedIncidents(): Promise<SeenIncident[]> {
    const ids = await redis.zrangebyscore(keys.incidents, '-inf', '+inf');
    const all = await Promise.all(ids.map((id) => readIncident(redis, keys, id)));
    return all
      .filter((incident) => incident !== undefined)
      .map(({ id, probe, category, state, opening, message, stormId }) => ({
        id,
        pair: `${probe} ${category}`,
        state,
        opening,
        messageTs: stormId === null ? message?.ts : undefined,
      }));
  }

  /** Wake ids that own an open window. */
  async function windowOwners(): Promise<string[]> {
    const found: string[] = [];
    for await (const names of redis.scanStream({ match: `${keys.dedup('')}*`, count: 1_000 })) {
      for (const name of names) found.push(...[await redis.get(name)].filter((id) => id !== null));
    }
    return found;
  }

  /** Retries all dead letters, as an operator does after the cause was fixed. */
  async function retryDeadLetters(): Promise<void> {
    const queues = [wakesQueue(redis, prefix), deliveriesQueue(redis, prefix), followupsQueue(redis, prefix)];
    for (const queue of queues) {
      for (const job of await queue.getFailed()) {
        await job.retry();
        // As the API does; a worker takes back the outcome of a wake.
        if (job.id?.startsWith('n-')) await reopenNotice(redis, keys, job.id, Date.now());
      }
      await queue.close();
    }
  }

  return {
    offsets,
    position,
    watch,
    caughtUp,
    settled,
    counts,
    storedWakes,
    storedIncidents,
    windowOwners,
    retryDeadLetters,
  };
}

/**
 * Whether the byte before an offset is a newline. It is synchronous, so that the writer, which is in the same process, can
 * not replace the file in between.
 * @returns undefined if the folder has no such file, or the file ends before the offset
 */
export function followsNewline(
  folder: string,
  state: Pick<FileState, 'inode' | 'birthtime' | 'offset'>,
): boolean | undefined {
  if (state.offset === 0) return true;
  for (const name of readdirSync(folder)) {
    const file = openSync(join(folder, name), 'r');
    try {
      if (statKey(fstatSync(file, { bigint: true })) !== fileKey(state)) continue;
      const byte = Buffer.alloc(1);
      return readSync(file, byte, 0, 1, state.offset - 1) === 1 ? byte[0] === NEWLINE : undefined;
    } finally {
      closeSync(file);
    }
  }
  return undefined;
}

/** Polls until `holds`. It does not hold while Redis is down. @returns false if that takes longer than `ms` */
export async function holdsWithin(ms: number, holds: () => Promise<boolean>): Promise<boolean> {
  const until = performance.now() + ms;
  while (performance.now() < until) {
    if (await holds().catch(() => false)) return true;
    await sleep(100);
  }
  return false;
}
