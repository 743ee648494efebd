/**
 * Follows one log for as long as it holds the lease: read a batch, decide its rows, commit, in that order. Where
 * anything fails on the way the batch is read and decided again, which changes nothing that was already done.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { errorFields } from '@kora-wake/shared/runtime/log';
import { recordDataLoss } from '@kora-wake/shared/store/redis-state';
import { WAKE_SEAM } from '@kora-wake/shared/wake/wake';
import { type Checkpoint, tallyOf } from './checkpoint.ts';
import { type Batch, batchOf, type Decided, type Decider } from './decide/batch.ts';
import { type Lease, newToken, RENEW_MS, takeLease } from './lease.ts';
import type { FileWatcher } from './log/file-watcher.ts';
import { endOf, type Follower, followLog, type Position } from './log/follower.ts';

export interface Tailer {
  path: string;
  decider: Decider;
  checkpoint: Checkpoint;
  leaseKey: string;
  hints: FileWatcher;
  /** The longest a new row may wait, ms. */
  pollMs: number;
  /** Hears what was committed. */
  committed(decided: Decided): void;
}

/** What this process remembers from one holding of the lease to the next. */
interface Memory {
  /** Where it was, as far as it knows: then there was a checkpoint. */
  position: Position | undefined;
  /**
   * Whether of lines after that jobs may have been added already, by a tailer that did not come to commit them. So until
   * all that there is has been read: what comes first need not be of the file that it was deciding on.
   */
  again: boolean;
  /** Said once, until it works again. */
  failing: boolean;
}

/** How long a rotated file must be quiet before it is given up, ms: its writers may linger. */
const LINGER_MS = 10_000;
/** How often a rotated file is looked at until then, ms. */
const LINGER_LOOK_MS = 1_000;

/** How often a tailer that stands by asks for the lease, ms. */
const STANDBY_MS = 1_000;
/** Between two tries while Redis or the file cannot be used, ms. */
const RETRY_MS = 1_000;

/** Runs until `signal` aborts: stands by while another tailer has the log, follows it when it is ours. */
export async function runTailer(tailer: Tailer, signal: AbortSignal): Promise<void> {
  const { log, redis } = tailer.decider;
  const memory: Memory = { position: undefined, again: false, failing: false };
  const token = newToken();
  let heldBy: string | undefined;
  while (!signal.aborted) {
    try {
      const lease = await takeLease(redis, tailer.leaseKey, token);
      if ('heldBy' in lease) {
        if (lease.heldBy !== heldBy) log.info({ heldBy: lease.heldBy }, 'another tailer follows this log; standing by');
        heldBy = lease.heldBy;
        // Should Redis lose it, this tailer may be the one that takes over.
        memory.position = (await tailer.checkpoint.load()).position ?? memory.position;
        await pause(STANDBY_MS, signal);
        continue;
      }
      heldBy = undefined;
      await holding(lease, signal, async (held) => {
        // Back without an error the checkpoint is not what we read. While the lease is ours nobody else knows better.
        do await follow(tailer, memory, lease, held);
        while (!held.aborted && (await lease.renew()));
      });
      await pause(STANDBY_MS, signal);
    } catch (error) {
      if (!memory.failing) log.warn(errorFields(error), 'cannot follow the log for now; trying again until it works');
      memory.failing = true;
      await pause(RETRY_MS, signal);
    }
  }
}

/** Keeps the lease while `work` runs; `held` aborts when it is lost or the tailer is to stop. */
async function holding(lease: Lease, signal: AbortSignal, work: (held: AbortSignal) => Promise<void>): Promise<void> {
  const lost = new AbortController();
  const timer = setInterval(() => {
    // A renewal that fails is made up for by the next; `valid` says when it was one too many.
    lease.renew().then(
      (ours) => ours || lost.abort(),
      () => undefined,
    );
  }, RENEW_MS);
  try {
    await work(AbortSignal.any([signal, lost.signal]));
  } finally {
    clearInterval(timer);
    await lease.release().catch(() => undefined);
  }
}

async function follow(tailer: Tailer, memory: Memory, lease: Lease, held: AbortSignal): Promise<void> {
  const { path, checkpoint, decider, hints, pollMs } = tailer;
  const { log } = decider;
  const { stored, position, again } = await checkpoint.load();
  if (!position && (stored !== '' || memory.position)) {
    const next = memory.position ? 'going on from where this tailer was' : 'going on from the end of the log';
    log.error({ path }, `the checkpoint is gone from Redis or cannot be read, and with it maybe jobs; ${next}`);
    // What is decided again from here on may have been told before.
    await recordDataLoss(decider.redis, decider.keys);
  }
  const known = position ?? memory.position;
  const start = known ?? (await endOf(path));
  if (!position && !(await checkpoint.begin(lease.token, stored, start, again))) {
    throw new Error('the checkpoint changed hands');
  }
  memory.position = start;
  memory.again = again;
  const follower = followLog({
    path,
    start,
    seam: WAKE_SEAM,
    collect: () => batchOf(decider, memory.again),
    rotateWaitMs: LINGER_MS,
    clock: steady,
    log,
  });
  const offset = start.files.at(-1)?.offset ?? 0;
  if (!memory.failing) log.info({ path, offset }, `following the log ${known ? 'where it was left' : 'from its end'}`);
  try {
    while (!held.aborted) {
      hints.listen();
      if (!(await step(tailer, follower, memory, lease, held))) return;
      if (memory.failing) log.info({ path }, 'following the log again');
      memory.failing = false;
      await hints.wait(follower.hasRotatedFiles() ? Math.min(pollMs, LINGER_LOOK_MS) : pollMs, held);
    }
  } finally {
    await follower.close();
  }
}

/** Decides all there is to read. False where the log is no longer ours. */
async function step(
  { checkpoint, decider, committed }: Tailer,
  follower: Follower<Batch>,
  memory: Memory,
  lease: Lease,
  held: AbortSignal,
): Promise<boolean> {
  const { log } = decider;
  while (!held.aborted) {
    const batch = await follower.read();
    if (!batch) {
      memory.again = false;
      return true;
    }
    for (const offset of batch.overlong) log.warn({ offset }, 'a line longer than 1 MiB is passed over');
    let noted: Promise<void> | undefined;
    const decided = await batch.found.decide(async () => {
      if (!lease.valid() && !(await lease.renew())) return false;
      // Over the same connection, so before the jobs; whether it came to pass is asked below, before anything is committed.
      noted ??= checkpoint.deciding();
      noted.catch(() => undefined);
      return true;
    });
    await noted;
    if (!decided) return false;
    const tally = tallyOf(decided, batch.overlong.length, decider.now());
    if (!(await checkpoint.commit(lease.token, batch.from, batch.to, tally, memory.again))) {
      log.warn('the lease or the checkpoint has changed hands; nothing was committed');
      return false;
    }
    follower.accept(batch);
    memory.position = batch.to;
    committed(decided);
    report(decider, decided);
  }
  return true;
}

/** Tells of each wake, and of the rows that were coalesced in one line for each that Redis was asked about. */
function report({ log, traces }: Decider, { enqueued, coalesced }: Decided): void {
  for (const wake of enqueued) {
    const { id: wakeId, probe, category, severity } = wake;
    traces.end(wake, { 'kora.decision': 'enqueued' }, () =>
      log.info({ wakeId, probe, category, severity }, 'enqueued'),
    );
  }
  for (const { asked, winner, rows } of coalesced) {
    const { probe, category } = asked;
    traces.end(asked, { 'kora.decision': 'coalesced' }, () => log.info({ winner, probe, category, rows }, 'coalesced'));
  }
}

function steady(): number {
  return performance.now();
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
