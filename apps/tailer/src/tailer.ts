/**
 * Follows one log while it holds the lease: it reads a batch, decides its rows, and commits, in this order. If a step
 * fails, the batch is read and decided again. That repeats nothing that was already done.
 */

import type { PolicyState } from '@kora-wake/shared/policy/state';
import { sleep } from '@kora-wake/shared/runtime/async';
import { errorFields } from '@kora-wake/shared/runtime/log';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import { recordConflict, recordFollowed, recordMissing, recordPolicy } from '@kora-wake/shared/store/checkpoint';
import type { Position } from '@kora-wake/shared/store/position';
import { recordDataLoss } from '@kora-wake/shared/store/redis-state';
import { SEAMS } from '@kora-wake/shared/wake/wake';
import { type Checkpoint, tallyOf } from './checkpoint.ts';
import { type Batch, batchOf, type Decided } from './decide/batch.ts';
import type { Decider } from './decide/enqueue.ts';
import { isOnThisHost, type Lease, newToken, RENEW_MS, takeLease } from './lease.ts';
import type { FileWatcher } from './log/file-watcher.ts';
import { type Follower, followLog } from './log/follower.ts';
import type { Backlog } from './log/log-file.ts';
import { MISSING_MS, type Presence, presenceOf } from './log/missing-log.ts';
import { endOf } from './log/resume.ts';
import { rotatorOf } from './log/rotate.ts';
import { isOfOtherLog, takeOver } from './takeover.ts';

export interface Tailer {
  /** Absolute; links are not resolved. */
  path: string;
  sourceId: string;
  decider: Decider;
  checkpoint: Checkpoint;
  watcher: FileWatcher;
  /** The longest time that a new row waits, ms. */
  pollMs: number;
  /** The log is rotated at this size, bytes; 0: the operator does it. Default 0. */
  maxLogBytes?: number;
  /** Default {@link MIN_CONFLICTS}. */
  minConflicts?: number;
  /** The policy that is in force, for the operator. */
  policy(): PolicyState;
  /** Called after each commit. */
  committed(decided: Decided): void;
}

/** Facts that this process keeps from one lease to the next. */
interface TailerState {
  /** The last position seen. It is set once there was a checkpoint. */
  position: Position | undefined;
  /**
   * True while lines after the position may already have jobs: a tailer may have crashed between adding jobs and
   * committing. It stays true until everything in the log is read, since rows of an older file may come first.
   */
  mayReplay: boolean;
  /** When everything in the log was last read, ms since the epoch: later rows were appended after it. */
  caughtUpAt: number | undefined;
  /** Number of consecutive checks on standby that found another log under the same path. */
  conflicts: number;
  /** Whether the log is reported as missing; undefined until the first check. */
  isMissing: boolean | undefined;
  /** The tailer that holds the lease while this one is on standby. */
  heldBy: string | undefined;
  /** True after an error was logged, until a step works again: one log line for each outage is enough. */
  failing: boolean;
}

/** A rotated file is finished after it was quiet for this time, ms: its writers may still append. */
const ROTATE_WAIT_MS = 10_000;
/** Poll interval while a rotated file is open, ms. */
const ROTATED_POLL_MS = 1_000;
/** A standby tailer tries to take the lease this often, ms. */
const STANDBY_MS = 1_000;
/** Checks on standby until another log under the same path is reported. */
const MIN_CONFLICTS = 60;
/** Lines with a row of ours from which on the tailer pauses after a batch. */
const BURST_LINES = 16;
/** A longer batch is part of a backlog, which is read without pauses; bytes. */
const BACKLOG_BYTES = 512 * 1024;
const BURST_PAUSE_MS = 50;
/** Pause before the next try if Redis or the file cannot be used, ms. */
const RETRY_MS = 1_000;

/** Runs until `signal` aborts: it follows the log while it holds the lease, and is on standby otherwise. */
export async function runTailer(tailer: Tailer, signal: AbortSignal): Promise<void> {
  const { log, redis, keys } = tailer.decider;
  const state: TailerState = {
    position: undefined,
    mayReplay: false,
    caughtUpAt: undefined,
    conflicts: 0,
    isMissing: undefined,
    heldBy: undefined,
    failing: false,
  };
  const token = newToken();
  while (!signal.aborted) {
    try {
      const lease = await takeLease(redis, keys.lease(tailer.sourceId), token);
      if ('heldBy' in lease) {
        // If Redis loses the checkpoint, this tailer may take over and needs the last position.
        state.position = (await tailer.checkpoint.load()).position ?? state.position;
        await checkConflict(tailer, state, lease.heldBy);
        await standBy(tailer, state, lease.heldBy, signal);
        continue;
      }
      await whileHolding(lease, signal, async (held) => {
        // `follow` returns if the checkpoint changed. While the lease is ours, this tailer's position is the best one.
        do await follow(tailer, state, lease, held);
        while (!held.aborted && (await lease.renew()));
      });
      await sleep(STANDBY_MS, signal);
    } catch (error) {
      if (!state.failing) logEvent(log, 'tailer.failing', errorFields(error));
      state.failing = true;
      await sleep(RETRY_MS, signal);
    }
  }
}

/** Reports a tailer of another host that follows a different log under the same path. Its rows would hide ours. */
async function checkConflict(tailer: Tailer, state: TailerState, heldBy: string): Promise<void> {
  const { path, sourceId, decider, minConflicts = MIN_CONFLICTS } = tailer;
  const { redis, keys, log } = decider;
  const isOther = !isOnThisHost(heldBy) && state.position !== undefined && (await isOfOtherLog(path, state.position));
  if (!isOther) {
    state.conflicts = 0;
    return;
  }
  // A rotation that the other tailer has not noticed yet looks like a conflict for a moment.
  state.conflicts++;
  if (state.conflicts < minConflicts) return;
  await recordConflict(redis, keys, sourceId, heldBy);
  if (state.conflicts === minConflicts) logEvent(log, 'tailer.other_log', { path, heldBy });
}

async function standBy({ decider }: Tailer, state: TailerState, heldBy: string, signal: AbortSignal): Promise<void> {
  if (heldBy !== state.heldBy) logEvent(decider.log, 'tailer.standby', { heldBy });
  state.heldBy = heldBy;
  await sleep(STANDBY_MS, signal);
}

/** Renews the lease while `work` runs. `held` aborts if the lease is lost or the tailer stops. */
async function whileHolding(
  lease: Lease,
  signal: AbortSignal,
  work: (held: AbortSignal) => Promise<void>,
): Promise<void> {
  const lost = new AbortController();
  const timer = setInterval(() => {
    // The next renewal makes up for a failed one. If too many fail, `valid` returns false.
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

async function follow(tailer: Tailer, state: TailerState, lease: Lease, held: AbortSignal): Promise<void> {
  const { path, sourceId, checkpoint, decider, watcher, pollMs, maxLogBytes = 0 } = tailer;
  const { log } = decider;
  if (!state.position && (await checkpoint.load()).stored === '') {
    const takeover = await takeOver(decider, tailer, lease.token);
    if (takeover.kind === 'held') return standBy(tailer, state, takeover.heldBy, held);
  }
  state.heldBy = undefined;
  const { stored, position, mayReplay } = await checkpoint.load();
  if (!position && (stored !== '' || state.position)) {
    logEvent(log, 'tailer.checkpoint_lost', { path, resumeFrom: state.position ? 'memory' : 'end' });
    // Slack may already have a DM for a row that is decided again from here on.
    await recordDataLoss(decider.redis, decider.keys);
  }
  const last = position ?? state.position;
  const start = last ?? (await endOf(path));
  if (!position && !(await checkpoint.begin(lease.token, stored, start, mayReplay))) {
    throw new Error('another tailer changed the checkpoint');
  }
  state.position = start;
  state.mayReplay = mayReplay;
  await recordFollowed(decider.redis, decider.keys, sourceId, decider.now());
  const startedAt = decider.now();
  const rotate = rotatorOf({ path, maxBytes: maxLogBytes, log });
  const presence = presenceOf(path, () => performance.now());
  const follower = followLog({
    path,
    start,
    seams: SEAMS,
    collect: (backlog) => batchOf(decider, state.mayReplay, appendedAfter(state, startedAt, backlog)),
    rotateWaitMs: ROTATE_WAIT_MS,
    clock: () => performance.now(),
    log,
  });
  await follower.open();
  if (!state.failing) {
    const offset = start.files.at(-1)?.offset ?? 0;
    const from = last ? 'checkpoint' : 'end';
    logEvent(log, 'tailer.following', { path, offset, from }, `watching log from ${from}`);
  }
  let recordedPolicy: PolicyState | undefined;
  try {
    while (!held.aborted) {
      const policy = tailer.policy();
      if (policy.version !== recordedPolicy?.version || policy.problem !== recordedPolicy.problem) {
        await recordPolicy(decider.redis, decider.keys, sourceId, policy);
        recordedPolicy = policy;
      }
      watcher.listen();
      if (!(await decideAll(tailer, follower, state, lease, held))) return;
      if (state.failing) logEvent(log, 'tailer.recovered', { path });
      state.failing = false;
      if (maxLogBytes > 0 && state.position) await rotate(state.position, async () => lease.valid() || lease.renew());
      const logIs = await presence();
      await reportMissing(tailer, state, logIs === 'missing');
      await watcher.wait(Math.min(pollMs, ...soon(follower, logIs)), held);
    }
  } finally {
    await follower.close();
  }
}

/** Limits for the time until the next poll, ms. */
function soon(follower: Follower<Batch>, logIs: Presence): number[] {
  return [...(follower.hasRotatedFiles() ? [ROTATED_POLL_MS] : []), ...(logIs === 'gap' ? [MISSING_MS] : [])];
}

/** Reports once that the log is missing, and once that it is there again. */
async function reportMissing(
  { path, sourceId, decider }: Tailer,
  state: TailerState,
  isMissing: boolean,
): Promise<void> {
  const { redis, keys, log, now } = decider;
  if (state.isMissing === isMissing) return;
  await recordMissing(redis, keys, sourceId, isMissing ? now() : undefined);
  if (isMissing) logEvent(log, 'log.missing', { path });
  else if (state.isMissing) logEvent(log, 'log.found', { path });
  state.isMissing = isMissing;
}

/** The rule for `batchOf`. @param startedAt start of the follower, ms since the epoch */
function appendedAfter({ caughtUpAt }: TailerState, startedAt: number, { end, mayBeOlder }: Backlog) {
  const backlog = mayBeOlder ? undefined : caughtUpAt;
  const live = Math.max(startedAt, caughtUpAt ?? startedAt);
  return (offset: number) => (offset < end ? backlog : live);
}

/** Decides all lines that can be read now. Resolves to false if the log is no longer ours. */
async function decideAll(
  { checkpoint, decider, committed: report }: Tailer,
  follower: Follower<Batch>,
  state: TailerState,
  lease: Lease,
  held: AbortSignal,
): Promise<boolean> {
  const { log } = decider;
  while (!held.aborted) {
    const readAt = decider.now();
    const batch = await follower.read();
    if (!batch) {
      state.mayReplay = false;
      state.caughtUpAt = readAt;
      return true;
    }
    for (const { reason, offset } of batch.skipped) logEvent(log, 'line.skipped', { reason, offset });
    let recorded: Promise<void> | undefined;
    const decided = await batch.found.decide(async () => {
      if (!lease.valid() && !(await lease.renew())) return false;
      // Sent over the same connection before the jobs. Its result is awaited below, before anything is committed.
      recorded ??= checkpoint.recordMayReplay();
      recorded.catch(() => undefined);
      return true;
    });
    await recorded;
    if (!decided) return false;
    const tally = tallyOf(decided, batch.skipped, decider);
    const committed = await checkpoint.commit(lease.token, batch.from, batch.to, tally, state.mayReplay);
    if (committed === 'outdated') {
      // The batch is read again. Its jobs exist by now.
      state.mayReplay = true;
      continue;
    }
    if (committed === 'fenced') {
      logEvent(log, 'tailer.fenced', {});
      return false;
    }
    follower.accept(batch);
    state.position = batch.to;
    report(decided);
    logDecisions(decider, decided);
    if (isBurst(decided, batch)) await sleep(BURST_PAUSE_MS, held);
  }
  return true;
}

/**
 * True while rows arrive faster than one by one, at the end of the log. A batch costs about the same for one row and for a hundred,
 * so a pause leaves most of the machine to the programs that write the rows and handle the wakes.
 */
function isBurst({ lines }: Decided, { from, to }: { from: Position; to: Position }): boolean {
  const bytes = (to.files.at(-1)?.offset ?? 0) - (from.files.at(-1)?.offset ?? 0);
  return lines >= BURST_LINES && bytes > 0 && bytes < BACKLOG_BYTES;
}

/** Writes one line for each wake, and one for each group of other rows. */
function logDecisions({ log, traces }: Decider, { enqueued, coalesced, buffered, muted }: Decided): void {
  for (const wake of enqueued) {
    const { id: wakeId, probe, category, severity } = wake;
    traces.end(wake, { 'kora.decision': 'enqueued' }, () =>
      logEvent(log, 'wake.enqueued', { wakeId, probe, category, severity }),
    );
  }
  for (const { first, winner, rows } of coalesced) {
    const { probe, category } = first;
    traces.end(first, { 'kora.decision': 'coalesced' }, () =>
      logEvent(log, 'wake.coalesced', { winner, probe, category, rows }),
    );
  }
  for (const { first, rows } of buffered) {
    logEvent(log, 'wake.buffered', { probe: first.probe, category: first.category, rows });
  }
  for (const group of muted) logEvent(log, 'wake.muted', { ...group });
}
