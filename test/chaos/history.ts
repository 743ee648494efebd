/**
 * The observations of a chaos run, and the invariants I1 to I17 and I19, except I15, which needs a run without faults. They are checked after the run, from the history alone.
 */

import { namesIn, pairName } from '../support/digests.ts';

/** A wake row as it was written. */
export interface WrittenRow {
  /** The wake id: a hash of the bytes and the offset of the row. */
  id: string;
  /** A part of its title. Two rows share it if one is a duplicate of the other. */
  marker: string;
  pair: string;
  /** `old`: dated two hours ago; it is rejected in the backlog, and sent if it is appended while a tailer follows. */
  kind: 'wake' | 'old' | 'malformed';
  critical: boolean;
  /** ms since the epoch */
  at: number;
}

/** A recovery row as it was written. `at` in ms since the epoch. */
export interface WrittenRecovery {
  pair: string;
  at: number;
}

/** A message that the Slack double accepted. */
interface Post {
  /** Or the id of a notice. */
  wakeId: string;
  text: string;
  at: number;
  /** The recipient. */
  channel: string;
}

/** An action of a person on an incident. Times in ms since the epoch. */
export interface SeenAction {
  incidentId: string;
  pair: string;
  kind: 'acknowledge' | 'snooze' | 'resolve' | 'feedback' | 'hold';
  sentAt: number;
  /** HTTP status; 0 if no answer came: it may have been applied, or not. */
  status: number;
  answeredAt: number;
}

/** An incident as stored in Redis at the end of the run. */
export interface SeenIncident {
  id: string;
  pair: string;
  state: string;
  /** Number of openings. */
  opening: number;
  /** Its newest message; undefined also if that is the digest of a storm. */
  messageTs: string | undefined;
}

/** An LLM answer, which costs money. */
export interface PaidAnswer {
  marker: string;
  at: number;
}

/** A decision in a tailer's log: one wake, or rows of one pair that were coalesced together. */
export type SeenDecision =
  | { kind: 'enqueued'; id: string; at: number }
  | { kind: 'coalesced'; pair: string; winner: string; at: number };

/** One reading of the checkpoint. */
export interface SeenOffset {
  file: string;
  offset: number;
  /** Whether the byte before the offset is a newline; undefined if the file could not be read. */
  afterNewline: boolean | undefined;
  at: number;
}

/** One wake as stored in Redis at the end of the run, or before FLUSHALL. */
export interface SeenWake {
  id: string;
  outcome: string | undefined;
  suppressed: number;
  /** Creation time of its job, ms since the epoch; undefined if the job was removed. */
  addedAt: number | undefined;
}

export interface Counts {
  rows: number;
  enqueued: number;
  coalesced: number;
  buffered: number;
  muted: number;
  rejected: number;
  /** Rows of recoveries, whatever their result. */
  recovered: number;
  inFlight: number;
  unaccounted: number;
}

export interface History {
  windowMs: number;
  /** Whether critical wakes pass an open window. */
  bypass: boolean;
  rows: WrittenRow[];
  recoveries: WrittenRecovery[];
  posts: Post[];
  /** Texts of digests and of their replies, also those after edits. */
  digests: string[];
  actions: SeenAction[];
  /** An incident is escalated if nobody acknowledged it for this time, ms. */
  escalateMs: number;
  incidents: SeenIncident[];
  /** The text of each message in Slack at the end, by its ts. */
  shown: Map<string, string>;
  paid: PaidAnswer[];
  decisions: SeenDecision[];
  offsets: SeenOffset[];
  /** Truncations of a file: its offset may start again at 0. */
  emptied: Array<{ inode: string; at: number }>;
  /** Times at which Redis lost data. Earlier decisions may be made again, but no DM may be sent again. */
  dataLosses: number[];
  /** Times in which a message to Redis may wait: a job that was made then reaches Redis long after its timestamp. */
  delays: Array<{ from: number; to: number }>;
  wakes: SeenWake[];
  /** Wake ids that own the windows which are open at the end. */
  windowOwners: string[];
  counts: Counts;
  /** Fatal log lines and stderr output of the apps. */
  crashes: string[];
  /** Peak memory of any tailer, bytes. */
  tailerPeakBytes: number;
  /** Whether all work ended within the limit after the last fault. */
  settled: boolean;
}

interface Violation {
  invariant: string;
  text: string;
}

export interface Verdict {
  violations: Violation[];
  /** Enqueued wakes without a DM, and rows without a decision. */
  lost: number;
  /** Repeated posts of a wake without the mark of a possible duplicate. */
  unmarkedRepeats: number;
  /** Repeated posts of a wake with that mark. */
  markedRepeats: number;
}

/** The mark of a possible duplicate in a DM; see packages/shared/src/wake/message.ts. */
const MARK = 'Possible duplicate';
/** Tolerance between a decision and its log line, ms. */
const SLACK_MS = 3_000;
/** Time from the creation of a job in the tailer to its arrival in Redis, ms: its timestamp may be that early. */
const JOB_DELAY_MS = 50;
/** Memory limit of a tailer, bytes: Node with ioredis and BullMQ, plus the longest line twice. */
const TAILER_CEILING_BYTES = 350 * 1024 * 1024;

export function check(history: History): Verdict {
  const violations: Violation[] = [];
  const violated = (invariant: string, text: string) => violations.push({ invariant, text });
  const rows = new Map(history.rows.map((row) => [row.id, row]));
  const wakes = new Map(history.wakes.map((wake) => [wake.id, wake]));
  const posts = Map.groupBy(history.posts, ({ wakeId }) => wakeId);
  const lostDataBetween = (from: number, to: number) => history.dataLosses.some((at) => at >= from && at <= to);
  const ofKind = (kind: WrittenRow['kind']) => history.rows.filter((row) => row.kind === kind).length;

  const { counts } = history;
  const undecided = history.rows.length - counts.rows;
  if (undecided !== 0) violated('I1', `${history.rows.length} rows were written and ${counts.rows} decided`);
  const [least, most] = [ofKind('malformed'), ofKind('malformed') + ofKind('old')];
  if (counts.rejected < least || counts.rejected > most) {
    violated('I1', `${least} to ${most} rows had to be rejected and ${counts.rejected} were`);
  }
  for (const { id } of history.wakes) if (!rows.has(id)) violated('I1', `wake ${id} belongs to no row`);

  if (!history.settled) violated('I2', `${counts.inFlight} jobs had not ended when the time was up`);
  const paid = new Set(history.paid.map(({ marker }) => marker));
  const silent = new Set(['dead', 'joined', 'withdrawn', 'digest']);
  const unsent = history.wakes.filter(({ id, outcome }) => !silent.has(outcome ?? '') && !posts.has(id));
  for (const { id, outcome } of unsent) violated('I2', `wake ${id} was never sent; its outcome is ${outcome}`);
  for (const { id, outcome } of history.wakes) {
    const row = rows.get(id);
    const hasRecovered = history.recoveries.some(({ pair, at }) => row && pair === row.pair && at >= row.at);
    const wasResolved = history.actions.some(({ pair, kind }) => row && kind === 'resolve' && pair === row.pair);
    if (outcome === 'withdrawn' && !hasRecovered && !wasResolved)
      violated('I2', `wake ${id} was withdrawn without a recovery or a resolve`);
    const wasInvestigated = history.wakes.some((other) => {
      const otherRow = rows.get(other.id);
      return other.id !== id && row?.pair === otherRow?.pair && paid.has(otherRow?.marker ?? '');
    });
    if (outcome === 'unchanged' && !wasInvestigated)
      violated('I2', `wake ${id} repeats a diagnosis, but no other wake of its pair was investigated`);
  }
  for (const { id, outcome } of history.wakes) if (!outcome) violated('I2', `wake ${id} has no outcome`);
  const named = namesIn(history.digests);
  for (const { id, outcome } of history.wakes) {
    const [probe = '', category = ''] = rows.get(id)?.pair.split(' ') ?? [];
    if (outcome === 'digest' && !named.has(pairName({ probe, category })))
      violated('I19', `no digest names wake ${id}`);
  }

  for (const decision of history.decisions) {
    const id = decision.kind === 'enqueued' ? decision.id : decision.winner;
    const row = rows.get(id);
    if (!row) violated('I1', `a decision was made on ${id}, which is not a row`);
    if (decision.kind === 'enqueued' || !row) continue;
    const { pair, at } = decision;
    if (pair !== row.pair) violated('I3', `rows of ${pair} coalesced into ${id} of ${row.pair}`);
    const end = arrivalOf(history, wakes.get(id)?.addedAt ?? at) + history.windowMs + SLACK_MS;
    if (at > end && !lostDataBetween(end - 120_000, at))
      violated('I3', `rows of ${pair} coalesced after ${id}'s window`);
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
        violated('I4', `wake ${id} was sent again without a mark`);
      }
    }
    const kind = rows.get(id)?.kind;
    if (isNotice(id)) continue;
    if (kind !== 'wake' && kind !== 'old') violated('I5', `a DM was sent for ${id}, which is not a wake row`);
  }

  checkOffsets(history, violated);
  checkWindows(history, rows, violated);
  checkIncidents(history, rows, violated);

  if (counts.unaccounted !== 0) violated('I9', `${counts.unaccounted} unaccounted`);
  const { enqueued, coalesced, buffered, muted, rejected } = counts;
  if (counts.rows !== enqueued + coalesced + buffered + muted + rejected) violated('I9', 'the counters do not add up');
  if (counts.recovered !== history.recoveries.length) {
    violated('I9', `${history.recoveries.length} recoveries were written and ${counts.recovered} counted`);
  }
  if (counts.enqueued !== history.wakes.length) {
    violated('I9', `${counts.enqueued} counted as enqueued, ${history.wakes.length} stored`);
  }

  const firstOf = Map.groupBy(history.rows, ({ marker }) => marker);
  for (const { marker, at } of history.paid) {
    const sharing = firstOf.get(marker) ?? [];
    const [row] = sharing;
    const sentAt = posts.get(row?.id ?? '')?.[0]?.at;
    if (sharing.length === 1 && sentAt !== undefined && at > sentAt && !lostDataBetween(sentAt - 120_000, at)) {
      violated('I11', `${marker} was investigated again after its DM was sent`);
    }
  }

  if (history.tailerPeakBytes > TAILER_CEILING_BYTES) {
    violated('I12', `a tailer took ${Math.round(history.tailerPeakBytes / 2 ** 20)} MiB`);
  }
  for (const crash of history.crashes) violated('crash', crash);
  return { violations, lost: unsent.length + Math.max(0, undecided), unmarkedRepeats, markedRepeats };
}

function isNotice(id: string): boolean {
  return id.startsWith('n-');
}

/** Tolerance between the answer to an action and the messages that were on the wire, ms. */
const ON_THE_WIRE_MS = 20_000;
const FINAL_LINES: Record<string, RegExp> = {
  closed: /\((?:Recovered|Resolved by|Closed)[^\n]*\)$/,
  acknowledged: /\(Acknowledged by [^\n]*\)$/,
  snoozed: /\(Snoozed by [^\n]*\)$/,
};

/**
 * I14: messages show the state that people's actions left. I16: a quiet incident does not notify. I17: one escalation per incident, none
 * after an acknowledgement.
 */
function checkIncidents(history: History, rows: Map<string, WrittenRow>, violated: Violated): void {
  for (const { id, state, messageTs } of history.incidents) {
    const text = history.shown.get(messageTs ?? '');
    const expected = FINAL_LINES[state];
    if (text === undefined) continue;
    const isShown = expected ? expected.test(text) : !Object.values(FINAL_LINES).some((line) => line.test(text));
    if (!isShown) violated('I14', `incident ${id} is ${state}, and its message ends: ${text.slice(-120)}`);
  }

  const applied = history.actions.filter(({ status }) => status === 200);
  for (const { wakeId, at, text } of history.posts) {
    const row = rows.get(wakeId);
    if (!row || row.critical || text.includes(MARK)) continue;
    // Only what a person said for certain, and what nothing undid since.
    const ofPair = history.actions.filter(({ pair, sentAt }) => pair === row.pair && sentAt < row.at);
    const last = ofPair.findLast(({ kind }) => kind !== 'feedback' && kind !== 'hold');
    if (last?.kind !== 'acknowledge' || last.status !== 200) continue;
    const since = last.answeredAt;
    if (row.at < since + ON_THE_WIRE_MS) continue;
    const undone =
      history.actions.some(
        ({ pair, sentAt }) =>
          pair === row.pair && sentAt >= last.sentAt && sentAt <= at && pair === last.pair && sentAt !== last.sentAt,
      ) ||
      history.recoveries.some(
        (recovery) => recovery.pair === row.pair && recovery.at >= last.sentAt - ON_THE_WIRE_MS && recovery.at <= at,
      ) ||
      history.rows.some(
        (other) =>
          other.critical && other.pair === row.pair && other.at >= last.sentAt - ON_THE_WIRE_MS && other.at <= at,
      ) ||
      history.dataLosses.some((lost) => lost >= last.sentAt - 120_000);
    // Without a message that Slack accepted, the wake is sent.
    const hadMessage = history.posts.some((post) => post.at < last.sentAt && rows.get(post.wakeId)?.pair === row.pair);
    if (!undone && hadMessage)
      violated('I16', `wake ${wakeId} was sent ${at - since} ms after its incident was acknowledged`);
  }

  const escalations = Map.groupBy(
    history.posts.filter(({ wakeId }) => /^n-.*-escalation-/.test(wakeId)),
    ({ wakeId }) => /^n-(.*)-escalation-/.exec(wakeId)?.[1] ?? '',
  );
  for (const [suffix, ofIncident] of escalations) {
    const different = new Set(ofIncident.map(({ wakeId, channel }) => `${wakeId} ${channel}`));
    if (different.size > 1) violated('I17', `incident i-${suffix} was escalated ${different.size} times`);
    for (const { wakeId, at, text } of ofIncident) {
      const acknowledged = applied.find(
        ({ incidentId, kind, answeredAt }) =>
          incidentId === `i-${suffix}` && kind === 'acknowledge' && answeredAt < at - ON_THE_WIRE_MS,
      );
      const reopened = history.incidents.some(({ id, opening }) => id === `i-${suffix}` && opening > 1);
      const lost = history.dataLosses.some((lostAt) => lostAt <= at);
      if (acknowledged && !reopened && !lost && !text.includes(MARK)) {
        violated('I17', `${wakeId} was sent after the incident was acknowledged`);
      }
    }
  }
}

type Violated = (invariant: string, text: string) => void;

/** The latest time at which a job may have reached Redis, ms. Its window begins then. @param addedAt its timestamp */
function arrivalOf({ delays }: History, addedAt: number): number {
  const during = delays.filter(({ from, to }) => addedAt >= from && addedAt <= to);
  return Math.max(addedAt, ...during.map(({ to }) => to));
}

/** I6: an offset follows a newline. I7: an offset never decreases. */
function checkOffsets({ offsets, emptied, dataLosses }: History, violated: Violated): void {
  const last = new Map<string, SeenOffset>();
  for (const seen of offsets) {
    if (seen.afterNewline === false) violated('I6', `offset ${seen.offset} of ${seen.file} follows no newline`);
    const before = last.get(seen.file);
    last.set(seen.file, seen);
    if (!before || seen.offset >= before.offset) continue;
    const since = before.at - SLACK_MS;
    const excused =
      dataLosses.some((at) => at >= since && at <= seen.at) ||
      emptied.some(({ inode, at }) => seen.file.includes(`-${inode}-`) && at >= since - 60_000 && at <= seen.at);
    if (!excused) violated('I7', `the offset of ${seen.file} went back from ${before.offset} to ${seen.offset}`);
  }
}

/** I8: windows of a pair do not overlap, unless a recovery or the first critical row ended one. I10: the owner of an open window has sent a message, or another one stands for it. */
function checkWindows(history: History, rows: Map<string, WrittenRow>, violated: Violated): void {
  const winners = history.wakes.flatMap(({ id, addedAt, outcome }) => {
    const row = rows.get(id);
    return row && addedAt !== undefined ? [{ id, addedAt, outcome, row }] : [];
  });
  for (const ofPair of Map.groupBy(winners, ({ row }) => row.pair).values()) {
    const inOrder = ofPair.toSorted((a, b) => a.addedAt - b.addedAt);
    for (const [i, wake] of inOrder.entries()) {
      const before = inOrder[i - 1];
      if (!before || wake.addedAt >= before.addedAt + history.windowMs - JOB_DELAY_MS) continue;
      // With its data Redis loses the incident, and with it the critical rows before.
      const lostAt = Math.max(0, ...history.dataLosses.filter((at) => at <= wake.addedAt));
      const isFirstCritical = !inOrder.slice(0, i).some(({ row, addedAt }) => row.critical && addedAt > lostAt);
      const hasRecovered = history.recoveries.some(({ pair, at }) => pair === wake.row.pair && at <= wake.addedAt);
      const wasResolved = history.actions.some(
        ({ pair, kind, sentAt }) => kind === 'resolve' && pair === wake.row.pair && sentAt <= wake.addedAt,
      );
      const passes = hasRecovered || wasResolved || (wake.row.critical && (history.bypass || isFirstCritical));
      const lostData = history.dataLosses.some((at) => at >= before.addedAt && at <= wake.addedAt);
      const mayBeLate = arrivalOf(history, wake.addedAt) > wake.addedAt;
      if (!passes && !lostData && !mayBeLate && before.outcome !== 'dead' && before.outcome !== 'withdrawn') {
        violated('I8', `${wake.id} opened a window ${wake.addedAt - before.addedAt} ms after ${before.id}`);
      }
    }
  }
  for (const id of history.windowOwners) {
    const outcome = history.wakes.find((wake) => wake.id === id)?.outcome;
    const sent = outcome === 'joined' || history.posts.some(({ wakeId }) => wakeId === id);
    if (!sent) violated('I10', `${id} ended without a message and still owns its window`);
  }
}
