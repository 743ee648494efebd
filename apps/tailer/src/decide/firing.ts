/**
 * Collects which instances of a batch fire and which recover, in the order of their rows. Rows that would change nothing are left
 * out: in a storm nearly every row repeats the one before.
 */
import { type FiringChange, MAX_INSTANCES, originOf, type RecoveredRows } from '@kora-wake/shared/store/firing';
import type { RowInstance } from '@kora-wake/shared/wake/wake';
import type { Candidate } from './enqueue.ts';

type Change = RecoveredRows | { kind: 'firing'; candidate: Candidate; row: RowInstance; name: string; isOwn: boolean };

/** Stands for all instances that are not stored. No instance is named so: an instance has a `=` before its name. */
const OVERFLOW = '*';

/** The instances that fire since the last recovery that may have concerned them. */
interface Seen {
  names: Set<string>;
  /** Number of such recoveries before. */
  after: number;
}

export function firingOf() {
  const changes: Change[] = [];
  const seen = new Map<Candidate, Seen>();
  const recoveries = { all: 0, ofPair: new Map<string, number>() };

  /** Recoveries so far that may have ended an instance of the pair. */
  const recoveriesOf = (pair: string) => recoveries.all + (recoveries.ofPair.get(pair) ?? 0);

  /**
   * Adds a wake row that was not rejected.
   *
   * @param candidate the row itself if `isOwn`, else the earlier row that decides it
   * @returns whether a change was added
   */
  function fires(candidate: Candidate, row: RowInstance, isOwn: boolean): boolean {
    const after = recoveriesOf(candidate.dedupId);
    let known = seen.get(candidate);
    if (known?.after !== after) {
      known = { names: new Set(), after };
      seen.set(candidate, known);
    }
    const { names } = known;
    const name = row.instance === '' ? '-' : `=${row.instance}`;
    if (names.has(name)) return false;
    const isStored = names.size < MAX_INSTANCES;
    if (!isStored && names.has(OVERFLOW)) return false;
    names.add(isStored ? name : OVERFLOW);
    changes.push({ kind: 'firing', candidate, row, name: isStored ? name : OVERFLOW, isOwn });
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

  /** The changes, once each candidate has its winner. */
  function decided(): FiringChange[] {
    return changes.map((change) => {
      if (change.kind === 'recovered') return change;
      const { candidate, row, name, isOwn } = change;
      const { wake, dedupId, winner = wake.id } = candidate;
      return {
        kind: 'firing',
        pair: dedupId,
        instance: row.instance,
        origin: originOf(row.sender, row.instance),
        isOverflow: name === OVERFLOW,
        wakeId: winner,
        isOwn: isOwn && winner === wake.id,
        isCritical: wake.severity === 'critical',
        severity: wake.severity,
        hasSender: row.sender !== '',
      };
    });
  }

  return { fires, recovers, decided };
}
