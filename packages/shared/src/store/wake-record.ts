/**
 * The record of one wake: hash `wake:<id>`, kept 35 days, longer than its jobs. Only this module, its scripts,
 * `lua/lib/wake_record.lua` and `lua/lib/incidents.lua` know its fields:
 *
 *   row, enqueuedAt                        the tailer's commit writes them; a worker that is earlier writes the row
 *   suppressed, lastSuppressedAt           the tailer's commit
 *   incident, firstCritical, notBefore     the tailer's commit, see lua/lib/incidents.lua
 *   storm                                  the storm whose digest stands for it, see lua/lib/storms.lua
 *   recoveredAt, resolvedAt                the end of the incident
 *   report, investigatedAt                 the worker, after the investigation; a repeated report has no time
 *   issue                                  the worker: hash of the wake's severity, title and detail; empty if it was not diagnosed
 *   claimedAt, firstClaimedAt              the worker, before it posts; removed when the outcome is recorded
 *   posted, outcome, outcomeAt, dmStatus,  the worker, when the wake ends
 *   joinedInto, failure
 *   outcomePair                            the pair under which the outcome is counted in the statistics
 *   reportStat                             verdict and cost that are counted there, and when
 *   retriedAt, dismissed                   the API, when a person retries or dismisses a dead letter
 *   feedback                               people, see lua/record-feedback.lua
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { RedisClient } from '../runtime/redis.ts';
import { microUsd } from '../wake/budget.ts';
import type { Feedback } from '../wake/feedback.ts';
import { INCIDENT_STATES, type IncidentState } from '../wake/incident.ts';
import { DM_STATUSES, type DmStatus, OUTCOMES, type Outcome } from '../wake/outcome.ts';
import { debounceId } from '../wake/pair.ts';
import { isRepeated, type Report, repeatedReport } from '../wake/report.ts';
import type { Wake } from '../wake/wake.ts';
import type { Begun } from './claims.ts';
import { flatEvent } from './events.ts';
import { incidentArgs } from './incidents.ts';
import { type Keys, windowIndex } from './keys.ts';
import type { Posted } from './queues.ts';
import { luaScript } from './scripts.ts';
import { statsArgs } from './stats.ts';
import { parseStored } from './stored-json.ts';
import { parseFeedback, parsePosted, parseReport, parseStoredRow, type StoredRow, storedRow } from './stored-wake.ts';
import { historyKeys } from './wake-history.ts';

/** Seconds. */
export const WAKE_RECORD_TTL_S = 35 * 86_400;

/** The stored facts about one wake. All times in ms since the epoch. */
export interface WakeRecord {
  wakeId: string;
  row: StoredRow;
  enqueuedAt: number;
  investigatedAt: number | null;
  report: Report | null;
  outcome: Outcome | null;
  outcomeAt: number | null;
  dmStatus: DmStatus | null;
  /** Channel and ts of the DM in Slack, and the note about its delivery if it has one. */
  posted: Posted | null;
  /** The newer wake that was sent for this one; only for the outcome `joined`. */
  joinedInto: string | null;
  /** Only for the outcome `dead`. Null also for dead letters of earlier releases. */
  failure: WakeFailure | null;
  /** Who dismissed the dead letter; null if nobody did. */
  dismissed: Dismissal | null;
  suppressed: number;
  lastSuppressedAt: number | null;
  /** When its pair recovered; null if it did not. */
  recoveredAt: number | null;
  /** The incident that it belongs to; null without incidents. */
  incidentId: string | null;
  /** The storm whose digest stands for it; null if it is sent by itself. */
  stormId: string | null;
  /** A person's opinion on its diagnosis. */
  feedback: Feedback | null;
}

const wakeFailure = z.object({
  /** Why its job failed for good: an error code of Slack, or ours in the same style. */
  code: z.string(),
  attempts: z.number(),
});
type WakeFailure = z.infer<typeof wakeFailure>;

const dismissal = z.object({ by: z.string(), reason: z.string(), at: z.number() });
/** `at` in ms since the epoch. */
export type Dismissal = z.infer<typeof dismissal>;

/** Reads the record of one wake. Undefined if it does not exist or its row is not valid; other invalid fields are null. */
export async function readWakeRecord(redis: RedisClient, keys: Keys, wakeId: string): Promise<WakeRecord | undefined> {
  const fields = await redis.hgetall(keys.wake(wakeId));
  const row = parseStoredRow(fields.row);
  if (!row) return undefined;
  return {
    wakeId,
    row,
    enqueuedAt: parseTime(fields.enqueuedAt) ?? parseTime(fields.investigatedAt) ?? 0,
    investigatedAt: parseTime(fields.investigatedAt),
    report: parseReport(fields.report),
    outcome: parseOutcome(fields.outcome),
    outcomeAt: parseTime(fields.outcomeAt),
    dmStatus: DM_STATUSES.find((status) => status === fields.dmStatus) ?? null,
    posted: parsePosted(fields.posted),
    joinedInto: fields.joinedInto ?? null,
    failure: parseStored(wakeFailure, fields.failure),
    dismissed: parseStored(dismissal, fields.dismissed),
    suppressed: Number(fields.suppressed ?? 0) || 0,
    lastSuppressedAt: parseTime(fields.lastSuppressedAt),
    recoveredAt: parseTime(fields.recoveredAt),
    incidentId: fields.incident ?? null,
    stormId: fields.storm ?? null,
    feedback: parseFeedback(fields.feedback),
  };
}

const READ_WAKES = luaScript('read-wakes');

/** The facts that a search compares. Row and report are null if they were not asked for. */
export type WakeFacts = Pick<WakeRecord, 'outcome' | 'suppressed' | 'lastSuppressedAt' | 'report'> & {
  row: StoredRow | null;
};

/**
 * Reads a few fields of many records with one command.
 *
 * @param texts long fields to read too
 * @returns the facts of each wake in turn; undefined for one without a record
 */
export async function readWakeFacts(
  redis: RedisClient,
  keys: Keys,
  wakeIds: string[],
  texts: Array<'row' | 'report'>,
): Promise<Array<WakeFacts | undefined>> {
  if (wakeIds.length === 0) return [];
  const names = ['outcome', 'suppressed', 'lastSuppressedAt', ...texts];
  const answer = await READ_WAKES(redis, wakeIds.map(keys.wake), ...names);
  const records = storedRecords.parse(answer);
  return records.map((values) => {
    if (!values) return undefined;
    const fields = Object.fromEntries(names.map((name, i) => [name, values[i] ?? undefined]));
    const row = parseStoredRow(fields.row);
    if (texts.includes('row') && !row) return undefined;
    return {
      outcome: parseOutcome(fields.outcome),
      suppressed: Number(fields.suppressed ?? 0) || 0,
      lastSuppressedAt: parseTime(fields.lastSuppressedAt),
      row: row ?? null,
      report: parseReport(fields.report),
    };
  });
}

const storedRecords = z.array(z.array(z.string().nullable()).nullable());

/**
 * The feedback about the diagnosis that a wake shows. For a repeated diagnosis it is stored with the wake that was investigated, unless
 * that record is gone.
 */
export async function readShownFeedback(
  redis: RedisClient,
  keys: Keys,
  { report, feedback }: Pick<WakeRecord, 'report' | 'feedback'>,
): Promise<Feedback | null> {
  if (!isRepeated(report)) return feedback;
  const stored = await redis.hget(keys.wake(report.repeats.wakeId), 'feedback');
  return parseFeedback(stored ?? undefined) ?? feedback;
}

function parseOutcome(text: string | undefined): Outcome | null {
  return OUTCOMES.find((outcome) => outcome === text) ?? null;
}

function parseTime(text: string | undefined): number | null {
  return text && Number.isFinite(Number(text)) ? Number(text) : null;
}

/** The wake as far as its record has it, for the text of its DM. */
export function wakeFromRecord({ wakeId, row }: WakeRecord): Wake {
  return { id: wakeId, ...row, envelopeEnabled: false, envelopeFixName: '(none)' };
}

/** Number of coalesced rows, and the time of the last one in ms since the epoch, or null. */
export async function readSuppressed(
  redis: RedisClient,
  keys: Keys,
  wakeId: string,
): Promise<{ suppressed: number; lastSuppressedAt: number | null }> {
  const [suppressed, last] = await redis.hmget(keys.wake(wakeId), 'suppressed', 'lastSuppressedAt');
  return { suppressed: Number(suppressed ?? 0) || 0, lastSuppressedAt: parseTime(last ?? undefined) };
}

/** Whether the tailer's commit recorded the wake, and its outcome or null. */
export async function readWakeState(
  redis: RedisClient,
  keys: Keys,
  wakeId: string,
): Promise<{ isEnqueued: boolean; outcome: string | null }> {
  const [enqueuedAt, outcome] = await redis.hmget(keys.wake(wakeId), 'enqueuedAt', 'outcome');
  return { isEnqueued: Boolean(enqueuedAt), outcome: outcome ?? null };
}

const BEGIN_INVESTIGATION = luaScript('begin-investigation');

/** The state of a wake when its investigation is about to begin. */
export interface Readiness {
  /** Whether the tailer's commit recorded the wake. */
  isEnqueued: boolean;
  /** True if its incident ended and it is not to be sent. */
  isOver: boolean;
  /** Whether it failed for good at some time: a person retried it since, or may be about to. */
  wasDead: boolean;
  /** The wake whose message stands for this one, because a person takes care of their incident. */
  quietFor: string | undefined;
  /** Earliest time to send it, ms since the epoch, because its incident flaps; 0: at once. */
  notBefore: number;
  /** End of the hold in force, ms since the epoch, unless the wake is sent all the same. */
  heldUntil: number | undefined;
  /** The storm whose digest stands for it. Its job ends: the wake ends with the digest. */
  stormId: string | undefined;
  /** Whether the investigation of the storm is that of this wake. */
  leadsStorm: boolean;
  /** Whether the digest of the storm was sent or printed. */
  isDigestSent: boolean;
}

/** Reads what decides whether a wake is investigated now. */
export async function readReadiness(
  redis: RedisClient,
  keys: Keys,
  { id: wakeId, severity }: Pick<Wake, 'id' | 'severity'>,
): Promise<Readiness> {
  const args = { id: wakeId, isCritical: severity === 'critical', incidents: incidentArgs(keys) };
  const answer = await BEGIN_INVESTIGATION(redis, [keys.wake(wakeId)], args);
  const fields = Array.isArray(answer) ? answer.map(String) : [];
  const [isEnqueued, isOver, wasDead, quietFor, notBefore, held, stormId, leads, isSent] = fields;
  return {
    isEnqueued: isEnqueued === '1',
    isOver: isOver === '1',
    wasDead: wasDead === '1',
    quietFor: quietFor || undefined,
    notBefore: Number(notBefore),
    heldUntil: Number(held) || undefined,
    stormId: stormId || undefined,
    leadsStorm: leads === '1',
    isDigestSent: isSent === '1',
  };
}

const CLAIM_INVESTIGATION = luaScript('claim-investigation');

/**
 * `claimed`: investigate it. `busy`: another wake with the same issue is being investigated. `repeated`: the report of an earlier wake
 * with the same issue, to be sent again.
 */
export type InvestigationClaim =
  | { kind: 'claimed' }
  | { kind: 'busy'; wakeId: string }
  | { kind: 'repeated'; report: Report; of: string };

/**
 * Decides whether a wake is investigated, or has the issue of the wake of its open incident that was investigated last. The issue is
 * severity, title and detail. A failed investigation is not repeated.
 *
 * @param instead a wake whose investigation nobody makes any more
 */
export async function claimInvestigation(
  redis: RedisClient,
  keys: Keys,
  wake: Wake,
  instead = '',
): Promise<InvestigationClaim> {
  const args = { id: wake.id, issue: issueOf(wake), instead, ttlS: WAKE_RECORD_TTL_S, incidents: incidentArgs(keys) };
  const answer = await CLAIM_INVESTIGATION(redis, [keys.wake(wake.id)], args);
  const [kind, wakeId = '', json, at, since] = Array.isArray(answer) ? answer.map(String) : [];
  if (kind === 'busy') return { kind, wakeId };
  const report = kind === 'repeated' ? parseReport(json) : null;
  if (report?.kind !== 'diagnosis') return { kind: 'claimed' };
  return {
    kind: 'repeated',
    report: repeatedReport(report, { wakeId, at: Number(at), since: Number(since) }),
    of: wakeId,
  };
}

/** Records cut long details, so the issue is compared by its hash. */
function issueOf({ severity, title, detail }: Wake): string {
  return createHash('sha256')
    .update(JSON.stringify([severity, title, detail]))
    .digest('base64url');
}

const RECORD_INVESTIGATION = luaScript('record-investigation');

/** Stores a report, and publishes it if it is not repeated. Doing it again changes nothing. @param at ms since the epoch */
export async function recordInvestigation(
  redis: RedisClient,
  keys: Keys,
  wake: Wake,
  report: Report,
  at: number,
): Promise<void> {
  const { id, probe, category } = wake;
  const found = report.kind === 'diagnosis' ? (report.verdict ?? 'plain text') : report.code;
  const [, ...fields] = flatEvent('investigation.ended', { wakeId: id, probe, category, found });
  const args = {
    id,
    at,
    ttlS: WAKE_RECORD_TTL_S,
    row: storedRow(wake),
    report: JSON.stringify(report),
    pair: debounceId(probe, category),
    ...(report.kind === 'diagnosis' && report.verdict && { verdict: report.verdict }),
    microUsd: microUsd(report.costUsd ?? 0),
    stats: statsArgs(keys),
    isRepeated: isRepeated(report),
    isOfStorm: report.storm !== undefined,
    issue: report.kind === 'diagnosis' ? issueOf(wake) : '',
    incidents: incidentArgs(keys),
  };
  await RECORD_INVESTIGATION(redis, [keys.wake(id), ...historyKeys(keys, wake), keys.events], args, ...fields);
}

/** How a wake ended. */
export interface WakeEnd {
  wake: Pick<Wake, 'id' | 'probe' | 'category'>;
  outcome: Exclude<Outcome, 'withdrawn'>;
  /** ms since the epoch */
  at: number;
  dmStatus?: DmStatus;
  posted?: Posted | undefined;
  /** The newer wake that was sent for this one. */
  joinedInto?: string | undefined;
  /** Only for dead letters. */
  failure?: WakeFailure | undefined;
}

const RECORD_OUTCOME = luaScript('record-outcome');

/**
 * Records the outcome of a wake with the facts about its DM, and publishes it. The first outcome is final; only a dead letter
 * that a person retried may end again.
 *
 * @returns whether this call recorded it
 */
export async function recordOutcome(redis: RedisClient, keys: Keys, end: WakeEnd): Promise<boolean> {
  const { wake, outcome, at, dmStatus, posted, joinedInto, failure } = end;
  const { id } = wake;
  const fields = {
    ...(dmStatus && { dmStatus }),
    ...(posted && { posted: JSON.stringify(posted) }),
    ...(joinedInto !== undefined && { joinedInto }),
    ...(failure && { failure: JSON.stringify(failure) }),
  };
  const recordKeys = [keys.wake(id), keys.counters, keys.pending, keys.events];
  return (
    (await RECORD_OUTCOME(
      redis,
      recordKeys,
      {
        id,
        pair: debounceId(wake.probe, wake.category),
        outcome,
        at,
        ttlS: WAKE_RECORD_TTL_S,
        fields,
        incidents: incidentArgs(keys),
        stats: statsArgs(keys),
      },
      ...endEvent(end),
    )) === 1
  );
}

function endEvent({ wake, outcome, failure, joinedInto = '' }: WakeEnd) {
  const named = { wakeId: wake.id, probe: wake.probe, category: wake.category };
  if (outcome === 'dead') return flatEvent('dm.dead', { ...named, reason: failure?.code ?? '' });
  return outcome === 'joined'
    ? flatEvent('wake.joined', { ...named, into: joinedInto })
    : flatEvent('dm.sent', { ...named, outcome });
}

const WITHDRAW = luaScript('withdraw-wake');

/**
 * Ends a wake as withdrawn if its incident ended before it was sent, and closes its window. One script does both: a row that is
 * coalesced into a withdrawn wake would be lost.
 *
 * @param at ms since the epoch
 * @param isLookedUp whether an earlier post was searched for and not found. Without that a claimed wake stays as it is.
 * @returns `now` if this call ended it, `before` if it was withdrawn before, undefined if it is to be sent
 */
export async function withdrawIfOver(
  redis: RedisClient,
  keys: Keys,
  { id, probe, category }: Pick<Wake, 'id' | 'probe' | 'category'>,
  at: number,
  isLookedUp: boolean,
): Promise<'now' | 'before' | undefined> {
  const pair = debounceId(probe, category);
  const scriptKeys = [keys.wake(id), keys.counters, keys.pending, keys.events];
  const answer = await WITHDRAW(
    redis,
    [...scriptKeys, keys.dedup(pair), ...windowIndex(keys)],
    { id, pair, at, ttlS: WAKE_RECORD_TTL_S, isLookedUp, stats: statsArgs(keys) },
    ...flatEvent('wake.withdrawn', { wakeId: id, probe, category }),
  );
  if (answer === 2) return 'now';
  return answer === 1 ? 'before' : undefined;
}

const ADD_JOINING = luaScript('add-joining');

/** Records that a wake, and the wakes that wait for it, wait until a newer wake of the pair is sent. */
export async function addJoining(redis: RedisClient, keys: Keys, newerId: string, wakeId: string): Promise<void> {
  await ADD_JOINING(redis, [keys.joining(newerId), keys.joining(wakeId)], wakeId, WAKE_RECORD_TTL_S);
}

/** Ids of the older wakes of the pair that wait, or waited, until this wake is sent. */
export async function listJoining(redis: RedisClient, keys: Keys, wakeId: string): Promise<string[]> {
  return redis.smembers(keys.joining(wakeId));
}

const REOPEN = luaScript('reopen-dead-letter');

/** Takes back the outcome of a dead letter that is tried again. @param at ms since the epoch */
export async function reopen(redis: RedisClient, keys: Keys, wakeId: string, at: number): Promise<void> {
  await REOPEN(redis, [keys.wake(wakeId), keys.counters, keys.pending], wakeId, at, statsArgs(keys));
}

const RECORD_DISMISSAL = luaScript('record-dismissal');

/** Stores who dismissed the dead letter of a wake. */
export async function recordDismissal(
  redis: RedisClient,
  keys: Keys,
  wakeId: string,
  dismissed: Dismissal,
): Promise<void> {
  await RECORD_DISMISSAL(redis, [keys.wake(wakeId)], dismissed);
}

const BEGIN_DELIVERY = luaScript('begin-delivery');
const ENDED = ['diagnosis', 'fallback', 'dry_run', 'unchanged', 'withdrawn', 'digest'] as const satisfies Outcome[];

/** The state of a wake when a delivery of it begins. */
export interface BegunWake extends Begun {
  /** The outcome, if the wake ended before. */
  ended: (typeof ENDED)[number] | undefined;
  /** True if its pair recovered and it is not to be sent. It is not claimed then. */
  isOver: boolean;
  /** When its pair recovered, ms since the epoch; null if it did not. */
  recoveredAt: number | null;
  /** End of the hold for which it waits, ms since the epoch. It is not claimed then. */
  heldUntil: number | undefined;
  /** The wake whose message stands for this one, see {@link Readiness}. It is not claimed then. */
  quietFor: string | undefined;
  /** Whether older wakes of the pair wait until this one is sent. */
  isAwaited: boolean;
  /** The incident of the wake, if an API takes clicks. */
  clickable: { incidentId: string; state: IncidentState } | undefined;
  /** The storm for whose digest it waits. It is not claimed then. */
  stormId: string | undefined;
}

/**
 * Begins a delivery: claims the wake if it has no outcome and no claim and is not over, so that any later attempt knows that
 * Slack may have the message.
 *
 * @param at ms since the epoch
 */
export async function beginDelivery(
  redis: RedisClient,
  keys: Keys,
  { id: wakeId, severity }: Pick<Wake, 'id' | 'severity'>,
  at: number,
): Promise<BegunWake> {
  const scriptKeys = [
    keys.wake(wakeId),
    keys.counters,
    keys.pending,
    keys.dataLostAt,
    keys.joining(wakeId),
    keys.clicksTaken,
  ];
  const isCritical = severity === 'critical';
  const args = {
    id: wakeId,
    at,
    ttlS: WAKE_RECORD_TTL_S,
    isCritical,
    incidents: incidentArgs(keys),
    stats: statsArgs(keys),
  };
  const answer = await BEGIN_DELIVERY(redis, scriptKeys, args);
  const fields = Array.isArray(answer) ? answer.map(String) : [];
  const [outcome, claimed, first, clock, dataLostAt, recoveredAt, over, quietFor, awaited, held] = fields;
  const [incidentId, stored, stormId] = fields.slice(10);
  const state = INCIDENT_STATES.find((each) => each === stored);
  return {
    ended: ENDED.find((end) => end === outcome),
    isOver: over === '1',
    recoveredAt: parseTime(recoveredAt),
    earlier: claimed ? { claimedAt: Number(claimed), firstClaimedAt: Number(first || claimed) } : undefined,
    clock: Number(clock),
    dataLostAt: Number(dataLostAt),
    quietFor: quietFor || undefined,
    isAwaited: awaited === '1',
    heldUntil: Number(held) || undefined,
    clickable: incidentId && state ? { incidentId, state } : undefined,
    stormId: stormId || undefined,
  };
}

/** How long the oldest pending wake has waited for its outcome, ms; 0 if no wake is pending. @param at ms since the epoch */
export async function oldestPendingMs(redis: RedisClient, keys: Keys, at: number): Promise<number> {
  const first = await redis.zrangebyscore(keys.pending, '-inf', '+inf', 'WITHSCORES', 'LIMIT', 0, 1);
  // ioredis gives a member and its score flat, or as a pair if it speaks RESP3.
  const [, enqueuedAt] = first.flat();
  return enqueuedAt === undefined ? 0 : Math.max(0, at - Number(enqueuedAt));
}
