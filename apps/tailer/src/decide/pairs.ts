/** The state of the pairs of one batch: read from Redis when the first row of a pair needs it, then carried on from row to row. */
import { afterWake, NEW_PAIR, type PairState } from '@kora-wake/shared/policy/decide';
import { type CountChange, readPairStates } from '@kora-wake/shared/store/pair-state';
import type { Candidate, Decider } from './enqueue.ts';

export interface PairStates {
  /** Reads the pairs of these candidates that need a state and do not have one yet. */
  read(candidates: Candidate[]): Promise<void>;
  stateOf(candidate: Candidate): PairState;
  /** Changes the state of the pair after the candidate was decided. */
  decided(candidate: Candidate): void;
  /** The changes of counts of buffered rows, for the commit. */
  changes(): CountChange[];
}

interface Known {
  state: PairState;
  /** As Redis had it. */
  holder: string | undefined;
  /** Set once a row of the batch was buffered, or became a wake for buffered rows. */
  change?: CountChange;
}

/** @param addedBefore the wakes of the batch that were added before a crash, by their pair, in their order */
export function pairStates(
  { redis, keys, queue, hasIncidents }: Decider,
  addedBefore: (dedupId: string) => string[],
): PairStates {
  const known = new Map<string, Known>();

  async function read(candidates: Candidate[]): Promise<void> {
    const needed = new Set(candidates.filter(({ needsState }) => needsState).map(({ dedupId }) => dedupId));
    const unread = [...needed].filter((id) => !known.has(id));
    const states = await readPairStates(redis, keys, unread);
    for (const [i, state] of states.entries()) {
      const id = unread[i] ?? '';
      known.set(id, { state: { ...state, holder: await holderBefore(id, state.holder) }, holder: state.holder });
    }
  }

  /**
   * The wake that held the window before the first row of the batch. Wakes of the batch that were added before a crash may have closed
   * that window since, but the rows before them were decided by it.
   */
  async function holderBefore(dedupId: string, holder: string | undefined): Promise<string | undefined> {
    const [first] = addedBefore(dedupId);
    return first === undefined ? holder : (await queue.getJob(first))?.data.wake.closed;
  }

  function decided({ dedupId, wake, isEnqueued, decision }: Candidate): void {
    const pair = known.get(dedupId);
    if (!pair || !decision) return;
    const { state } = pair;
    const change = (rows: number, forMs: number) => {
      const before = pair.change ?? { was: state.buffered, starts: false, forMs };
      // A count lapses with the time of its first row, whatever the severity of later ones.
      const first = rows === 1 ? { starts: true, forMs } : { starts: before.starts, forMs: before.forMs };
      pair.change = { pair: dedupId, was: before.was, rows, ...first };
    };
    if (decision.kind === 'buffered') {
      change(decision.rows, decision.forMs);
      pair.state = { ...state, buffered: decision.rows };
    } else if (decision.kind === 'coalesced') {
      pair.state = { ...state, holder: decision.holder, buffered: 0 };
    } else if (decision.kind === 'enqueued') {
      if (decision.buffered > 0) change(0, 0);
      pair.state = afterWake(state, wake, decision.windowMs, hasIncidents);
      // After the last of these wakes its window may have ended.
      if (isEnqueued && addedBefore(dedupId).at(-1) === wake.id) pair.state.holder = pair.holder;
    }
  }

  return {
    read,
    decided,
    stateOf: ({ dedupId }) => known.get(dedupId)?.state ?? NEW_PAIR,
    changes: () => [...known.values()].flatMap(({ change }) => (change ? [change] : [])),
  };
}
