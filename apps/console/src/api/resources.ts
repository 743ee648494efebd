/** Every path of the API that the console reads, and every change that it makes, with the schema of the answer. */
import {
  Account,
  Backtest,
  ClearedWindows,
  CorrectedCosts,
  Costs,
  DeadLetters,
  DroppedDeadLetter,
  ForgottenSource,
  Hold,
  Incident,
  IncidentDetail,
  Incidents,
  InvestigationDetail,
  Investigations,
  Me,
  OpenWindows,
  Operations,
  QueueState,
  Queues,
  RetriedDeadLetter,
  RetriedDeadLetters,
  Stats,
  Status,
  Tailer,
  TestAlert,
  Timeline,
} from '@kora-wake/api/contract';
import type { z } from 'zod';
import { type RequestBody, type Result, request } from './client.ts';
import { pagedLists } from './pages.ts';
import { refresh, resource, resourceFamily, useResource } from './resource.ts';
import type { BacktestPair, Incident as IncidentEntry, Investigation } from './types.ts';

const windowLists = resourceFamily(OpenWindows, (query) => `/v1/debounce?${query}`);
/**
 * The first windows of a list. Those with the most repeats explain the most missing messages, so they come first.
 *
 * @param part of the probe or the category; empty: all windows
 */
export const windowsWith = (part: string, limit: number) =>
  windowLists(`sort=suppressed&limit=${limit}${part && `&q=${encodeURIComponent(part)}`}`);
/** Windows that are read at first, and how many more are read at a time. */
export const WINDOWS_STEP = 100;
export const windows = windowsWith('', WINDOWS_STEP);
export const queues = resource(Queues, '/v1/queues');
export const account = resource(Account, '/v1/account');
export const tailer = resource(Tailer, '/v1/tailer');
export const costs = resource(Costs, '/v1/costs');
export const operations = resource(Operations, '/v1/operations');
export const deadLetters = resource(DeadLetters, '/v1/dead-letters');
/** Open incidents, the one with the newest alert first. */
export const openIncidents = resource(Incidents, '/v1/incidents?state=open&limit=100');
export const incident = resourceFamily(IncidentDetail, (id) => `/v1/incidents/${encodeURIComponent(id)}`);
/** Incidents of one pair, open and closed ones, the newest first. */
const incidentLists = resourceFamily(Incidents, (query) => `/v1/incidents?state=all&limit=50&${query}`);
export const incidentsOf = (probe: string, category: string) =>
  incidentLists(new URLSearchParams({ probe, category }).toString());
export const hold = resource(Hold, '/v1/hold');
export const latest = resource(Investigations, '/v1/investigations?window=all&limit=8');
/** Counting many alerts takes the API a while, so it is not done after each event. */
export const timeline = resourceFamily(Timeline, (query) => `/v1/timeline?${query}`, { minAgeMs: 25_000 });
export const investigation = resourceFamily(
  InvestigationDetail,
  (id) => `/v1/investigations/${encodeURIComponent(id)}`,
);
export const status = resource(Status, '/v1/status');
/** Pairs that are listed. Totals contain all. */
const MAX_PAIRS = 2_000;
/** A long answer that changes slowly. @param window such as `7d` */
export const statsOf = resourceFamily(
  Stats,
  (window) =>
    `/v1/stats?${new URLSearchParams({ window, by: 'pair', timezone: ownTimezone(), limit: `${MAX_PAIRS}` })}`,
  { minAgeMs: 60_000 },
);
/** @param window such as `24h` */
export const statsByHour = resourceFamily(Stats, (window) => `/v1/stats?window=${window}&by=hour`, {
  minAgeMs: 60_000,
});
const me = resource(Me, '/v1/me');

/** Whether the caller may change anything. True until the answer is here: most callers may. */
export function useMayChange(): boolean {
  return useResource(me).data?.may !== 'look';
}

/** The same, but false until the answer is here: for a request that nobody pressed a button for. */
export function useMayCertainlyChange(): boolean {
  return useResource(me).data?.may === 'change';
}

/** Entries of the page that is polled, and of each older page. */
const FIRST_PAGE = 100;
const OLDER_PAGE = 500;

/** A page that nothing watches: the first one, or with a cursor an older one. */
const pageOf = (query: string, cursor: string) =>
  `${query}&limit=${OLDER_PAGE}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`;

export const readInvestigations = (query: string, cursor: string) =>
  request(Investigations, 'GET', `/v1/investigations?${pageOf(query, cursor)}`);

/** Both take the query of the route, without a page. */
export const useInvestigations = pagedLists<Investigation>({
  first: resourceFamily(Investigations, (query) => `/v1/investigations?${query}&limit=${FIRST_PAGE}`),
  older: readInvestigations,
  idOf: ({ wakeId }) => wakeId,
  // A failed delivery can be retried.
  mayChange: ({ outcome, dismissed }) => outcome === null || (outcome === 'dead' && dismissed === null),
});

export const useIncidents = pagedLists<IncidentEntry>({
  first: resourceFamily(Incidents, (query) => `/v1/incidents?${query}&limit=${FIRST_PAGE}`),
  older: (query, cursor) => request(Incidents, 'GET', `/v1/incidents?${pageOf(query, cursor)}`),
  idOf: ({ id }) => id,
  mayChange: ({ state }) => state !== 'closed',
});

/** @param reason empty: the request has no reason */
export const endWindow = (probe: string, category: string, reason: string) =>
  change(ClearedWindows, 'DELETE', ['debounce'], { query: { probe, category, reason } });

/** Ends all windows of a probe. @param reason empty: the request has no reason */
export const endWindowsOf = (probe: string, reason: string) =>
  change(ClearedWindows, 'DELETE', ['debounce'], { query: { probe, reason } });

/** @param reason empty: the request has no reason */
export const setQueue = (name: string, action: 'pause' | 'resume', reason: string) =>
  change(QueueState, 'POST', ['queues', name, action], { query: { reason } });

export const forgetLog = (id: string, reason: string) =>
  change(ForgottenSource, 'DELETE', ['tailer', id], { query: { reason } });

const OF_STORM = { query: { storm: 'true' } };

/** @param ofStorm whether to act on all open incidents of its storm */
export const actOnIncident = (id: string, action: 'acknowledge' | 'resolve', ofStorm: boolean) =>
  change(Incident, 'POST', ['incidents', id, action], ofStorm ? OF_STORM : {});

/** The same for a snooze. */
export const snoozeIncident = (id: string, seconds: number, ofStorm: boolean) =>
  change(Incident, 'POST', ['incidents', id, 'snooze'], { body: { seconds }, ...(ofStorm && OF_STORM) });

/** @param cause the real cause in a person's words; empty: not given */
export const judgeIncident = (id: string, verdict: 'right' | 'partly' | 'wrong', cause: string) =>
  change(Incident, 'POST', ['incidents', id, 'feedback'], { body: { verdict, ...(cause !== '' && { cause }) } });

/** The API waits until the log watcher has picked it up. */
export const sendTestAlert = () => change(TestAlert, 'POST', ['test']);

export const holdAll = (seconds: number) => change(Hold, 'PUT', ['hold'], { body: { seconds } });

export const endHold = () => change(Hold, 'DELETE', ['hold']);

export const retryDelivery = (queue: string, jobId: string) =>
  change(RetriedDeadLetter, 'POST', ['dead-letters', queue, jobId, 'retry']);

/** @param because the reason that they failed for */
export const retryAllDeliveries = (because: string) =>
  change(RetriedDeadLetters, 'POST', ['dead-letters', 'retry'], { body: { because } });

/** The state of an alert now, for an action that waits for its end. */
export const readInvestigation = (wakeId: string) =>
  request(InvestigationDetail, 'GET', `/v1/investigations/${encodeURIComponent(wakeId)}`);

export const dismissDelivery = (queue: string, jobId: string, reason: string) =>
  change(DroppedDeadLetter, 'DELETE', ['dead-letters', queue, jobId], { body: { reason } });

/**
 * @param usd added to the spend of the month
 * @param key the same for each attempt of one correction: an attempt without an answer may have been applied
 */
export const correctCosts = (month: string, usd: number, reason: string, key: string) =>
  change(CorrectedCosts, 'POST', ['costs', 'corrections'], { body: { month, usd, reason }, key });

/** Longer than the API lets a backtest run. */
const BACKTEST_TIMEOUT_MS = 70_000;

/** The last backtest of this page. The API runs one at a time and refuses a second, so each waits for the one before it. */
let lastBacktest: Promise<unknown> = Promise.resolve();

function afterLastBacktest<T>(run: () => T | Promise<T>): Promise<T> {
  const result = lastBacktest.then(run);
  lastBacktest = result;
  return result;
}

/** Changes nothing. @param from ISO time; undefined: all alerts of the log */
export const runBacktest = (policy: string, from: string | undefined) =>
  afterLastBacktest(() => backtest({ policy }, from));

/**
 * A backtest of a change for one pair.
 *
 * @param signal ends the wait for an earlier one: undefined then
 */
export const runPairBacktest = (
  pair: BacktestPair,
  from: string,
  signal: AbortSignal,
): Promise<Result<Backtest> | undefined> =>
  afterLastBacktest(() => (signal.aborted ? undefined : backtest({ pair }, from)));

function backtest(tried: { policy: string } | { pair: BacktestPair }, from: string | undefined) {
  return request(Backtest, 'POST', '/v1/backtest', {
    body: { ...tried, timezone: ownTimezone(), ...(from !== undefined && { from }) },
    timeoutMs: BACKTEST_TIMEOUT_MS,
  });
}

/** The time zone of the browser. */
const ownTimezone = () => new Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';

/**
 * Changes something, then reads every resource on the page again.
 *
 * @param path segments, each encoded here; names from a probe go into the query, because `..` is not a safe segment
 * @param options.query empty values are left out
 */
async function change<T>(
  schema: z.ZodType<T>,
  method: 'POST' | 'PUT' | 'DELETE',
  path: string[],
  { query = {}, body, key }: { query?: Record<string, string>; body?: RequestBody; key?: string } = {},
): Promise<Result<T>> {
  const given = Object.entries(query).filter(([, value]) => value !== '');
  const search = given.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&');
  const address = `/v1/${path.map(encodeURIComponent).join('/')}${search && `?${search}`}`;
  const result = await request(schema, method, address, { body, key });
  await refresh(true);
  return result;
}
