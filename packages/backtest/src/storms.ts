/** Which wakes become members of storms, as the tailer's commit decides it. Without Slack, the time of each message is an assumption. */
import type { StormRule } from '@kora-wake/shared/policy/policy';

/** A wake: its time in ms, and its pair. */
export interface Arrival {
  at: number;
  pair: string | number;
  /** Whether its incident was open before. With a message of its own it cannot join. */
  continues?: boolean;
}

export interface Gathered<A> {
  /** The wakes that digests name. */
  members: Set<A>;
  /** Times at which storms begin; each has one digest and one investigation. */
  storms: number[];
  /** Time from each member to the message that names it, ms. */
  toDigest: number[];
}

/** A storm grows until no new pair has joined for this many times the time within which it began. */
const GROWTH = 5;
/** Time between two messages of a storm, or edits, ms. */
const EDIT_PACE_MS = 1_334;
/** Names in a digest, and in a reply, of usual length. */
const NAMES = { digest: 35, reply: 200 };

interface Growing {
  at: number;
  endsAt: number;
  pairs: Set<Arrival['pair']>;
}

/**
 * @param wakes in the order of their time
 * @param sentAfterMs time after which a wake has a message of its own
 */
export function gatherStorms<A extends Arrival>(wakes: A[], rule: StormRule, sentAfterMs: number): Gathered<A> {
  const gathered: Gathered<A> = { members: new Set(), storms: [], toDigest: [] };
  /** Pairs whose last message is a digest. */
  const digested = new Set<Arrival['pair']>();
  const recent: A[] = [];
  let first = 0;
  const recentOf = new Map<Arrival['pair'], number>();
  let storm: Growing | undefined;
  const join = (wake: A, now: number) => {
    if (!storm || gathered.members.has(wake) || (wake.continues && !digested.has(wake.pair))) return;
    if (!storm.pairs.has(wake.pair)) storm.endsAt = now + GROWTH * rule.withinMs;
    storm.pairs.add(wake.pair);
    digested.add(wake.pair);
    gathered.members.add(wake);
    gathered.toDigest.push(Math.max(0, now - wake.at) + namedAfter(storm, now));
  };
  for (const wake of wakes) {
    const { at, pair } = wake;
    for (let oldest = recent[first]; oldest && oldest.at < at - rule.withinMs; oldest = recent[++first]) {
      const others = (recentOf.get(oldest.pair) ?? 0) - 1;
      if (others > 0) recentOf.set(oldest.pair, others);
      else recentOf.delete(oldest.pair);
    }
    recent.push(wake);
    recentOf.set(pair, (recentOf.get(pair) ?? 0) + 1);
    if (storm && storm.endsAt >= at) {
      join(wake, at);
    } else if (recentOf.size >= rule.pairs) {
      storm = { at, endsAt: at, pairs: new Set() };
      for (const earlier of recent.slice(first)) if (at - earlier.at < sentAfterMs) join(earlier, at);
      if (storm.pairs.size > 0) gathered.storms.push(at);
    }
    if (!gathered.members.has(wake)) digested.delete(pair);
  }
  return gathered;
}

/** Time until a message names the newest pair of a storm, ms: its digest, a reply, or the next edit. */
function namedAfter({ at, pairs }: Growing, now: number): number {
  const reply = Math.max(0, Math.ceil((pairs.size - NAMES.digest) / NAMES.reply));
  return Math.max(EDIT_PACE_MS / 2, at + EDIT_PACE_MS / 2 + reply * EDIT_PACE_MS - now);
}
