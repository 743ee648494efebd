/** Which wakes of a simulation become members of storms, as the tailer's commit decides it. */
import type { StormRule } from '@kora-wake/shared/policy/policy';

/** A wake of a simulation: its time, ms from the start, and its pair. */
export interface Arrival {
  at: number;
  pair: number;
}

export interface Gathered {
  /** Times of wakes that are sent one by one, ascending. */
  single: number[];
  /** Times at which storms begin; each has one investigation. */
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
  pairs: Set<number>;
}

/**
 * @param wakes in the order of their time
 * @param sentAfterMs time after which a wake has a message of its own
 */
export function gatherStorms(wakes: Arrival[], rule: StormRule | undefined, sentAfterMs: number): Gathered {
  if (!rule) return { single: wakes.map(({ at }) => at), storms: [], toDigest: [] };
  const gathered: Gathered = { single: [], storms: [], toDigest: [] };
  const members = new Set<Arrival>();
  const recent: Arrival[] = [];
  let storm: Growing | undefined;
  const join = (wake: Arrival, now: number) => {
    if (!storm) return;
    if (!storm.pairs.has(wake.pair)) storm.endsAt = now + GROWTH * rule.withinMs;
    storm.pairs.add(wake.pair);
    members.add(wake);
    gathered.toDigest.push(Math.max(0, now - wake.at) + namedAfter(storm, now));
  };
  for (const wake of wakes) {
    const { at } = wake;
    while (recent[0] && recent[0].at < at - rule.withinMs) recent.shift();
    recent.push(wake);
    if (storm && storm.endsAt >= at) {
      join(wake, at);
    } else if (new Set(recent.map(({ pair }) => pair)).size >= rule.pairs) {
      storm = { at, endsAt: at, pairs: new Set() };
      gathered.storms.push(at);
      for (const earlier of recent) if (!members.has(earlier) && at - earlier.at < sentAfterMs) join(earlier, at);
    }
  }
  gathered.single = wakes.filter((wake) => !members.has(wake)).map(({ at }) => at);
  return gathered;
}

/** Time until a message names the newest pair of a storm, ms: its digest, a reply, or the next edit. */
function namedAfter({ at, pairs }: Growing, now: number): number {
  const reply = Math.max(0, Math.ceil((pairs.size - NAMES.digest) / NAMES.reply));
  return Math.max(EDIT_PACE_MS / 2, at + EDIT_PACE_MS / 2 + reply * EDIT_PACE_MS - now);
}
