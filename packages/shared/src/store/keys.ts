/**
 * Every Redis key we own, and the private keys of BullMQ that we read. All lie under the prefix, whose hash tag keeps them
 * in one slot of a cluster, so that one script may use them together. Each doc comment names the type and the owner: the
 * only module of this folder that uses the key. Other modules call it, and other scripts include its Lua.
 */
import { createHash } from 'node:crypto';

export interface Keys {
  prefix: string;
  /** Hash: counters of rows, decisions, unreadable lines, outcomes and repairs. Owner: account.ts; the scripts also count. */
  counters: string;
  /** Sorted set, all scores 0: deduplication ids of open windows in lexical order. Owner: windows.ts. */
  windowNames: string;
  /** Sorted set: the same ids by the end of their window, ms. Owner: windows.ts. */
  windowEnds: string;
  /** Sorted set: the same ids by the number of rows suppressed in their window. Owner: windows.ts. */
  windowRepeats: string;
  /** String: the sum of these numbers. Owner: windows.ts. */
  windowRepeatsTotal: string;
  /** Hash: the stored facts about one wake, see wake-record.ts, its owner. */
  wake(wakeId: string): string;
  /** Set: ids of the older wakes of its pair that wait until this wake is sent. Owner: wake-record.ts. */
  joining(wakeId: string): string;
  /** String with a TTL: the steps of the investigation of a wake as JSON. Owner: steps.ts; workers write it. */
  steps(wakeId: string): string;
  /** Sorted set with a TTL: wakes with steps by the time these were stored, ms. Owner: steps.ts. */
  stepsIndex: string;
  /** Hash with a TTL: the sizes of these steps, bytes. Owner: steps.ts. */
  stepsSizes: string;
  /** String with a TTL: the sum of these sizes. Owner: steps.ts. */
  stepsBytes: string;
  /** Set: the firing instances of a pair. Owner: firing.ts. `:wakes` after it is a list: the pair's wakes since its last recovery. */
  firing(debounceId: string): string;
  /** String with a TTL: the pair in which an instance of a sender fires. Owner: firing.ts. */
  instance(origin: string): string;
  /** String with a TTL: number of buffered rows of a pair since the first of them. Owner: pair-state.ts. */
  buffered(debounceId: string): string;
  /** Hash: one incident, see incidents.ts, its owner. */
  incident(id: string): string;
  /** String: the last incident of a pair. Owner: incidents.ts. */
  incidentOf(debounceId: string): string;
  /** Sorted set: all incidents by the time they were opened, ms. Owner: incidents.ts. */
  incidents: string;
  /** Sorted set: open incidents by the time of their last row, ms. Owner: incidents.ts. */
  openIncidents: string;
  /**
   * List: messages of an incident besides its newest one, which are to be edited, as JSON. With `:others` instead of `:older` those to
   * other people, which are edited once it is over. Owner: incidents.ts.
   */
  olderMessages(id: string): string;
  /** Sorted set: incidents whose messages do not show their state, by the priority of the change. Owner: incidents.ts. */
  changedIncidents: string;
  /** String with a TTL: a click that was applied. Owner: clicks.ts. */
  click(id: string): string;
  /** String with a TTL: an API takes clicks. Owner: clicks.ts; the API writes it. */
  clicksTaken: string;
  /**
   * Sorted set: the pairs of the members of a storm, in the order in which they joined. `:messages` after it is a hash: the notice that
   * names a pair, with `+` before it once Slack has accepted it. `:dead` is a hash: wakes that are dead letters because the
   * notice for them is one. The storm itself is stored under `incident(id)`. Owner: storms.ts.
   */
  storm(id: string): string;
  /** String with a TTL: the storm that further pairs join. Owner: storms.ts. */
  currentStorm: string;
  /** Sorted set with a TTL: pairs by the time of their last wake, ms. Owner: storms.ts. */
  recentPairs: string;
  /** Sorted set: storms that are not over by their begin, ms. Owner: storms.ts. */
  openStorms: string;
  /** Hash: wakes that wait for a digest which names them: the storm and the pair of each. Owner: storms.ts. */
  waitingMembers: string;
  /** Set: those of them whose job has ended, for the account. Owner: storms.ts. */
  parkedMembers: string;
  /** Hash: one notice, see notices.ts, its owner. */
  notice(id: string): string;
  /** Sorted set: notices without an outcome, by the time they were created, ms. Owner: notices.ts. */
  pendingNotices: string;
  /** Sorted set: those that have no job yet. Owner: notices.ts. */
  unqueuedNotices: string;
  /** Hash: the last hold, see hold.ts, its owner. */
  hold: string;
  /** Set: ids of deliveries that wait for the end of a hold. Owner: hold.ts. */
  heldJobs: string;
  /** List: rows about incidents that are not in the audit log yet, as JSON, oldest first. Owner: incidents.ts; workers write them. */
  incidentRows: string;
  /** String with a TTL: a worker is writing these rows. Owner: incidents.ts. */
  incidentRowsLock: string;
  /** Sorted set: wakes without an outcome yet, by the time they were enqueued, ms. Owner: wake-record.ts. */
  pending: string;
  /** Sorted set: all wakes with a record, by the time they were enqueued, ms. Owner: wake-history.ts. */
  history: string;
  /** Sorted set: the same for one probe. */
  historyOfProbe(probe: string): string;
  /** Sorted set: the same for one pair. */
  historyOfPair(debounceId: string): string;
  /** Hash: the checkpoint of one log. Owner: checkpoint.ts; only the tailer that holds the lease writes it. */
  source(sourceId: string): string;
  /** String with a TTL: the tailer that follows a different log under the same path. Owner: checkpoint.ts; standby tailers write it. */
  conflict(sourceId: string): string;
  /** List: the last unreadable lines of one log as JSON, newest first. Owner: unreadable-lines.ts; the commit adds them. */
  unreadable(sourceId: string): string;
  /** Set: ids of the logs that have a checkpoint. Owner: checkpoint.ts. */
  sources: string;
  /** String with a TTL: the token of the tailer that may commit for this log. Owner: checkpoint.ts. */
  lease(sourceId: string): string;
  /** String: when a tailer last found Redis without its data, ms by Redis's clock. Owner: redis-state.ts. */
  dataLostAt: string;
  /** String with a TTL: written to find out whether Redis accepts writes. Owner: redis-state.ts. */
  writeProbe: string;
  /**
   * Hash: cost of a UTC month in micro-USD: `total`, `corrected` (the part of it that operators added), one field per day, route
   * and model, and `refusedAt`. Owner: budget-ledger.ts.
   */
  spend(month: string): string;
  /** List: the last corrections of that month as JSON, newest first. Owner: budget-ledger.ts. */
  corrections(month: string): string;
  /** Sorted set: reservations of LLM calls in progress, by the time they lapse, ms. Owner: budget-ledger.ts. */
  reserved: string;
  /** Hash: the current problem of each service as JSON. Owner: problems.ts; workers write it. */
  problems: string;
  /** Hash: running workers, id to time (ms) and set-up as JSON. Owner: running-workers.ts. */
  workers: string;
  /** String with a TTL: an event of a sender that is being written, or was. Owner: ingestion.ts. */
  ingestEvent(hash: string): string;
  /** Hash with a TTL: statistics of a UTC day (number of days since 1970) by pair. Owner: stats.ts; the scripts count. */
  stats(day: number | ''): string;
  /** Hash with a TTL: the same by pair and hour. */
  statsByHour(day: number): string;
  /** Hash: counters of ingested alerts by source and result, and the time of the last request, ms. Owner: ingestion.ts. */
  ingestCounts: string;
  /** List: the last bodies that could not be mapped, as JSON, newest first. Owner: ingestion.ts. */
  ingestFaults: string;
  /** Stream: live events. Owner: events.ts. */
  events: string;
  /** List: operators' changes as JSON, newest first. Owner: the API's operations.ts. */
  operations: string;
  /** BullMQ's: winner's job id; its TTL is the time left of the window. BullMQ has no public way to read that TTL. */
  dedup(debounceId: string): string;
  /** BullMQ's sorted set: jobs of a queue that failed for good, by time, ms. */
  failed(queue: string): string;
  /** BullMQ's lists and sets of unfinished jobs of a queue. */
  unfinished(queue: string): string[];
}

/** The names of 0.2 stay in Redis: `untold` for pending wakes, `forgot` for the data loss. */
export function redisKeys(prefix: string): Keys {
  return {
    prefix,
    counters: `${prefix}:counters`,
    windowNames: `${prefix}:windows:names`,
    windowEnds: `${prefix}:windows:ends`,
    windowRepeats: `${prefix}:windows:repeats`,
    windowRepeatsTotal: `${prefix}:windows:repeats:total`,
    wake: (wakeId) => `${prefix}:wake:${wakeId}`,
    joining: (wakeId) => `${prefix}:wake:${wakeId}:joining`,
    steps: (wakeId) => `${prefix}:steps:${wakeId}`,
    stepsIndex: `${prefix}:steps`,
    stepsSizes: `${prefix}:steps:sizes`,
    stepsBytes: `${prefix}:steps:sizes:total`,
    firing: (debounceId) => `${prefix}:firing:${debounceId}`,
    instance: (origin) => `${prefix}:instance:${origin}`,
    buffered: (debounceId) => `${prefix}:buffered:${debounceId}`,
    incident: (id) => `${prefix}:incident:${id}`,
    incidentOf: (debounceId) => `${prefix}:incident-of:${debounceId}`,
    incidents: `${prefix}:incidents`,
    openIncidents: `${prefix}:incidents:open`,
    olderMessages: (id) => `${prefix}:incident:${id}:older`,
    changedIncidents: `${prefix}:incidents:changed`,
    click: (id) => `${prefix}:click:${id}`,
    clicksTaken: `${prefix}:clicks-taken`,
    storm: (id) => `${prefix}:storm:${id}`,
    currentStorm: `${prefix}:storms:current`,
    recentPairs: `${prefix}:storms:recent`,
    openStorms: `${prefix}:storms:open`,
    waitingMembers: `${prefix}:storms:waiting`,
    parkedMembers: `${prefix}:storms:parked`,
    notice: (id) => `${prefix}:notice:${id}`,
    pendingNotices: `${prefix}:notices:pending`,
    unqueuedNotices: `${prefix}:notices:unqueued`,
    hold: `${prefix}:hold`,
    heldJobs: `${prefix}:hold:jobs`,
    incidentRows: `${prefix}:incidents:rows`,
    incidentRowsLock: `${prefix}:incidents:rows:lock`,
    pending: `${prefix}:untold`,
    history: `${prefix}:history`,
    historyOfProbe: (probe) => `${prefix}:history:probe:${probe}`,
    historyOfPair: (debounceId) => `${prefix}:history:pair:${debounceId}`,
    source: (sourceId) => `${prefix}:source:${sourceId}`,
    conflict: (sourceId) => `${prefix}:source:${sourceId}:conflict`,
    unreadable: (sourceId) => `${prefix}:source:${sourceId}:unreadable`,
    sources: `${prefix}:sources`,
    lease: (sourceId) => `${prefix}:source:${sourceId}:lease`,
    dataLostAt: `${prefix}:forgot`,
    writeProbe: `${prefix}:write-probe`,
    spend: (month) => `${prefix}:spend:${month}`,
    corrections: (month) => `${prefix}:spend:${month}:corrections`,
    reserved: `${prefix}:spend:reserved`,
    problems: `${prefix}:problems`,
    workers: `${prefix}:workers`,
    ingestEvent: (hash) => `${prefix}:ingest:event:${hash}`,
    stats: (day) => `${prefix}:stats:${day}`,
    statsByHour: (day) => `${prefix}:stats:${day}:hours`,
    ingestCounts: `${prefix}:ingest:counts`,
    ingestFaults: `${prefix}:ingest:faults`,
    events: `${prefix}:events`,
    operations: `${prefix}:operations`,
    dedup: (debounceId) => `${prefix}:wakes:de:${debounceId}`,
    failed: (queue) => `${prefix}:${queue}:failed`,
    unfinished: (queue) => ['wait', 'active', 'delayed', 'prioritized'].map((state) => `${prefix}:${queue}:${state}`),
  };
}

/** The keys of the index of windows, in the order in which the scripts take them. */
export function windowIndex(keys: Keys): string[] {
  return [keys.windowNames, keys.windowEnds, keys.windowRepeats, keys.windowRepeatsTotal];
}

/**
 * The id of a log: a hash of its configured path, since a checkpoint outlives any one file under that path.
 *
 * @param path absolute; links are not resolved, since they may change
 * @param sourceName `KORA_SOURCE_NAME`: keeps logs apart that have the same path on different hosts
 */
export function sourceId(path: string, sourceName?: string): string {
  const identity = sourceName === undefined ? path : `${path}\0${sourceName}`;
  return createHash('sha256').update(identity).digest('hex').slice(0, 16);
}
