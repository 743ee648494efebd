/**
 * The decision on one row, without any store. A store (Redis with BullMQ, or the memory of a backtest) gives the state of the row's
 * pair and carries the decision out. A row that has a wake already is not decided again.
 */
import type { RowSettings } from './settings.ts';

/** The state of a pair at one moment. */
export interface PairState {
  /** The wake that holds the open window; undefined: no window is open. */
  holder: string | undefined;
  /** Wakes of the current opening of the incident; undefined: no incident is open. */
  wakes: number | undefined;
  /** Whether the incident had a critical wake, also one that could still be reopened. */
  hadCritical: boolean;
  /** Rows that are buffered now; 0: none, or they lapsed. */
  buffered: number;
}

export type Decision =
  | { kind: 'muted'; reason: string }
  /** Into the wake that holds the window. */
  | { kind: 'coalesced'; holder: string }
  /** `rows`: number of buffered rows with this one. They lapse `forMs` after the first. */
  | { kind: 'buffered'; rows: number; forMs: number }
  /**
   * The row becomes a wake and opens a window, unless another wake opens it first. `buffered`: number of rows before it that it stands
   * for. `passes`: it closes an open window; `closes`: the wake that holds that window, if one is known to be open.
   */
  | { kind: 'enqueued'; windowMs: number; buffered: number; passes: boolean; closes?: string | undefined };

/** Without a debounce window, rows count as consecutive within this time, ms. */
const COUNT_MS = 600_000;

export const NEW_PAIR: PairState = { holder: undefined, wakes: undefined, hadCritical: false, buffered: 0 };

/**
 * Decides a row that is not rejected and has no wake yet.
 *
 * @param now time of the store's clock, ms since the epoch
 * @param hasIncidents without incidents the first critical row does not pass a window
 */
export function decideRow(
  severity: string,
  settings: RowSettings,
  state: PairState,
  { now, hasIncidents }: { now: number; hasIncidents: boolean },
): Decision {
  const muted = settings.mutedAt(now);
  if (muted) return { kind: 'muted', reason: muted.mute.reason };
  const isCritical = severity === 'critical';
  const passes = isCritical && (settings.bypassCritical || (hasIncidents && !state.hadCritical));
  if (state.holder !== undefined && !passes) return { kind: 'coalesced', holder: state.holder };
  const bypassesCount = isCritical && settings.bypassCritical;
  if (state.wakes === undefined && !bypassesCount && state.buffered + 1 < settings.consecutive) {
    return { kind: 'buffered', rows: state.buffered + 1, forMs: settings.windowMs || COUNT_MS };
  }
  const windowMs = windowAfter(settings, state.wakes ?? 0);
  return { kind: 'enqueued', windowMs, buffered: state.buffered, passes, closes: state.holder };
}

/** Length of the window that a wake opens, ms. @param wakes number of wakes of the opening before it */
function windowAfter({ windowMs, backoff }: Pick<RowSettings, 'windowMs' | 'backoff'>, wakes: number): number {
  if (!backoff) return windowMs;
  const longer = windowMs * backoff.factor ** wakes;
  return Math.max(windowMs, Math.floor(Math.min(longer, backoff.maxMs)));
}

/** The state after a row became a wake. */
export function afterWake(
  state: PairState,
  wake: { id: string; severity: string },
  windowMs: number,
  hasIncidents: boolean,
): PairState {
  return {
    holder: windowMs > 0 ? wake.id : undefined,
    wakes: hasIncidents ? (state.wakes ?? 0) + 1 : undefined,
    hadCritical: state.hadCritical || wake.severity === 'critical',
    buffered: 0,
  };
}
