/**
 * Incidents: hash `incident:<id>`, kept 35 days after its last change. Only this module, its scripts and `lua/lib/incidents.lua`
 * know its fields:
 *
 *   pair, openedAt, severity (the worst so far)   the tailer's commit
 *   opening (1, 2, …), startedAt, flaps           the tailer's commit, when it opens and reopens the incident
 *   rows, wakes, lastRowAt, lastWakeId            the tailer's commit
 *   openingWakes, windowMs                        the same: wakes of the current opening, length of the newest window
 *   hadCritical, hasSender                        the tailer's commit; a sender is a tool that may send an alert only once
 *   state, by, acknowledgedAt, snoozedUntil       the commit, people
 *   remindFrom, snoozedFrom, escalateFrom         the same, by a clock that stands still during a hold: see lua/lib/hold.lua
 *   closedAt, closeReason                         the commit (recovered), people (resolved), a worker (expired)
 *   message, messageOf (its wake), notifiedAt     the worker, when Slack has accepted a message
 *   investigatedOf, investigatingOf               the newest wake that was investigated; the wake whose investigation others wait for
 *   notices, escalatedAt, repostedAt              a worker, when it creates a notice
 *   changes, shown                                number of changes, and how many of them the message shows
 *   storm                                         the storm whose digest is its newest message, see storms.ts
 *
 *            first wake              acknowledge, snooze
 *   (none) ─────────────▶ firing ◀──────────────────────▶ acknowledged, snoozed
 *                           ▲  │   first critical row             │
 *       a wake within       │  └───────────────┬─────────────────┘
 *       ten minutes         │                  ▼ recovered, resolved, expired
 *                           └─────────────── closed
 */
import { z } from 'zod';
import type { RedisClient } from '../runtime/redis.ts';
import type { Feedback } from '../wake/feedback.ts';
import {
  CLOSE_REASONS,
  type CloseReason,
  INCIDENT_STATES,
  type IncidentState,
  isIncidentId,
  REOPEN_MS,
} from '../wake/incident.ts';
import { parseDebounceId } from '../wake/pair.ts';
import { isStormId } from '../wake/storm.ts';
import { type Click, clickArgs } from './clicks.ts';
import { type Keys, windowIndex } from './keys.ts';
import { type Place, readPage } from './page.ts';
import type { Posted } from './queues.ts';
import { luaScript } from './scripts.ts';
import { parseStored, parseStoredList } from './stored-json.ts';
import { parsePosted } from './stored-wake.ts';

/** Seconds. */
const INCIDENT_TTL_S = 35 * 86_400;

/** The argument of the scripts that change incidents. Which records they change is known only inside of them. */
export function incidentArgs(keys: Keys) {
  return {
    keys: {
      incident: keys.incident(''),
      of: keys.incidentOf(''),
      wake: keys.wake(''),
      firing: keys.firing(''),
      dedup: keys.dedup(''),
      buffered: keys.buffered(''),
      all: keys.incidents,
      open: keys.openIncidents,
      rows: keys.incidentRows,
      changed: keys.changedIncidents,
      storm: keys.storm(''),
      currentStorm: keys.currentStorm,
      recentPairs: keys.recentPairs,
      openStorms: keys.openStorms,
      waiting: keys.waitingMembers,
      parked: keys.parkedMembers,
      notice: keys.notice(''),
      pendingNotices: keys.pendingNotices,
      unqueuedNotices: keys.unqueuedNotices,
      hold: keys.hold,
      counters: keys.counters,
    },
    ttlS: INCIDENT_TTL_S,
    reopenMs: REOPEN_MS,
  };
}

/** All times in ms since the epoch by Redis's clock. */
export interface Incident {
  id: string;
  probe: string;
  category: string;
  severity: string;
  state: IncidentState;
  openedAt: number;
  /** Number of the opening, from 1 on. Each reopening has the next one. */
  opening: number;
  /** Begin of the current or last opening. */
  startedAt: number;
  flaps: number;
  rows: number;
  wakes: number;
  lastRowAt: number;
  lastWakeId: string;
  closedAt: number | null;
  closeReason: CloseReason | null;
  /** Who acknowledged, snoozed or resolved it, if it is in that state. */
  by: string | null;
  /** The last acknowledgement. */
  acknowledgedAt: number | null;
  /** When it was escalated to other people. */
  escalatedAt: number | null;
  snoozedUntil: number | null;
  /** The newest message that Slack accepted. */
  message: Posted | null;
  /** The wake whose diagnosis that message shows. */
  messageOf: string | null;
  /** The storm whose digest is its newest message; null if that is its own one. */
  stormId: string | null;
  /** Number of firing instances. */
  firing: number;
}

const number = (text: string | undefined) => Number(text ?? 0) || 0;
const time = (text: string | undefined) => (text === undefined ? null : number(text));

export async function readIncident(redis: RedisClient, keys: Keys, id: string): Promise<Incident | undefined> {
  if (!isIncidentId(id)) return undefined;
  const fields = await redis.hgetall(keys.incident(id));
  const pair = parseDebounceId(fields.pair ?? '');
  const state = INCIDENT_STATES.find((each) => each === fields.state);
  if (!pair || !state) return undefined;
  const posted = parsePosted(fields.message);
  return {
    id,
    ...pair,
    severity: fields.severity ?? '',
    state,
    openedAt: number(fields.openedAt),
    opening: number(fields.opening),
    startedAt: number(fields.startedAt),
    flaps: number(fields.flaps),
    rows: number(fields.rows),
    wakes: number(fields.wakes),
    lastRowAt: number(fields.lastRowAt),
    lastWakeId: fields.lastWakeId ?? '',
    closedAt: time(fields.closedAt),
    closeReason: CLOSE_REASONS.find((each) => each === fields.closeReason) ?? null,
    by: fields.by ?? null,
    acknowledgedAt: time(fields.acknowledgedAt),
    escalatedAt: time(fields.escalatedAt),
    snoozedUntil: time(fields.snoozedUntil),
    message: posted,
    messageOf: fields.messageOf ?? null,
    stormId: fields.storm ?? null,
    firing: await redis.scard(keys.firing(fields.pair ?? '')),
  };
}

/** One page of incidents, newest first. @param isOpen only open ones */
export async function listIncidents(
  redis: RedisClient,
  keys: Keys,
  { isOpen, ...page }: { isOpen: boolean; limit: number; after?: Place | undefined },
): Promise<{ incidents: Incident[]; places: Place[] }> {
  const places = await readPage(redis, isOpen ? keys.openIncidents : keys.incidents, page);
  const read = await Promise.all(places.map(({ id }) => readIncident(redis, keys, id)));
  return { incidents: read.filter((incident) => incident !== undefined), places };
}

/** An action of a person on an incident. `until` in ms since the epoch. */
export type IncidentAction = { kind: 'acknowledge' } | { kind: 'snooze'; seconds: number } | { kind: 'resolve' };

/** `unchanged`: it was in this state already, by the same person. `closed`: it is over. */
export type ActionResult = 'done' | 'unchanged' | 'closed' | 'unknown';

const ACT = luaScript('act-on-incident');

/** Applies the action of a person to an open incident, or to all open members of a storm. @param click it is applied once */
export async function actOnIncident(
  redis: RedisClient,
  keys: Keys,
  id: string,
  action: IncidentAction,
  by: string,
  click?: Click,
): Promise<ActionResult> {
  if (!isIncidentId(id) && !isStormId(id)) return 'unknown';
  const { key, args } = clickArgs(keys, click);
  const answer = await ACT(redis, [keys.incident(id), keys.counters, keys.events, ...windowIndex(keys), ...key], {
    id,
    by,
    action,
    ...args,
    incidents: incidentArgs(keys),
  });
  return actionResult(answer);
}

function actionResult(answer: unknown): ActionResult {
  return answer === 'done' || answer === 'unchanged' || answer === 'closed' ? answer : 'unknown';
}

const FEEDBACK = luaScript('record-feedback');

/**
 * Stores a person's opinion about the diagnosis that the incident shows, also if it is closed. A later one replaces it.
 *
 * @returns `unknown` if the incident does not exist or nothing was investigated; never `closed`
 */
export async function recordFeedback(
  redis: RedisClient,
  keys: Keys,
  id: string,
  feedback: Omit<Feedback, 'at'>,
  click?: Click & { messageTs?: string | undefined },
): Promise<ActionResult> {
  if (!isIncidentId(id) && !isStormId(id)) return 'unknown';
  const { key, args } = clickArgs(keys, click);
  const answer = await FEEDBACK(redis, [keys.incident(id), keys.counters, keys.events, ...key], {
    id,
    feedback,
    ...args,
    ...(click?.messageTs !== undefined && { messageTs: click.messageTs }),
    ttlS: INCIDENT_TTL_S,
    incidents: incidentArgs(keys),
  });
  return actionResult(answer);
}

const EXPIRE = luaScript('expire-incidents');

/**
 * Closes open incidents without a row for long. Time in which no tailer followed a log does not count, and an incident with a wake
 * that is not sent yet stays open.
 *
 * @param quietMs of incidents whose rows come from a log @param senderQuietMs of those from an alerting tool
 * @returns the number of closed incidents
 */
export async function expireIncidents(
  redis: RedisClient,
  keys: Keys,
  sourceIds: string[],
  { quietMs, senderQuietMs }: { quietMs: number; senderQuietMs: number },
): Promise<number> {
  const scriptKeys = [keys.openIncidents, keys.counters, keys.events, ...windowIndex(keys)];
  const sources = sourceIds.flatMap((source) => [keys.source(source), keys.lease(source)]);
  const args = { quietMs, senderQuietMs, incidents: incidentArgs(keys) };
  return Number(await EXPIRE(redis, [...scriptKeys, ...sources], args));
}

const RUN_CLOCKS = luaScript('run-incident-clocks');

/** When incidents remind and escalate. */
export interface IncidentClocks {
  /** Time after an acknowledgement, and between reminders, ms; 0: never. */
  remindMs: number;
  /** Undefined: nothing escalates. */
  escalate?: { afterMs: number; severities: string[]; to: string[] } | undefined;
}

/** Lets snoozed incidents fire again, and creates the notices that are due. */
export async function runIncidentClocks(redis: RedisClient, keys: Keys, clocks: IncidentClocks): Promise<void> {
  await RUN_CLOCKS(redis, [keys.openIncidents, keys.events], { ...clocks, incidents: incidentArgs(keys) });
}

const REPOST = luaScript('repost-message');

/** Creates the notice that posts a message again that is gone, if its incident fires. @param windowMs time between two of them, ms */
export async function repostMessage(
  redis: RedisClient,
  keys: Keys,
  id: string,
  posted: Posted,
  windowMs: number,
): Promise<boolean> {
  const args = { id, windowMs, posted: JSON.stringify(posted), incidents: incidentArgs(keys) };
  return (await REPOST(redis, [keys.incident(id)], args)) === 1;
}

const READ_DUE = luaScript('read-due');

/** Work about incidents, as numbers. `released`: deliveries that waited for a hold which is over. */
export async function readDue(
  redis: RedisClient,
  keys: Keys,
): Promise<{ changed: number; notices: number; rows: number; released: number }> {
  const scriptKeys = [keys.changedIncidents, keys.unqueuedNotices, keys.incidentRows, keys.heldJobs, keys.hold];
  const answer = await READ_DUE(redis, scriptKeys);
  const [changed = 0, notices = 0, rows = 0, released = 0] = Array.isArray(answer) ? answer.map(Number) : [];
  return { changed, notices, rows, released };
}

/** Incidents whose messages do not show their state, by priority: people's actions first. @param limit maximum number */
export async function listChanged(
  redis: RedisClient,
  keys: Keys,
  limit: number,
): Promise<Array<{ id: string; priority: number }>> {
  const places = await readPage(redis, keys.changedIncidents, { limit, first: 'lowest' });
  return places.map(({ id, at }) => ({ id, priority: at }));
}

const olderMessage = z.object({ message: z.string(), wakeId: z.string(), isOthers: z.boolean().optional() });

/** A message of an incident that has to be edited. */
export interface StaleMessage {
  /** Of a storm: the notice. */
  wakeId: string;
  /** Null: Slack has accepted no message. */
  posted: Posted | null;
  /** The newest one shows the state and has the buttons, an older one says that a newer one follows, one to others that it is over. */
  kind: 'newest' | 'older' | 'others';
  /** Records the edit. @returns whether all messages are current */
  edited(): Promise<boolean>;
}

const RECORD_EDIT = luaScript('record-edit');

/** The next message of the incident or the storm to edit, the newest first. Undefined if all are current. */
export async function readStaleMessage(redis: RedisClient, keys: Keys, id: string): Promise<StaleMessage | undefined> {
  const olderKey = keys.olderMessages(id);
  const [fields, first] = await Promise.all([
    redis.hmget(keys.incident(id), 'state', 'changes', 'shown', 'messageOf', 'message', 'storm'),
    redis.lindex(olderKey, 0),
  ]);
  const [state, changes, shown, messageOf, message, storm] = fields;
  const record = async (version: string, older: string) =>
    (await RECORD_EDIT(redis, [keys.incident(id), olderKey, keys.changedIncidents], id, version, older)) === 1;
  if (!state) {
    await redis.zrem(keys.changedIncidents, id);
    return undefined;
  }
  // The message of a member is the digest, which is edited for its storm. The change may be older than the storm.
  if (storm) await record(changes ?? '0', '');
  else if (changes && changes !== shown) {
    const posted = parsePosted(message ?? undefined);
    return { wakeId: messageOf ?? '', posted, kind: 'newest', edited: () => record(changes, '') };
  } else if (first === null) await record(shown ?? '0', '');
  if (first === null) return undefined;
  const older = parseStored(olderMessage, first);
  const posted = parsePosted(older?.message);
  const kind = older?.isOthers ? 'others' : 'older';
  return { wakeId: older?.wakeId ?? '', posted, kind, edited: () => record('', first) };
}

const queuedRow = z.object({
  seam: z.enum(['incident.opened', 'incident.closed']),
  details: z.object({
    id: z.string(),
    opening: z.number(),
    pair: z.string(),
    wakeId: z.string(),
    reason: z.enum(CLOSE_REASONS).optional(),
    durationMs: z.number().optional(),
    rows: z.number().optional(),
  }),
});
export type QueuedIncidentRow = z.infer<typeof queuedRow>;

/** A worker that stops while it writes holds up the others for this time, ms. */
const ROWS_LOCK_MS = 10_000;

/** Runs `write` unless another worker is writing rows. */
export async function whileWritingRows(redis: RedisClient, keys: Keys, write: () => Promise<void>): Promise<void> {
  const isOurs = await redis.set(keys.incidentRowsLock, 1, 'PX', ROWS_LOCK_MS, 'NX');
  if (isOurs === null) return;
  try {
    await write();
  } finally {
    await redis.del(keys.incidentRowsLock);
  }
}

/** Rows that are written with one call. */
const MAX_ROWS = 500;

/** The oldest rows for the audit log that nobody has written yet, and their number in Redis, which includes unreadable ones. */
export async function readQueuedRows(
  redis: RedisClient,
  keys: Keys,
): Promise<{ rows: QueuedIncidentRow[]; count: number }> {
  const stored = await redis.lrange(keys.incidentRows, 0, MAX_ROWS - 1);
  return { rows: parseStoredList(queuedRow, stored), count: stored.length };
}

/** Removes the oldest rows once they are written. */
export async function removeQueuedRows(redis: RedisClient, keys: Keys, count: number): Promise<void> {
  await redis.ltrim(keys.incidentRows, count, -1);
}
