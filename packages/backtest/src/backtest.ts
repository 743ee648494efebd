/** Decides the rows of a log by several policies, and compares them with the current one. */
import { type MemoryDecision, memoryStore } from '@kora-wake/shared/policy/memory-store';
import type { Policy, StormRule } from '@kora-wake/shared/policy/policy';
import { type Settings, settingsOf } from '@kora-wake/shared/policy/settings';
import { isNight } from '@kora-wake/shared/wake/night';
import { type DebouncePolicy, pairOfDebounceId } from '@kora-wake/shared/wake/pair';
import type { Redact } from '@kora-wake/shared/wake/redact';
import { isTestAlert } from '@kora-wake/shared/wake/test-alert';
import { firstChars } from '@kora-wake/shared/wake/text';
import { hoursIn } from './hours.ts';
import type { LogContent, LogRow } from './read-log.ts';
import { gatherStorms } from './storms.ts';

export interface NamedPolicy {
  name: string;
  rules: Policy['rules'];
  storm?: StormRule | undefined;
}

export interface BacktestOptions {
  /** The first one is the current one. */
  policies: NamedPolicy[];
  debounce: DebouncePolicy;
  hasIncidents: boolean;
  /** See `MemoryStoreOptions`. */
  quietMs: number;
  senderQuietMs: number;
  /** Rows from `from` on and before `to` are counted, ms since the epoch. Earlier ones only set the state. */
  from: number;
  to: number;
  /** IANA name, for hours and nights. */
  timezone: string;
  redact: Redact;
}

export interface PolicyResult {
  name: string;
  rows: number;
  decisions: { enqueued: number; coalesced: number; buffered: number; muted: number; rejected: number };
  /** Muted and rejected rows by reason. */
  reasons: Record<string, number>;
  /** Rows that became wakes. */
  wakes: number;
  /** Wakes of an incident that flaps, and that was over before their message was due. */
  withdrawn: number;
  /** Storms, and the wakes that only their digests name. */
  storms: number;
  inDigests: number;
  /** Messages: one of each storm, and one of each wake that is neither withdrawn nor in a digest. */
  messages: number;
  /** Messages from 22 to 7 o'clock. */
  night: number;
  /** Estimated cost of the investigations. */
  usd: number;
  /** Most wakes first. */
  byPair: Array<{ probe: string; category: string; rows: number; wakes: number }>;
  /** Wakes by hour of the day. */
  byHour: number[];
}

/** An alert that the current policy sends, and another one does not. */
export interface MissedAlert {
  policy: string;
  probe: string;
  category: string;
  severity: string;
  /** ISO 8601. */
  emittedAt: string;
  title: string;
  decision: 'coalesced' | 'buffered' | 'muted';
  /**
   * The message of this policy about the same incident. `earlier`: there was one before, and the alert is counted on it. `later`: there
   * is one after it. `none`: nobody hears of it.
   */
  message: 'earlier' | 'later' | 'none';
  /** ISO 8601; null: `none`. */
  messageAt: string | null;
}

export interface Backtest {
  /** ISO 8601: the first and the last row that count. */
  from: string | null;
  to: string | null;
  timezone: string;
  policies: PolicyResult[];
  /** Critical alerts first, and then those of which nobody hears. */
  missed: MissedAlert[];
  /** Why the result may be wrong, one sentence each. */
  doubts: string[];
}

/** Time from an alert to its message, ms, in a backtest of storms. */
const USUAL_SENT_AFTER_MS = 30_000;

/** USD of an investigation if the log has none: the public score of the default model. */
const USUAL_USD = 0.06;

const ALWAYS = [
  'A live tailer decides when it reads a row; the backtest takes the time of the row.',
  'Acknowledgements, snoozes and holds by people are not part of it.',
];

export function runBacktest({ rows, malformed, meanUsd, doubts }: LogContent, options: BacktestOptions): Backtest {
  const { policies, from, to, timezone } = options;
  const counted = rows.filter(({ at }) => at >= from && at < to);
  const decided = policies.map((policy) => decideAll(rows, settingsOf(policy.rules, options.debounce), options));
  const stormsOf = policies.map(({ storm }, i) => (storm ? joinStorms(rows, decided[i] ?? [], storm) : []));
  const [current] = decided;
  return {
    from: iso(counted[0]?.at),
    to: iso(counted.at(-1)?.at),
    timezone,
    policies: policies.map(({ name }, i) =>
      summarize(name, rows, decided[i] ?? [], {
        ...options,
        storms: stormsOf[i] ?? [],
        malformed,
        usd: meanUsd ?? USUAL_USD,
      }),
    ),
    missed: decided
      .slice(1)
      .flatMap((other, i) => missedBy(policies[i + 1]?.name ?? '', rows, current ?? [], other, options))
      .toSorted(byUrgency),
    doubts: [
      ...doubts,
      ...(policies.some(({ rules }) => rules.some(({ reinvestigate }) => reinvestigate === 'on_change'))
        ? ['The cost counts an investigation for each message, also for rules with reinvestigate: on_change.']
        : []),
      ...(policies.some(({ storm }) => storm)
        ? [
            `For storms, the message of an alert is taken to be sent after ${USUAL_SENT_AFTER_MS / 1_000} s. An alert that is sent before the storm begins is not in its digest.`,
          ]
        : []),
      ...(meanUsd === undefined ? [`The log has no investigations: each is taken to cost ${USUAL_USD} USD.`] : []),
      ...ALWAYS,
    ],
  };
}

/** `isOver`: the incident was over before the message of the wake was due. `isInDigest`: only the digest of a storm names it. */
type RowDecision = MemoryDecision & { isOver?: boolean; isInDigest?: boolean };

/** The decision on each row, in their order; undefined for a recovery. */
export type Decided = Array<RowDecision | undefined>;

/** Decides all rows by one policy. */
export function decideAll(
  rows: LogRow[],
  settings: Settings,
  { hasIncidents, quietMs, senderQuietMs }: Pick<BacktestOptions, 'hasIncidents' | 'quietMs' | 'senderQuietMs'>,
): Decided {
  const store = memoryStore({ settings, hasIncidents, quietMs, senderQuietMs });
  /** Wakes whose messages wait, by their pair. */
  const waiting = new Map<string, RowDecision>();
  const settle = (pair: string, now: number) => {
    const wake = waiting.get(pair);
    if (wake?.sendsAt === undefined) return;
    if (wake.sendsAt <= now || !store.isOpenAt(pair, now)) {
      wake.isOver = !store.isOpenAt(pair, wake.sendsAt);
      waiting.delete(pair);
    }
  };
  const decided = rows.map((row, i) => {
    if (row.kind === 'recovered') {
      store.recover(row, row.at);
      for (const pair of row.pair === '' ? waiting.keys() : [row.pair]) settle(pair, row.at);
      return undefined;
    }
    if (waiting.size > 0) settle(row.pair, row.at);
    const decision: RowDecision = store.row(row, String(i), row.at);
    if (decision.sendsAt !== undefined && decision.sendsAt > row.at) waiting.set(row.pair, decision);
    return decision;
  });
  for (const pair of waiting.keys()) settle(pair, Infinity);
  return decided;
}

/** Marks the members of storms. @returns the times at which storms begin */
function joinStorms(rows: LogRow[], decided: Decided, rule: StormRule): number[] {
  const wakes = rows.flatMap(({ at, pair }, i) => {
    const decision = decided[i];
    return decision && sentAt(decision) !== undefined && !isTestAlert(pairOfDebounceId(pair))
      ? { at, pair, continues: decision.continues ?? false, decision }
      : [];
  });
  const { members, storms } = gatherStorms(wakes, rule, USUAL_SENT_AFTER_MS);
  for (const { decision } of members) decision.isInDigest = true;
  return storms;
}

/** When the message of a wake is sent, ms since the epoch, or undefined if there is none. */
export function sentAt(decision: Decided[number]): number | undefined {
  return decision?.kind === 'enqueued' && !decision.isOver ? decision.sendsAt : undefined;
}

function summarize(
  name: string,
  rows: LogRow[],
  decided: Decided,
  {
    from,
    to,
    timezone,
    storms,
    malformed,
    usd,
  }: BacktestOptions & { storms: number[]; malformed: number; usd: number },
): PolicyResult {
  const decisions = { enqueued: 0, coalesced: 0, buffered: 0, muted: 0, rejected: malformed };
  const reasons = new Map<string, number>();
  const pairs = new Map<string, { rows: number; wakes: number }>();
  const byHour = Array.from({ length: 24 }, () => 0);
  const hourOf = hoursIn(timezone);
  const begun = storms.filter((at) => at >= from && at < to);
  let night = begun.filter((at) => isNight(hourOf(at))).length;
  let [withdrawn, inDigests] = [0, 0];
  for (const [i, row] of rows.entries()) {
    const decision = decided[i];
    if (!decision || row.at < from || row.at >= to) continue;
    decisions[decision.kind]++;
    if (decision.kind === 'muted') reasons.set(decision.reason, (reasons.get(decision.reason) ?? 0) + 1);
    const ofPair = pairs.get(row.pair) ?? { rows: 0, wakes: 0 };
    pairs.set(row.pair, ofPair);
    ofPair.rows++;
    if (decision.kind !== 'enqueued') continue;
    ofPair.wakes++;
    const at = sentAt(decision);
    const hour = hourOf(at ?? row.at);
    byHour[hour] = (byHour[hour] ?? 0) + 1;
    if (at === undefined) withdrawn++;
    else if (decision.isInDigest) inDigests++;
    else if (isNight(hour)) night++;
  }
  const messages = decisions.enqueued - withdrawn - inDigests + begun.length;
  return {
    name,
    rows: Object.values(decisions).reduce((sum, n) => sum + n, 0),
    decisions,
    reasons: Object.fromEntries(reasons),
    wakes: decisions.enqueued,
    withdrawn,
    storms: begun.length,
    inDigests,
    messages,
    night,
    usd: Math.round(messages * usd * 100) / 100,
    byPair: [...pairs]
      .map(([pair, counts]) => Object.assign(pairOfDebounceId(pair), counts))
      .toSorted((a, b) => b.wakes - a.wakes || b.rows - a.rows),
    byHour,
  };
}

/** The alerts that `current` sends and `other` does not. */
function missedBy(
  policy: string,
  rows: LogRow[],
  current: Decided,
  other: Decided,
  { from, to, redact, quietMs }: BacktestOptions,
): MissedAlert[] {
  const missed: MissedAlert[] = [];
  const lastMessage = new Map<string, number>();
  /** Missed alerts of a pair that have no message yet. */
  const open = new Map<string, Array<{ alert: MissedAlert; at: number }>>();
  for (const [i, row] of rows.entries()) {
    const decision = other[i];
    const at = sentAt(decision);
    if (at !== undefined) {
      for (const { alert, at: missedAt } of open.get(row.pair) ?? []) {
        if (at - missedAt < quietMs) Object.assign(alert, { message: 'later', messageAt: new Date(at).toISOString() });
      }
      open.delete(row.pair);
      lastMessage.set(row.pair, at);
    }
    if (sentAt(current[i]) === undefined || at !== undefined || !decision) continue;
    if (row.at < from || row.at >= to) continue;
    const before = lastMessage.get(row.pair);
    const isCounted = decision.kind === 'coalesced' && before !== undefined;
    const alert: MissedAlert = {
      policy,
      ...pairOfDebounceId(row.pair),
      severity: row.severity,
      emittedAt: new Date(row.at).toISOString(),
      title: firstChars(redact(row.title), MAX_TITLE),
      decision: decision.kind === 'enqueued' ? 'coalesced' : decision.kind,
      message: isCounted ? 'earlier' : 'none',
      messageAt: isCounted ? new Date(before).toISOString() : null,
    };
    missed.push(alert);
    if (!isCounted) open.set(row.pair, [...(open.get(row.pair) ?? []), { alert, at: row.at }]);
  }
  return missed;
}

/** Characters. */
const MAX_TITLE = 200;

const MESSAGES: ReadonlyArray<MissedAlert['message']> = ['none', 'later', 'earlier'];

function byUrgency(a: MissedAlert, b: MissedAlert): number {
  const rank = ({ severity, message }: MissedAlert) => Number(severity !== 'critical') * 10 + MESSAGES.indexOf(message);
  return rank(a) - rank(b) || a.emittedAt.localeCompare(b.emittedAt);
}

function iso(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}
