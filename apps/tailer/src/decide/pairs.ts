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

/** @param isInBatch whether the batch has a candidate of this pair with this wake id */
export function pairStates(
  { redis, keys, hasIncidents }: Decider,
  isInBatch: (dedupId: string, wakeId: string) => boolean,
): PairStates {
  const known = new Map<string, Known>();

  async function read(candidates: Candidate[]): Promise<void> {
    const needed = new Set(candidates.filter(({ needsState }) => needsState).map(({ dedupId }) => dedupId));
    const unread = [...needed].filter((id) => !known.has(id));
    const states = await readPairStates(redis, keys, unread);
    for (const [i, state] of states.entries()) {
      const id = unread[i] ?? '';
      const { holder } = state;
      // A wake of this batch, added before a crash, may hold the window. The rows before it were decided without that window.
      const isLater = holder !== undefined && isInBatch(id, holder);
      known.set(id, { state: isLater ? { ...state, holder: undefined } : state, holder });
    }
  }

  function decided({ dedupId, wake, isEnqueued, decision }: Candidate): void {
    const pair = known.get(dedupId);
    if (!pair || !decision) return;
    const { state } = pair;
    const change = (rows: number, forMs: number) => {
      pair.change = { pair: dedupId, was: pair.change?.was ?? state.buffered, rows, forMs };
    };
    if (decision.kind === 'buffered') {
      change(decision.rows, decision.forMs);
      pair.state = { ...state, buffered: decision.rows };
    } else if (decision.kind === 'coalesced') {
      pair.state = { ...state, holder: decision.holder, buffered: 0 };
    } else if (decision.kind === 'enqueued') {
      if (decision.buffered > 0) change(0, 0);
      pair.state = afterWake(state, wake, decision.windowMs, hasIncidents);
      if (isEnqueued) pair.state.holder = holderAfterReplay(pair, dedupId, wake.id);
    }
  }

  /** The window of a wake that was added before a crash may have ended since, or belong to a wake of another log. */
  function holderAfterReplay({ holder }: Known, dedupId: string, wakeId: string): string | undefined {
    return holder !== undefined && isInBatch(dedupId, holder) ? wakeId : holder;
  }

  return {
    read,
    decided,
    stateOf: ({ dedupId }) => known.get(dedupId)?.state ?? NEW_PAIR,
    changes: () => [...known.values()].flatMap(({ change }) => (change ? [change] : [])),
  };
}
