/**
 * Collects which instances of a batch fire and which recover, in the order of their rows. Rows that would change nothing are left
 * out: in a storm nearly every row repeats the one before.
 */
import type { FiringChange, MutedRow, RecoveredRows } from '@kora-wake/shared/store/firing';
import { MAX_INSTANCES, originOf } from '@kora-wake/shared/wake/firing';
import type { RowInstance } from '@kora-wake/shared/wake/wake';
import type { Candidate } from './enqueue.ts';

/** A row whose decision is that of a candidate. `isOwn`: it is the candidate. */
interface FiringOfCandidate {
  kind: 'firing';
  candidate: Candidate;
  row: RowInstance;
  isOverflow: boolean;
  isOwn: boolean;
}

/** The instances that fire since the last recovery that may have concerned them. */
interface Seen {
  names: Set<string>;
  /** True if there are more than are stored. */
  isFull: boolean;
  /** Number of such recoveries before. */
  after: number;
}

export function firingOf() {
  const changes: Array<RecoveredRows | MutedRow | FiringOfCandidate> = [];
  const seen = new Map<Candidate, Seen>();
  /** By the candidate or pair after which they came, then by instance and number of recoveries before. */
  const muted = new Map<Candidate | string, Map<string, MutedRow>>();
  const recoveries = { all: 0, ofPair: new Map<string, number>() };

  /** Recoveries so far that may have ended an instance of the pair. */
  const recoveriesOf = (pair: string) => recoveries.all + (recoveries.ofPair.get(pair) ?? 0);

  /**
   * Adds a wake row that was neither rejected nor muted.
   *
   * @param candidate the row itself if `isOwn`, else the earlier row that decides it
   * @returns whether a change was added
   */
  function fires(candidate: Candidate, row: RowInstance, isOwn: boolean): boolean {
    const after = recoveriesOf(candidate.dedupId);
    let known = seen.get(candidate);
    if (known?.after !== after) {
      known = { names: new Set(), isFull: false, after };
      seen.set(candidate, known);
    }
    const { names } = known;
    if (names.has(row.instance)) return false;
    const isOverflow = names.size >= MAX_INSTANCES;
    if (isOverflow && known.isFull) return false;
    if (isOverflow) known.isFull = true;
    else names.add(row.instance);
    changes.push({ kind: 'firing', candidate, row, isOverflow, isOwn });
    return true;
  }

  /**
   * Adds a muted row. It belongs to the incident that is open at its place in the log, if there is one.
   *
   * @param after the last candidate of its pair before it, or the pair
   * @returns whether a change was added
   */
  function mutes(after: Candidate | string, pair: string, { instance, sender }: RowInstance): boolean {
    const group = muted.get(after) ?? new Map<string, MutedRow>();
    muted.set(after, group);
    const key = `${recoveriesOf(pair)} ${instance}`;
    const before = group.get(key);
    if (before) {
      before.rows++;
      return false;
    }
    const isOverflow = group.size >= MAX_INSTANCES;
    const change: MutedRow = { kind: 'muted', pair, instance, origin: originOf(sender, instance), isOverflow, rows: 1 };
    group.set(key, change);
    changes.push(change);
    return true;
  }

  /**
   * Adds a recovery.
   *
   * @param pair deduplication id; empty: sender and instance name the pair
   * @param at ms since the epoch
   * @returns whether a change was added
   */
  function recovers(pair: string, { instance, sender }: RowInstance, at: number): boolean {
    const origin = originOf(sender, instance);
    const last = changes.at(-1);
    if (last?.kind === 'recovered' && last.pair === pair && last.instance === instance && last.origin === origin) {
      last.rows++;
      return false;
    }
    if (pair === '') recoveries.all++;
    else recoveries.ofPair.set(pair, (recoveries.ofPair.get(pair) ?? 0) + 1);
    changes.push({ kind: 'recovered', pair, instance, origin, at, rows: 1 });
    return true;
  }

  /** The changes, once each candidate is decided. */
  function decided(): FiringChange[] {
    return changes.map((change) => (change.kind === 'firing' ? firingRow(change) : change));
  }

  return { fires, mutes, recovers, decided };
}

function firingRow({ candidate, row, isOverflow, isOwn }: FiringOfCandidate): FiringChange {
  const { wake, dedupId: pair, decision } = candidate;
  const { instance, sender } = row;
  const common = { kind: 'firing' as const, pair, instance, origin: originOf(sender, instance), isOverflow };
  if (decision?.kind === 'buffered') return { ...common, decision: 'buffered' };
  if (decision?.kind === 'coalesced') return { ...common, decision: 'coalesced', wakeId: decision.holder };
  if (decision?.kind !== 'enqueued' || !isOwn) return { ...common, decision: 'coalesced', wakeId: wake.id };
  return {
    ...common,
    decision: 'enqueued',
    wakeId: wake.id,
    isCritical: wake.severity === 'critical',
    severity: wake.severity,
    hasSender: sender !== '',
    windowMs: decision.windowMs,
    buffered: decision.buffered,
  };
}
