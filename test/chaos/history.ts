/**
 * What a chaos run saw, and what must hold of it: I1 to I12, each checked from the history alone, after the run.
 */

/** A wake row as it was written. */
export interface WrittenRow {
  /** The wake id that the row has by its bytes and its place. */
  id: string;
  /** Stands in its title; two rows share it where one is the other's duplicate. */
  marker: string;
  pair: string;
  kind: 'wake' | 'stale' | 'malformed';
  critical: boolean;
  /** ms since the epoch */
  at: number;
}

/** A message that Slack has. */
interface Post {
  wakeId: string;
  text: string;
  at: number;
}

/** An answer that the engine was paid for. */
export interface PaidAnswer {
  marker: string;
  at: number;
}

/** What a tailer's log said: of one wake, or of rows of one pair that were coalesced together. */
export type SeenDecision =
  | { kind: 'enqueued'; id: string; at: number }
  | { kind: 'coalesced'; pair: string; winner: string; at: number };

/** One look at the checkpoint. */
export interface SeenOffset {
  file: string;
  offset: number;
  /** Whether the byte before it is a newline; undefined where the file could not be looked at. */
  afterNewline: boolean | undefined;
  at: number;
}

/** One wake as Redis knows it at the end, or had known before it was emptied. */
export interface WakeRecord {
  id: string;
  outcome: string | undefined;
  suppressed: number;
  /** When its job was made, ms since the epoch; undefined where the job is gone. */
  addedAt: number | undefined;
}

export interface Counts {
  rows: number;
  enqueued: number;
  coalesced: number;
  rejected: number;
  inFlight: number;
  unaccounted: number;
}

export interface History {
  windowMs: number;
  /** Whether critical wakes pass an open window. */
  bypass: boolean;
  rows: WrittenRow[];
  posts: Post[];
  paid: PaidAnswer[];
  decisions: SeenDecision[];
  offsets: SeenOffset[];
  /** When a file was emptied or replaced in place: its offset may begin again. */
  emptied: Array<{ inode: string; at: number }>;
  /** When Redis went back in time or lost everything: what was known then may be told of again, but not told again. */
  forgot: number[];
  wakes: WakeRecord[];
  /** Winners of the windows that are open at the end. */
  holding: string[];
  counts: Counts;
  /** Apps that ended by an error of their own. */
  crashes: string[];
  /** The most memory any tailer had, bytes. */
  tailerPeakBytes: number;
  /** Whether all that was on its way had ended within the time given to it after the last fault. */
  settled: boolean;
}

interface Violation {
  invariant: string;
  what: string;
}

export interface Verdict {
  violations: Violation[];
  /** Enqueued wakes that nobody was told of, and rows without a decision. */
  lost: number;
  /** Posts after the first one of their wake that do not say so. */
  unmarkedRepeats: number;
  /** Those that do. */
  markedRepeats: number;
}

/** How the DM says it; see messages.ts. */
const MARK = 'Possible duplicate';
/** Between a decision and what is seen of it in the log, ms. */
const SLACK_MS = 3_000;
/** Node with ioredis and BullMQ, and the longest line twice, bytes. */
const TAILER_CEILING_BYTES = 350 * 1024 * 1024;

export function check(history: History): Verdict {
  const violations: Violation[] = [];
  const violated = (invariant: string, what: string) => violations.push({ invariant, what });
  const rows = new Map(history.rows.map((row) => [row.id, row]));
  const wakes = new Map(history.wakes.map((wake) => [wake.id, wake]));
  const posts = Map.groupBy(history.posts, ({ wakeId }) => wakeId);
  const forgotBetween = (from: number, to: number) => history.forgot.some((at) => at >= from && at <= to);
  const ofKind = (kind: WrittenRow['kind']) => history.rows.filter((row) => row.kind === kind).length;

  const { counts } = history;
  const undecided = history.rows.length - counts.rows;
  if (undecided !== 0) violated('I1', `${history.rows.length} rows were written and ${counts.rows} decided`);
  const refused = ofKind('stale') + ofKind('malformed');
  if (counts.rejected !== refused) violated('I1', `${refused} rows were to be rejected and ${counts.rejected} were`);
  for (const { id } of history.wakes) if (!rows.has(id)) violated('I1', `wake ${id} is of no row`);

  if (!history.settled) violated('I2', `${counts.inFlight} jobs were still on their way when time was up`);
  const untold = history.wakes.filter(({ id, outcome }) => outcome !== 'dead' && !posts.has(id));
  for (const { id, outcome } of untold) violated('I2', `wake ${id} was never told; its outcome is ${outcome}`);
  for (const { id, outcome } of history.wakes) if (!outcome) violated('I2', `wake ${id} has no outcome`);

  for (const decision of history.decisions) {
    const id = decision.kind === 'enqueued' ? decision.id : decision.winner;
    const row = rows.get(id);
    if (!row) violated('I1', `a decision was made on ${id}, which is no row`);
    if (decision.kind === 'enqueued' || !row) continue;
    const { pair, at } = decision;
    if (pair !== row.pair) violated('I3', `rows of ${pair} coalesced into ${id} of ${row.pair}`);
    const end = (wakes.get(id)?.addedAt ?? at) + history.windowMs + SLACK_MS;
    if (at > end && !forgotBetween(end - 120_000, at)) violated('I3', `rows of ${pair} coalesced after ${id}'s window`);
  }
  const suppressed = history.wakes.reduce((sum, wake) => sum + wake.suppressed, 0);
  if (suppressed !== counts.coalesced) {
    violated('I3', `${counts.coalesced} coalesced, ${suppressed} counted on winners`);
  }

  let unmarkedRepeats = 0;
  let markedRepeats = 0;
  for (const [id, [, ...more]] of posts) {
    for (const { text } of more) {
      if (text.includes(MARK)) markedRepeats++;
      else {
        unmarkedRepeats++;
        violated('I4', `wake ${id} was told again, unmarked`);
      }
    }
    if (rows.get(id)?.kind !== 'wake') violated('I5', `a DM was sent for ${id}, which is no wake row`);
  }

  offsetsHold(history, violated);
  windowsHold(history, rows, violated);

  if (counts.unaccounted !== 0) violated('I9', `${counts.unaccounted} unaccounted`);
  if (counts.rows !== counts.enqueued + counts.coalesced + counts.rejected)
    violated('I9', 'the counters do not add up');
  if (counts.enqueued !== history.wakes.length) {
    violated('I9', `${counts.enqueued} counted as enqueued, ${history.wakes.length} known`);
  }

  const firstOf = Map.groupBy(history.rows, ({ marker }) => marker);
  for (const { marker, at } of history.paid) {
    const sharing = firstOf.get(marker) ?? [];
    const [row] = sharing;
    const told = posts.get(row?.id ?? '')?.[0]?.at;
    if (sharing.length === 1 && told !== undefined && at > told && !forgotBetween(told - 120_000, at)) {
      violated('I11', `${marker} was investigated again after it had been told`);
    }
  }

  if (history.tailerPeakBytes > TAILER_CEILING_BYTES) {
    violated('I12', `a tailer took ${Math.round(history.tailerPeakBytes / 2 ** 20)} MiB`);
  }
  for (const crash of history.crashes) violated('crash', crash);
  return { violations, lost: untold.length + Math.max(0, undecided), unmarkedRepeats, markedRepeats };
}

type Violated = (invariant: string, what: string) => void;

/** I6 and I7. */
function offsetsHold({ offsets, emptied, forgot }: History, violated: Violated): void {
  const last = new Map<string, SeenOffset>();
  for (const seen of offsets) {
    if (seen.afterNewline === false) violated('I6', `offset ${seen.offset} of ${seen.file} follows no newline`);
    const before = last.get(seen.file);
    last.set(seen.file, seen);
    if (!before || seen.offset >= before.offset) continue;
    const since = before.at - SLACK_MS;
    const excused =
      forgot.some((at) => at >= since && at <= seen.at) ||
      emptied.some(({ inode, at }) => seen.file.includes(`-${inode}-`) && at >= since - 60_000 && at <= seen.at);
    if (!excused) violated('I7', `the offset of ${seen.file} went back from ${before.offset} to ${seen.offset}`);
  }
}

/** I8 and I10. */
function windowsHold(history: History, rows: Map<string, WrittenRow>, violated: Violated): void {
  const winners = history.wakes.flatMap(({ id, addedAt, outcome }) => {
    const row = rows.get(id);
    return row && addedAt !== undefined ? [{ id, addedAt, outcome, row }] : [];
  });
  for (const ofPair of Map.groupBy(winners, ({ row }) => row.pair).values()) {
    const inOrder = ofPair.toSorted((a, b) => a.addedAt - b.addedAt);
    for (const [i, wake] of inOrder.entries()) {
      const before = inOrder[i - 1];
      if (!before || wake.addedAt >= before.addedAt + history.windowMs - 50) continue;
      const passes = history.bypass && wake.row.critical;
      const forgotten = history.forgot.some((at) => at >= before.addedAt && at <= wake.addedAt);
      if (!passes && !forgotten && before.outcome !== 'dead') {
        violated('I8', `${wake.id} opened a window ${wake.addedAt - before.addedAt} ms after ${before.id}`);
      }
    }
  }
  for (const id of history.holding) {
    const spoke = history.posts.some(({ wakeId }) => wakeId === id);
    if (!spoke) violated('I10', `${id} ended without a message and holds its window`);
  }
}
