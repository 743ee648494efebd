/** A fake of the API whose answers follow the contract. */
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { extname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import {
  Account,
  Backtest,
  BacktestRequest,
  ClearedWindows,
  CorrectedCosts,
  CostCorrectionRequest,
  Costs,
  DeadLetters,
  DroppedDeadLetter,
  ErrorAnswer,
  FeedbackRequest,
  ForgottenSource,
  Hold,
  Incident,
  IncidentDetail,
  Incidents,
  type Investigation,
  InvestigationDetail,
  Investigations,
  type LiveEvents,
  Me,
  type OpenWindow,
  OpenWindows,
  Operations,
  QueueState,
  Queues,
  RetriedDeadLetter,
  RetriedDeadLetters,
  RetryAllRequest,
  Stats,
  Status,
  Tailer,
  TestAlert,
  Timeline,
} from '@kora-wake/api/contract';
import { expect, onTestFinished } from 'vitest';
import type { z } from 'zod';
import { serve } from '../serve.ts';
import { detailOf, incidentDetailOf, type World } from './world.ts';

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};

type Override = (path: string, method: string) => { status: number; body: unknown } | 'hang' | 'reset' | undefined;

/**
 * Starts a fake API that serves the built console with the API's content security policy, and the world as JSON.
 * `state.override` answers first. An answer of the world that does not match the contract ends the test.
 */
export async function startFakeApi(folder: string, world: World) {
  let override: Override = () => undefined;
  const state = {
    world,
    streams: true,
    get override() {
      return override;
    },
    /** An API that begins to fail, or to work again, has ended its streams. */
    set override(next: Override) {
      override = next;
      for (const stream of streams) stream.end();
    },
  };
  const changes: { method: string; path: string; body: string; key?: string }[] = [];
  const requests: { method: string; path: string }[] = [];
  const streams = new Set<ServerResponse>();
  const violations: string[] = [];
  const respond = (request: IncomingMessage, body: string, response: ServerResponse) => {
    const { method = 'GET', url: path = '/' } = request;
    const { pathname, searchParams } = new URL(path, 'http://console');
    if (!pathname.startsWith('/v1/')) {
      const file = join(folder, pathname === '/' ? 'index.html' : pathname);
      const headers = { 'content-type': TYPES[extname(file)] ?? 'text/plain', 'content-security-policy': POLICY };
      response.writeHead(200, headers).end(readFileSync(file));
      return;
    }
    if (pathname === '/v1/events' && !state.streams) {
      response.writeHead(503).end();
      return;
    }
    if (pathname === '/v1/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('retry: 2000\n\n');
      streams.add(response);
      response.on('close', () => streams.delete(response));
      return;
    }
    requests.push({ method, path });
    const key = request.headers['idempotency-key'];
    if (method !== 'GET') changes.push({ method, path, body, ...(typeof key === 'string' && { key }) });
    const over = state.override(pathname, method);
    if (over === 'hang') return;
    if (over === 'reset') {
      request.socket.resetAndDestroy();
      return;
    }
    const found = over ?? checked(answer(state.world, method, pathname, searchParams, body), pathname, violations);
    response.writeHead(found.status, { 'content-type': 'application/json' }).end(JSON.stringify(found.body));
  };
  // Names of 3,000 characters, percent-encoded, are a long address.
  const server = createServer({ maxHeaderSize: 128 * 1024 }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => respond(request, Buffer.concat(chunks).toString(), response));
  });
  const { origin: url, close } = await serve(server);
  onTestFinished(async () => {
    await close();
    expect(violations).toEqual([]);
  });
  const emit = <T extends keyof LiveEvents>(type: T, payload: LiveEvents[T]) => {
    const data = JSON.stringify(payload);
    for (const stream of streams) stream.write(`id: 1-0\nevent: ${type}\ndata: ${data}\n\n`);
  };
  return { url, state, changes, requests, emit, streamCount: () => streams.size };
}

interface Answer {
  status: number;
  schema: z.ZodType;
  body: unknown;
}

/** Reports an answer that the contract does not allow, including a field that the contract does not have. */
function checked(answer: Answer, pathname: string, violations: string[]): Answer {
  const result = answer.schema.safeParse(answer.body);
  if (!result.success) violations.push(`${pathname}: ${result.error.message}`);
  else if (!isDeepStrictEqual(result.data, answer.body))
    violations.push(`${pathname}: fields that are not in the contract`);
  return answer;
}

const notFound: Answer = {
  status: 404,
  schema: ErrorAnswer,
  body: { statusCode: 404, error: 'Not Found', message: 'There is no such thing.' },
};

const ok = (schema: z.ZodType, body: unknown): Answer => ({ status: 200, schema, body });

/** The behaviour of the API as far as the console uses it. */
function answer(world: World, method: string, pathname: string, query: URLSearchParams, body: string): Answer {
  const [, , kind, ...rest] = pathname.split('/').map(decodeURIComponent);
  const [first, second] = rest;
  if (method === 'DELETE' && kind === 'debounce') {
    const category = query.get('category');
    const isNamed = (one: OpenWindow) =>
      one.probe === query.get('probe') && (category === null || one.category === category);
    const before = world.windows.entries.length;
    world.windows = { entries: world.windows.entries.filter((one) => !isNamed(one)) };
    return ok(ClearedWindows, { cleared: before - world.windows.entries.length });
  }
  if (method === 'POST' && kind === 'queues') {
    const queue = world.queues.queues.find(({ name }) => name === first);
    if (!queue) return notFound;
    queue.isPaused = second === 'pause';
    return ok(QueueState, { name: queue.name, isPaused: queue.isPaused });
  }
  if (method === 'POST' && kind === 'dead-letters' && first === 'retry') {
    const { because } = RetryAllRequest.parse(JSON.parse(body));
    const others = world.deadLetters.entries.filter(({ reason }) => reason !== because);
    const retried = world.deadLetters.entries.length - others.length;
    world.deadLetters = { entries: others, nextCursor: null };
    return ok(RetriedDeadLetters, { retried, isComplete: true });
  }
  if (method !== 'GET' && kind === 'dead-letters') {
    world.deadLetters = {
      entries: world.deadLetters.entries.filter(({ jobId }) => jobId !== second),
      nextCursor: null,
    };
    return method === 'POST' ? ok(RetriedDeadLetter, { retried: true }) : ok(DroppedDeadLetter, { dropped: true });
  }
  if (kind === 'incidents' && second === 'feedback') return judge(world, first ?? '', body);
  if (kind === 'incidents' && method === 'POST') return actOnIncident(world, first ?? '', second ?? '');
  if (kind === 'incidents' && first !== undefined) {
    const found = [...world.incidents, ...world.pastIncidents].find(({ id }) => id === first);
    return found ? ok(IncidentDetail, incidentDetailOf(world, found)) : notFound;
  }
  if (kind === 'hold') {
    if (method === 'PUT') world.hold = { until: new Date(Date.now() + 1_800_000).toISOString(), by: world.me.name };
    if (method === 'DELETE') world.hold = { until: null, by: null };
    return ok(Hold, world.hold);
  }
  if (kind === 'incidents') {
    return ok(Incidents, incidentsOf(world, query));
  }
  if (kind === 'investigations' && first !== undefined) {
    const entry = [...world.investigations.entries, ...world.older].find(({ wakeId }) => wakeId === first);
    return entry ? ok(InvestigationDetail, detailOf(entry)) : notFound;
  }
  if (kind === 'investigations') {
    const after = Number(query.get('cursor') ?? 0);
    const limit = Math.min(Number(query.get('limit')), pageSize);
    const all = allOf(world, query).filter((entry) => isWanted(entry, query));
    const end = after + limit;
    return ok(Investigations, { entries: all.slice(after, end), nextCursor: end < all.length ? String(end) : null });
  }
  if (kind === 'timeline') return ok(Timeline, timelineOf(allOf(world, query), query));
  if (kind === 'debounce') {
    const part = (query.get('q') ?? '').toLowerCase();
    const limit = Number(query.get('limit'));
    const all = world.windows.entries
      .filter(({ probe, category }) => [probe, category].some((name) => name.toLowerCase().includes(part)))
      .toSorted((a, b) => (query.get('sort') === 'suppressed' ? b.suppressed - a.suppressed : 0));
    return ok(OpenWindows, {
      entries: all.slice(0, limit),
      nextCursor: all.length > limit ? String(limit) : null,
      open: all.length,
      suppressed: all.reduce((sum, { suppressed }) => sum + suppressed, 0),
    });
  }
  if (kind === 'test') {
    return { status: 202, schema: TestAlert, body: { wakeId: 'w-0', probe: 'kora-wake', category: 'test-1a2b3c4d' } };
  }
  if (kind === 'stats') return ok(Stats, query.get('by') === 'hour' ? statsByHour(world.stats) : world.stats);
  if (kind === 'status') return ok(Status, world.status);
  if (kind === 'me') return ok(Me, world.me);
  if (kind === 'queues') return ok(Queues, world.queues);
  if (kind === 'account') return ok(Account, world.account);
  if (kind === 'operations') return ok(Operations, { entries: world.operations });
  if (method === 'DELETE' && kind === 'tailer') {
    world.tailer = { sources: world.tailer.sources.filter(({ id }) => id !== first) };
    return ok(ForgottenSource, { forgotten: true, id: first });
  }
  if (kind === 'tailer') return ok(Tailer, world.tailer);
  if (method === 'POST' && kind === 'backtest') {
    const { pair } = BacktestRequest.parse(JSON.parse(body));
    return ok(Backtest, { ...world.backtest, ...(pair && { rule: '- match: { probe: "fly" }\n  window: 30m' }) });
  }
  if (method === 'POST' && kind === 'costs') return correctCosts(world, body);
  if (kind === 'costs') return ok(Costs, world.costs);
  if (kind === 'dead-letters') return ok(DeadLetters, world.deadLetters);
  return notFound;
}

const allOf = ({ investigations, older }: World, query: URLSearchParams) =>
  query.get('window') === 'all' ? [...investigations.entries, ...older] : investigations.entries;

/** The filters of the API, as far as tests use them. */
function isWanted(entry: Investigation, query: URLSearchParams): boolean {
  const at = Date.parse(entry.enqueuedAt);
  const {
    q,
    from,
    to,
    outcome,
    window: _window,
    limit: _limit,
    cursor: _cursor,
    buckets: _buckets,
    ...exact
  } = Object.fromEntries(query);
  if (from !== undefined && at < Date.parse(from)) return false;
  if (to !== undefined && at >= Date.parse(to)) return false;
  if (outcome !== undefined && (entry.outcome ?? 'pending') !== outcome) return false;
  const texts = [entry.wakeId, entry.probe, entry.category, entry.title, entry.summary].join(' ').toLowerCase();
  if (q !== undefined && !texts.includes(q.toLowerCase())) return false;
  return Object.entries(exact).every(([name, value]) => Reflect.get(entry, name) === value);
}

const HOUR = 3_600_000;

function timelineOf(all: Investigation[], query: URLSearchParams): Timeline {
  const found = all.filter((entry) => isWanted(entry, query));
  const timeOf = (entry: Investigation) => Date.parse(entry.enqueuedAt);
  const to = Date.parse(query.get('to') ?? '') || Date.now();
  const from = Date.parse(query.get('from') ?? '') || Math.min(to - 24 * HOUR, ...found.map(timeOf));
  const bucketMs = Math.ceil((to - from) / 96);
  const buckets = Map.groupBy(found, (entry) => Math.floor((timeOf(entry) - from) / bucketMs));
  return {
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    bucketMs,
    buckets: [...buckets]
      .toSorted(([a], [b]) => a - b)
      .map(([number, entries]) => ({
        start: new Date(from + number * bucketMs).toISOString(),
        wakes: entries.length,
        suppressed: entries.reduce((sum, { suppressed }) => sum + suppressed, 0),
        notSent: entries.filter(({ outcome }) => outcome === 'dead').length,
        pending: entries.filter(({ outcome }) => outcome === null).length,
      })),
    wakes: found.length,
    isComplete: true,
  };
}

function incidentsOf({ incidents, pastIncidents }: World, query: URLSearchParams): Incidents {
  const [state, probe, severity] = [query.get('state'), query.get('probe'), query.get('severity')];
  const q = (query.get('q') ?? '').toLowerCase();
  const isOpenList = state === 'open' && probe === null;
  const closed = pastIncidents.filter(({ closedAt }) => state === 'all' || closedAt !== null);
  const all = (isOpenList ? incidents : closed).filter(
    (each) =>
      (probe === null || each.probe === probe) &&
      (severity === null || each.severity === severity) &&
      `${each.probe}\n${each.category}`.toLowerCase().includes(q),
  );
  const after = Number(query.get('cursor') ?? 0);
  const end = after + Number(query.get('limit'));
  return { entries: all.slice(after, end), nextCursor: all.length > end ? String(end) : null };
}

/** A day, with the same numbers in each hour. */
function statsByHour({ totals, ...stats }: Stats): Stats {
  const now = Date.now();
  const entries = Array.from({ length: 25 }, (_, i) => ({
    ...totals,
    suppressed: 7,
    muted: 2,
    buffered: 1,
    start: new Date((Math.floor(now / HOUR) - 24 + i) * HOUR).toISOString(),
  }));
  return { ...stats, by: 'hour', entries, totals };
}

function judge(world: World, id: string, body: string): Answer {
  const incident = world.incidents.find((each) => each.id === id);
  const entry = world.investigations.entries.find(({ summary }) => summary !== null);
  if (!incident || !entry) return notFound;
  const { verdict, cause } = FeedbackRequest.parse(JSON.parse(body));
  entry.feedback = { verdict, ...(cause !== undefined && { cause }), by: world.me.name, at: new Date().toISOString() };
  return ok(Incident, incident);
}

function actOnIncident({ incidents, me }: World, id: string, action: string): Answer {
  const incident = incidents.find((each) => each.id === id);
  if (!incident) return notFound;
  incident.state = action === 'resolve' ? 'closed' : action === 'snooze' ? 'snoozed' : 'acknowledged';
  incident.acknowledgedBy = action === 'resolve' ? null : me.name;
  incident.snoozedUntil = action === 'snooze' ? new Date(Date.now() + 3_600_000).toISOString() : null;
  if (action === 'resolve') incidents.splice(incidents.indexOf(incident), 1);
  return ok(Incident, incident);
}

function correctCosts({ costs, me }: World, body: string): Answer {
  const { usd, reason = '', month = costs.month } = CostCorrectionRequest.parse(JSON.parse(body));
  costs.spentMonthUsd += usd;
  costs.correctedUsd += usd;
  const correction = {
    id: reason,
    at: new Date().toISOString(),
    usd,
    spentUsd: costs.spentMonthUsd,
    by: me.name,
    reason,
  };
  costs.corrections = [correction, ...costs.corrections];
  return ok(CorrectedCosts, { month, rung: costs.rung, correction });
}

/** Entries of a page of investigations: the world has more, so that a second page exists. */
const pageSize = 20;
