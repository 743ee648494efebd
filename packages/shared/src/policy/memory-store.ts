/**
 * The state of all pairs in memory, for a backtest. It gives the decisions that the tailer and Redis give at the same times, if all
 * messages are sent at once. Its rules are those of the Lua scripts in lua/lib: a test compares both.
 */
import { MAX_INSTANCES, originOf, type Recovery } from '../wake/firing.ts';
import { REOPEN_MS } from '../wake/incident.ts';
import { afterWake, type Decision, decideRow, type PairState } from './decide.ts';
import type { Settings } from './settings.ts';

/** A wake row or a recovery as a store sees it. Empty texts stand for missing fields. */
export interface StoreRow {
  /** Deduplication id; empty: sender and instance name the pairs. */
  pair: string;
  severity: string;
  instance: string;
  /** The ingestion source. */
  sender: string;
}

export interface MemoryStoreOptions {
  settings: Settings;
  /** False: every wake stands alone, and recoveries are ignored. */
  hasIncidents: boolean;
  /** Silence after which an incident expires, ms: of rows of a log, and of rows of an alerting tool. */
  quietMs: number;
  senderQuietMs: number;
}

/** A decision on a row. */
export type MemoryDecision = Decision & {
  /**
   * When the message of the wake is sent, ms since the epoch: later than the row if its incident was reopened soon after its last
   * message. Undefined: there is no wake.
   */
  sendsAt?: number | undefined;
  /** Whether the wake belongs to an incident that was open before. Undefined: there is no wake. */
  continues?: boolean;
};

export interface MemoryStore {
  /** Decides a wake row. Times must not decrease. @param id names the wake that it may become @param now ms since the epoch */
  row(row: StoreRow, id: string, now: number): MemoryDecision;
  recover(row: Pick<StoreRow, 'pair' | 'instance' | 'sender'>, now: number): Recovery;
  /** @param now not earlier than the last row, ms since the epoch */
  stateOf(pair: string, now: number): PairState;
  /** Whether the incident of a pair was open at a time that is not later than the last row. */
  isOpenAt(pair: string, at: number): boolean;
}

interface Incident {
  openedAt: number;
  /** Undefined while it is open. */
  closedAt: number | undefined;
  hadCritical: boolean;
  /** Wakes of the current opening. */
  wakes: number;
  lastRowAt: number;
  windowMs: number;
  hasSender: boolean;
  notifiedAt: number;
}

interface Pair {
  holder: string | undefined;
  windowEndsAt: number;
  buffered: number;
  bufferEndsAt: number;
  incident: Incident | undefined;
  /** Names of firing instances: see {@link nameOf}. */
  firing: Set<string>;
  firingUntil: number;
}

/** As in store/firing.ts, ms. */
const FIRING_TTL_MS = 86_400_000;
/** Stands for instances that are not stored one by one. */
const OVERFLOW = '*';
const MAX_PAIRS_OF_INSTANCE = 100;

export function memoryStore({ settings, hasIncidents, quietMs, senderQuietMs }: MemoryStoreOptions): MemoryStore {
  const pairs = new Map<string, Pair>();
  /** The pairs in which the instance of a sender fires, the newest one last. */
  const pairsOf = new Map<string, { pairs: string[]; until: number }>();

  function pairAt(id: string, now: number): Pair {
    let pair = pairs.get(id);
    if (!pair) {
      pair = {
        holder: undefined,
        windowEndsAt: 0,
        buffered: 0,
        bufferEndsAt: 0,
        incident: undefined,
        firing: new Set(),
        firingUntil: 0,
      };
      pairs.set(id, pair);
    }
    if (pair.incident && pair.incident.closedAt === undefined) {
      const { lastRowAt, windowMs, hasSender } = pair.incident;
      const expiresAt = lastRowAt + Math.max(hasSender ? senderQuietMs : quietMs, windowMs);
      if (expiresAt <= now) close(pair, expiresAt);
    }
    if (pair.windowEndsAt <= now) pair.holder = undefined;
    if (pair.bufferEndsAt <= now) pair.buffered = 0;
    if (pair.firingUntil <= now) pair.firing.clear();
    return pair;
  }

  function close(pair: Pair, at: number): void {
    if (pair.incident) pair.incident.closedAt ??= at;
    pair.holder = undefined;
    pair.buffered = 0;
    pair.firing.clear();
  }

  function stateOf({ holder, buffered, incident }: Pair, now: number): PairState {
    const isOpen = incident !== undefined && incident.closedAt === undefined;
    const counts = incident !== undefined && (isOpen || now - (incident.closedAt ?? 0) <= REOPEN_MS);
    return {
      holder,
      wakes: isOpen ? incident.wakes : undefined,
      hadCritical: counts && incident.hadCritical,
      buffered,
    };
  }

  function row(given: StoreRow, id: string, now: number): MemoryDecision {
    const { severity } = given;
    const pair = pairAt(given.pair, now);
    const own = settings.ofPair(given.pair).of(severity);
    const state = stateOf(pair, now);
    const decision = decideRow(severity, own, state, { now, hasIncidents });
    const openIncident = pair.incident?.closedAt === undefined ? pair.incident : undefined;
    if (decision.kind === 'buffered') {
      if (state.buffered === 0) {
        // The instances of rows of an earlier count do not fire any more.
        pair.firing.clear();
        pair.bufferEndsAt = now + decision.forMs;
      }
      pair.buffered = decision.rows;
      fires(pair, given, now);
      return decision;
    }
    if (decision.kind === 'enqueued') {
      if (hasIncidents) {
        if (!openIncident && decision.buffered === 0) pair.firing.clear();
        addWake(pair, given, decision.windowMs, now);
      }
      pair.buffered = 0;
      pair.holder = afterWake(state, { id, severity }, decision.windowMs, hasIncidents).holder;
      pair.windowEndsAt = now + decision.windowMs;
      fires(pair, given, now);
      return {
        ...decision,
        continues: openIncident !== undefined,
        sendsAt: pair.incident && hasIncidents ? notify(pair.incident, state, severity, decision.windowMs, now) : now,
      };
    }
    if (openIncident) {
      openIncident.lastRowAt = now;
      fires(pair, given, now);
    }
    return decision;
  }

  function addWake(pair: Pair, { severity, sender }: StoreRow, windowMs: number, now: number): void {
    const { incident } = pair;
    const isOpen = incident !== undefined && incident.closedAt === undefined;
    const reopens = incident?.closedAt !== undefined && now - incident.closedAt <= REOPEN_MS;
    if (!incident || !(isOpen || reopens)) {
      pair.incident = {
        openedAt: now,
        closedAt: undefined,
        hadCritical: false,
        wakes: 0,
        lastRowAt: now,
        windowMs,
        hasSender: false,
        notifiedAt: -Infinity,
      };
    } else if (reopens) Object.assign(incident, { closedAt: undefined, wakes: 0 });
    if (!pair.incident) return;
    pair.incident.wakes++;
    pair.incident.lastRowAt = now;
    pair.incident.windowMs = windowMs;
    if (sender !== '') pair.incident.hasSender = true;
    if (severity === 'critical') pair.incident.hadCritical = true;
  }

  function fires(pair: Pair, { pair: id, instance, sender }: StoreRow, now: number): void {
    if (!hasIncidents) return;
    const { firing } = pair;
    const name = nameOf(instance);
    const isFull = name !== nameOf('') && firing.size >= MAX_INSTANCES && !firing.has(name);
    if (!isFull) setPairOf(originOf(sender, instance), id, true, now);
    firing.add(isFull ? OVERFLOW : name);
    pair.firingUntil = now + FIRING_TTL_MS;
  }

  function setPairOf(origin: string, pair: string, isFiring: boolean, now: number): void {
    if (origin === '') return;
    const kept = pairsOfOrigin(origin, now).filter((other) => other !== pair);
    if (isFiring) kept.push(pair);
    if (kept.length > MAX_PAIRS_OF_INSTANCE) kept.shift();
    if (kept.length === 0) pairsOf.delete(origin);
    else pairsOf.set(origin, { pairs: kept, until: now + FIRING_TTL_MS });
  }

  function pairsOfOrigin(origin: string, now: number): string[] {
    const found = pairsOf.get(origin);
    return found && found.until > now ? found.pairs : [];
  }

  function recover(
    { pair: id, instance, sender }: Pick<StoreRow, 'pair' | 'instance' | 'sender'>,
    now: number,
  ): Recovery {
    if (!hasIncidents) return 'ignored';
    if (id !== '') return recoverPair(id, instance, sender, now);
    const found = pairsOfOrigin(originOf(sender, instance), now);
    const results = new Set([...found].map((each) => recoverPair(each, instance, sender, now)));
    if (results.has('closed')) return 'closed';
    return results.has('partial') ? 'partial' : 'ignored';
  }

  function recoverPair(id: string, instance: string, sender: string, now: number): Recovery {
    const pair = pairAt(id, now);
    const { firing } = pair;
    if (firing.size === 0) return 'ignored';
    if (instance !== '') {
      if (!firing.delete(nameOf(instance))) return firing.has(OVERFLOW) ? 'partial' : 'ignored';
      setPairOf(originOf(sender, instance), id, false, now);
      if (firing.size > 0) return 'partial';
    }
    close(pair, now);
    return 'closed';
  }

  return {
    row,
    recover,
    stateOf: (id, now) => stateOf(pairAt(id, now), now),
    isOpenAt: (id, at) => {
      const incident = pairs.get(id)?.incident;
      return incident !== undefined && (incident.closedAt === undefined || incident.closedAt > at);
    },
  };
}

/** Rows without an instance are an instance of their own. */
function nameOf(instance: string): string {
  return instance === '' ? '-' : `=${instance}`;
}

/** The message of a wake that reopens an incident soon after its last one waits, unless it is the first critical one. */
function notify(incident: Incident, before: PairState, severity: string, windowMs: number, now: number): number {
  const isFirstCritical = severity === 'critical' && !before.hadCritical;
  const isOpening = before.wakes === undefined;
  const at = isOpening && !isFirstCritical ? Math.max(now, incident.notifiedAt + windowMs) : now;
  incident.notifiedAt = at;
  return at;
}
