/**
 * The account: one decision for each row, one outcome for each wake, from the counters and queues at one moment.
 *
 *   rows = enqueued + coalesced + buffered + muted + rejected
 *   enqueued = diagnosis + fallback + dry run + unchanged + digest + joined + withdrawn + dead + in flight
 *   recovered rows = closed + partial + ignored
 *   openings of incidents = closed + open
 *   notices = sent + withdrawn + dead + pending
 */
import type { RedisClient } from '../runtime/redis.ts';
import type { FeedbackVerdict } from '../wake/feedback.ts';
import type { Recovery } from '../wake/firing.ts';
import type { CloseReason } from '../wake/incident.ts';
import type { Outcome } from '../wake/outcome.ts';

import type { Keys } from './keys.ts';
import { DELIVERIES, WAKES } from './queues.ts';
import { luaScript } from './scripts.ts';

export interface Account {
  rows: number;
  enqueued: number;
  coalesced: number;
  /** Rows that were counted until there were enough of them. */
  buffered: number;
  muted: number;
  /** By reason. */
  rejected: Record<string, number>;
  outcomes: Record<Outcome, number>;
  /** Rows of recoveries by result. They are not part of `rows`. */
  recovered: Record<Recovery, number>;
  /** Openings and reopenings of incidents, and how they ended. */
  incidents: { opened: number; open: number; closed: Record<CloseReason, number> };
  /** For averages: openings that were acknowledged, the time until then and the length of closed openings in ms, and reopenings. */
  times: { acknowledged: number; untilAcknowledgedMs: number; durationMs: number; flaps: number };
  /** Messages of incidents that belong to no wake. `withdrawn` ones were not needed any more. */
  notices: { sent: number; withdrawn: number; dead: number; pending: number };
  /** How often people judged a diagnosis, by verdict. */
  feedback: Record<FeedbackVerdict, number>;
  /** Unfinished jobs, in both queues, and wakes that wait for a digest without a job. */
  inFlight: number;
  /** Lines that name a seam but could not be parsed, or were too long. They do not count as rows. */
  unreadLines: number;
  /** Repairs after crashes, by kind. */
  repaired: Record<string, number>;
  /** Rows without a decision, wakes without an outcome, outcomes without a wake, and incidents that are neither open nor closed. Anything but 0 is a fault. */
  unaccounted: number;
}

const READ = luaScript('read-account');

/** Prefix of the counters of repairs. Release 0.2 named it. */
const REPAIRED = 'mended:';

/**
 * Reads the account in one script, so at one moment. Between two effects of one step a wake may be counted twice, which can
 * hide a loss for that moment. Right after a job failed for good, before its outcome is recorded, a wake is counted nowhere.
 * A wake may also end before the batch of its row is committed. So only a figure that stays is significant.
 */
export async function readAccount(redis: RedisClient, keys: Keys): Promise<Account> {
  const unfinished = [WAKES, DELIVERIES].flatMap((queue) => keys.unfinished(queue));
  const answer = await READ(redis, [
    keys.counters,
    keys.openIncidents,
    keys.pendingNotices,
    keys.parkedMembers,
    ...unfinished,
  ]);
  const [inFlight, open, pendingNotices, ...flat] = Array.isArray(answer) ? answer.map(String) : [];
  const counters = new Map<string, number>();
  for (let i = 0; i + 1 < flat.length; i += 2) counters.set(flat[i] ?? '', Number(flat[i + 1]) || 0);
  return buildAccount(counters, {
    inFlight: Number(inFlight),
    open: Number(open),
    pendingNotices: Number(pendingNotices),
  });
}

function buildAccount(
  counters: Map<string, number>,
  { inFlight, open, pendingNotices }: { inFlight: number; open: number; pendingNotices: number },
): Account {
  const count = (name: string) => counters.get(name) ?? 0;
  const kinds = (prefix: string) =>
    Object.fromEntries(
      [...counters].flatMap(([name, n]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), n]] : [])),
    );
  const rejected = kinds('rejected:');
  const outcomes = {
    diagnosis: count('outcome:diagnosis'),
    fallback: count('outcome:fallback'),
    dry_run: count('outcome:dry_run'),
    unchanged: count('outcome:unchanged'),
    digest: count('outcome:digest'),
    joined: count('outcome:joined'),
    withdrawn: count('outcome:withdrawn'),
    dead: count('outcome:dead'),
  } satisfies Record<Outcome, number>;
  const closed = {
    recovered: count('incidents:closed:recovered'),
    resolved: count('incidents:closed:resolved'),
    expired: count('incidents:closed:expired'),
  } satisfies Record<CloseReason, number>;
  const opened = count('incidents:opened');
  const notices = {
    sent: count('notices:sent'),
    withdrawn: count('notices:withdrawn'),
    dead: count('notices:dead'),
    pending: pendingNotices,
  };
  const rows = count('rows');
  const enqueued = count('enqueued');
  const muted = sum(kinds('muted:'));
  const withoutDecision = rows - enqueued - count('coalesced') - count('buffered') - muted - sum(rejected);
  const withoutOutcome = enqueued - sum(outcomes) - inFlight;
  return {
    rows,
    enqueued,
    coalesced: count('coalesced'),
    buffered: count('buffered'),
    muted,
    rejected,
    outcomes,
    recovered: {
      closed: count('recovered:closed'),
      partial: count('recovered:partial'),
      ignored: count('recovered:ignored'),
    } satisfies Record<Recovery, number>,
    incidents: { opened, open, closed },
    times: {
      acknowledged: count('incidents:acknowledged'),
      untilAcknowledgedMs: count('incidents:acknowledged:ms'),
      durationMs: count('incidents:duration:ms'),
      flaps: count('incidents:flaps'),
    },
    notices,
    feedback: { right: count('feedback:right'), partly: count('feedback:partly'), wrong: count('feedback:wrong') },
    inFlight,
    unreadLines: count('lines:bad') + count('lines:overlong'),
    repaired: kinds(REPAIRED),
    unaccounted:
      Math.abs(withoutDecision) +
      Math.max(0, withoutOutcome) +
      Math.max(0, sum(outcomes) - enqueued) +
      Math.abs(opened - open - sum(closed)) +
      Math.abs(count('notices:created') - sum(notices)),
  };
}

function sum(counts: Record<string, number>): number {
  return Object.values(counts).reduce((total, n) => total + n, 0);
}

/** Counts one repair. @param kind see the worker's repairs */
export async function countRepair(redis: RedisClient, keys: Keys, kind: string): Promise<void> {
  await redis.hincrby(keys.counters, `${REPAIRED}${kind}`, 1);
}
