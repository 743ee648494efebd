/**
 * Storms: alerts of many pairs at once, which one digest names. A storm is stored like an incident, hash `incident:<s-…>`, so people act on
 * it in the same way. Only this module, its scripts, `lua/lib/storms.lua` and `lua/lib/incidents.lua` know its fields:
 *
 *   cause (storm or hold), leader (its wake), openedAt    the commit, or the end of a hold
 *   state, by, opening, startedAt, closedAt, snoozedUntil as for an incident; it is closed once no member is open
 *   severity (the worst)                                  the commit
 *   criticalAt, reopenedAt                                the same: a critical wake has joined, or one after the storm was over
 *   open                                                  number of open members
 *   digest, part                                          the digest that is to be sent; the newest later part
 *   message, messageOf (its notice), notifiedAt, digestAt the worker; the last one is when the members of that digest were read
 *   refusedAt, repostedAt                                 the worker: a digest failed for good; one was deleted and is sent again
 *
 * A member is a wake whose record names the storm. It waits until Slack has accepted a message that names its pair, and then ends as
 * `digest`. Its incident names the storm as long as the digest is its newest message.
 */
import { z } from 'zod';
import type { RedisClient } from '../runtime/redis.ts';
import { INCIDENT_STATES, type IncidentState } from '../wake/incident.ts';
import { parseDebounceId } from '../wake/pair.ts';
import type { StormMember } from '../wake/storm.ts';
import type { Begun } from './claims.ts';
import { incidentArgs } from './incidents.ts';
import type { Keys } from './keys.ts';
import { deliverJobId, type Posted } from './queues.ts';
import { luaScript } from './scripts.ts';
import { statsArgs } from './stats.ts';
import { parsePosted } from './stored-wake.ts';
import { WAKE_RECORD_TTL_S } from './wake-record.ts';

/** More waiting deliveries than this are sent as one digest when a hold ends. */
const MAX_SINGLE = 8;

/** The argument of the scripts that change storms. */
export function stormArgs(keys: Keys) {
  return {
    incidents: incidentArgs(keys),
    stats: statsArgs(keys),
    pending: keys.pending,
    events: keys.events,
    recordTtlS: WAKE_RECORD_TTL_S,
  };
}

/** All times in ms since the epoch by Redis's clock. */
export interface Storm {
  id: string;
  /** `hold`: alerts that waited for the end of a hold. */
  cause: 'storm' | 'hold';
  /** The wake whose job makes the investigation of the storm; empty: it has none. */
  leader: string;
  state: IncidentState;
  /** The worst one of its members. */
  severity: string;
  openedAt: number;
  startedAt: number;
  closedAt: number | null;
  by: string | null;
  acknowledgedAt: number | null;
  snoozedUntil: number | null;
  /** The newest digest that Slack accepted, and its notice. */
  message: Posted | null;
  messageOf: string | null;
  /** Whether another digest is about to be sent, which will name further alerts. */
  hasPendingDigest: boolean;
  /** The later part that further names are added to; null if there is none. */
  part: string | null;
  /** In the order in which they joined. */
  members: StormMember[];
}

const READ = luaScript('read-storm');

const member = z.tuple([
  z.string(),
  z.string(),
  z.number(),
  z.string(),
  z.string(),
  z.string(),
  z.coerce.number(),
  z.string(),
  z.number(),
  z.number(),
]);
const answer = z.tuple([z.array(z.string()), z.array(member)]);

/** Reads a storm. Undefined if it does not exist. */
export async function readStorm(redis: RedisClient, keys: Keys, id: string): Promise<Storm | undefined> {
  const read = answer.safeParse(await READ(redis, [keys.incident(id)], { id, storms: stormArgs(keys) }));
  if (!read.success) return undefined;
  const [flat, members] = read.data;
  const fields = new Map<string, string>();
  for (let i = 0; i + 1 < flat.length; i += 2) fields.set(flat[i] ?? '', flat[i + 1] ?? '');
  const state = INCIDENT_STATES.find((each) => each === fields.get('state'));
  if (!state) return undefined;
  const time = (name: string) => (fields.has(name) ? Number(fields.get(name)) || 0 : null);
  return {
    id,
    cause: fields.get('cause') === 'hold' ? 'hold' : 'storm',
    leader: fields.get('leader') ?? '',
    state,
    severity: fields.get('severity') ?? '',
    openedAt: time('openedAt') ?? 0,
    startedAt: time('startedAt') ?? 0,
    closedAt: time('closedAt'),
    by: fields.get('by') ?? null,
    acknowledgedAt: time('acknowledgedAt'),
    snoozedUntil: time('snoozedUntil'),
    message: parsePosted(fields.get('message')),
    messageOf: fields.get('messageOf') ?? null,
    hasPendingDigest: fields.has('digest'),
    part: fields.get('part') ?? null,
    members: members.flatMap(
      ([pair, message, isNamed, incidentId, stored, severity, rows, lastWakeId, isMember, isWaiting]) => {
        const named = parseDebounceId(pair);
        const ofMember = INCIDENT_STATES.find((each) => each === stored) ?? 'closed';
        if (!named) return [];
        return [
          {
            ...named,
            pair,
            notice: message,
            isNamed: isNamed === 1,
            incidentId,
            lastWakeId,
            state: ofMember,
            severity,
            rows,
            isMember: isMember === 1,
            isWaiting: isWaiting === 1,
          },
        ];
      },
    ),
  };
}

/** The state of a digest, or of a later part of one, when it is about to be sent. */
export interface BegunDigest extends Begun {
  isEnded: boolean;
  /** Whether wakes wait for it, or nobody was notified about a critical one. It is not claimed otherwise. */
  isWanted: boolean;
  /** End of the hold for which it waits, ms since the epoch. It is not claimed then. */
  heldUntil: number | undefined;
}

const BEGIN = luaScript('begin-digest');

/** Begins to send a digest, with a claim as for a wake. @param at ms since the epoch */
export async function beginDigest(redis: RedisClient, keys: Keys, noticeId: string, at: number): Promise<BegunDigest> {
  const args = { id: noticeId, at, storms: stormArgs(keys) };
  const fields = z.array(z.coerce.string()).parse(await BEGIN(redis, [keys.notice(noticeId), keys.dataLostAt], args));
  const [outcome, claimed, first, clock, dataLostAt, held, wanted] = fields;
  return {
    isEnded: Boolean(outcome),
    earlier: claimed ? { claimedAt: Number(claimed), firstClaimedAt: Number(first || claimed) } : undefined,
    clock: Number(clock),
    dataLostAt: Number(dataLostAt),
    heldUntil: Number(held) || undefined,
    isWanted: wanted === '1',
  };
}

const WITHDRAW = luaScript('withdraw-members');

/** Ends waiting members that are over, unless Slack may have a message that names them. */
export async function withdrawMembers(redis: RedisClient, keys: Keys, id: string): Promise<void> {
  await WITHDRAW(redis, [keys.incident(id)], { id, storms: stormArgs(keys) });
}

const ASSIGN = luaScript('assign-members');

/** Assigns pairs to the notice whose message will name them. Pairs that another message names stay there. */
export async function assignMembers(
  redis: RedisClient,
  keys: Keys,
  storm: Storm,
  noticeId: string,
  pairs: string[],
): Promise<void> {
  await ASSIGN(redis, [keys.incident(storm.id)], { id: storm.id, notice: noticeId, pairs, storms: stormArgs(keys) });
}

const ADD_PART = luaScript('add-digest-part');

/** Creates a later part of the digest, which names these pairs. */
export async function addDigestPart(redis: RedisClient, keys: Keys, storm: Storm, pairs: string[]): Promise<void> {
  await ADD_PART(redis, [keys.incident(storm.id)], { id: storm.id, pairs, storms: stormArgs(keys) });
}

const NAME = luaScript('name-members');

/** Slack has accepted an edit of a message: ends the wakes that waited for it. @returns their number */
export async function nameMembers(
  redis: RedisClient,
  keys: Keys,
  storm: Pick<Storm, 'id'>,
  noticeId: string,
): Promise<number> {
  return Number(
    await NAME(redis, [keys.incident(storm.id)], { id: storm.id, notice: noticeId, storms: stormArgs(keys) }),
  );
}

const UNASSIGN = luaScript('unassign-members');

/** Slack does not accept an edit of a later part: the pairs that it does not name yet are assigned to another one. */
export async function unassignMembers(redis: RedisClient, keys: Keys, storm: Storm, noticeId: string): Promise<void> {
  await UNASSIGN(redis, [keys.incident(storm.id)], { id: storm.id, notice: noticeId, storms: stormArgs(keys) });
}

const LOSE = luaScript('lose-digest');

/** The digest is gone. Creates another one if wakes wait for it, or if the storm fires. @param windowMs time between two of those, ms */
export async function loseDigest(
  redis: RedisClient,
  keys: Keys,
  id: string,
  posted: Posted,
  windowMs: number,
): Promise<void> {
  const args = { id, windowMs, posted: JSON.stringify(posted), storms: stormArgs(keys) };
  await LOSE(redis, [keys.incident(id)], args);
}

const GATHER_HELD = luaScript('gather-held');

/** Joins the wakes that waited for a hold which is over into one digest, if they are more than eight. */
export async function gatherHeld(redis: RedisClient, keys: Keys): Promise<void> {
  const args = { min: MAX_SINGLE + 1, prefix: deliverJobId(''), storms: stormArgs(keys) };
  await GATHER_HELD(redis, [keys.heldJobs, keys.hold], args);
}

/** Whether a wake waits for a digest that names it, and so needs no job. */
export async function isWaitingMember(redis: RedisClient, keys: Keys, wakeId: string): Promise<boolean> {
  return (await redis.hexists(keys.waitingMembers, wakeId)) === 1;
}

/** The notice whose failure made a dead letter of the wake. Undefined if it was another one. */
export async function failedNoticeOf(
  redis: RedisClient,
  keys: Keys,
  { wakeId, stormId }: { wakeId: string; stormId: string | null },
): Promise<string | undefined> {
  const stored = stormId === null ? null : await redis.hget(`${keys.storm(stormId)}:dead`, wakeId);
  return stored?.split(' ')[0];
}

/** Has the digest edited, because its investigation has ended. */
export async function markStormChanged(redis: RedisClient, keys: Keys, stormId: string): Promise<void> {
  await redis.hincrby(keys.incident(stormId), 'changes', 1);
  await redis.zadd(keys.changedIncidents, 'NX', 2, stormId);
}
