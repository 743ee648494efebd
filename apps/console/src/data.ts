/**
 * All that the console knows, and the one place where it asks.
 *
 * A resource is a path of the API and the last good answer to it. While somebody on the visible page watches it, it is
 * read again every few seconds; an answer that fails leaves the good one in place and says what is wrong. Whatever
 * else learns of a change (an action here, a stream of events) calls `refresh`.
 */
import { useEffect, useReducer } from 'preact/hooks';
import type {
  Account,
  Costs,
  DeadLetter,
  Investigation,
  Me,
  OpenedInvestigation,
  OpenWindow,
  Operation,
  Page,
  Queues,
  Tailer,
} from './contract.ts';

const POLL_MS = 3_000;
/** Longer than the API waits for its Redis, which it then says. */
const PATIENCE_MS = 15_000;
/** Events come in bursts: one reading for all of them. */
const SETTLE_MS = 200;
const EVENTS = [
  'wake.enqueued',
  'wake.coalesced',
  'wake.rejected',
  'investigation.started',
  'investigation.ended',
  'dm.sent',
  'dm.dead',
  'window.opened',
  'window.cleared',
  'window.expired',
  // Some of them are missing.
  'gap',
];

export interface Fault {
  kind: 'no_permission' | 'unreachable' | 'refused' | 'not_found';
  message: string;
}

export interface Known<T> {
  data?: T;
  /** when the data was good: the browser's clock, ms */
  at?: number;
  fault?: Fault;
}

interface Watched {
  path: string;
  /** @param anew where a read that has begun may be too early to know */
  read(anew?: boolean): Promise<void>;
  known(): Known<unknown>;
}

export interface Resource<T> extends Watched {
  known(): Known<T>;
  watch(changed: () => void): () => void;
}

export type Result<T> = { ok: true; body: T } | { ok: false; fault: Fault };

const watched = new Set<Watched>();
const onlookers = new Set<() => void>();
/** Server's clock minus the browser's, ms: ages are the server's business, and the browser's clock may be off. */
let skewMs = 0;
/** A refused token takes the pages away, and nothing is asked any more: each try would count as an attack. */
let barred = false;

export const serverNow = () => Date.now() + skewMs;

/** An address that has a name and a password in it, as the page's own may have, is refused by `fetch`. */
const here = (path: string) => new URL(path, location.origin);

async function ask<T>(method: string, path: string, body?: unknown): Promise<Result<T>> {
  let response: Response;
  try {
    response = await fetch(here(path), {
      method,
      cache: 'no-store',
      headers: { accept: 'application/json', ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    if (response.ok) {
      const answer: T = await response.json();
      const date = Date.parse(response.headers.get('date') ?? '');
      // The header has whole seconds; within two of them the clocks agree.
      if (!Number.isNaN(date)) skewMs = Math.abs(date - Date.now()) < 2_000 ? 0 : date - Date.now();
      return { ok: true, body: answer };
    }
  } catch (error) {
    const late = error instanceof DOMException && error.name === 'TimeoutError';
    const message = late ? `no answer within ${PATIENCE_MS / 1000} s` : 'the connection failed';
    return { ok: false, fault: { kind: 'unreachable', message } };
  }
  const message = await messageOf(response);
  // Too many wrong tokens is another way to say that ours is one.
  if (response.status === 401 || response.status === 429)
    return { ok: false, fault: { kind: 'no_permission', message } };
  if (response.status === 404) return { ok: false, fault: { kind: 'not_found', message } };
  return { ok: false, fault: { kind: 'refused', message: `${response.status}: ${message}` } };
}

async function messageOf(response: Response): Promise<string> {
  try {
    const body: { message?: unknown } = await response.json();
    if (typeof body.message === 'string') return body.message;
  } catch {
    // Not JSON: a proxy in between, whose words help nobody.
  }
  return response.statusText || 'no reason given';
}

function resource<T>(path: string): Resource<T> {
  let known: Known<T> = {};
  let reading: Promise<void> | undefined;
  const watchers = new Set<() => void>();

  async function readOnce(): Promise<void> {
    const result = await ask<T>('GET', path);
    if (result.ok) {
      known = { data: result.body, at: Date.now() };
    } else {
      const { fault: _, ...good } = known;
      known = { ...good, fault: result.fault };
      if (result.fault.kind === 'no_permission') barred = true;
    }
    for (const changed of [...watchers, ...onlookers]) changed();
  }

  const self: Resource<T> = {
    path,
    known: () => known,
    read: (anew = false) => {
      if (!reading || anew) {
        const next: Promise<void> = (reading ?? Promise.resolve()).then(readOnce).finally(() => {
          if (reading === next) reading = undefined;
        });
        reading = next;
      }
      return reading;
    },
    watch: (changed) => {
      watchers.add(changed);
      watched.add(self);
      void self.read();
      return () => {
        watchers.delete(changed);
        if (watchers.size === 0) watched.delete(self);
        for (const onlooker of onlookers) onlooker();
      };
    },
  };
  return self;
}

/** Resources that are made as they are asked for. */
function family<T>(pathOf: (key: string) => string): (key: string) => Resource<T> {
  const made = new Map<string, Resource<T>>();
  return (key) => {
    const found = made.get(key) ?? resource<T>(pathOf(key));
    made.set(key, found);
    return found;
  };
}

export const windows = resource<Page<OpenWindow>>('/v1/debounce?limit=100');
export const windowsOf = family<Page<OpenWindow>>(
  (probe) => `/v1/debounce?limit=100&probe=${encodeURIComponent(probe)}`,
);
export const queues = resource<Queues>('/v1/queues');
export const account = resource<Account>('/v1/account');
export const tailer = resource<Tailer>('/v1/tailer');
export const costs = resource<Costs>('/v1/costs');
const me = resource<Me>('/v1/me');
export const operations = resource<{ entries: Operation[] }>('/v1/operations');
export const deadLetters = resource<Page<DeadLetter>>('/v1/dead-letters');
export const latest = resource<Page<Investigation>>('/v1/investigations?window=all&limit=8');
export const investigations = family<Page<Investigation>>((query) => `/v1/investigations?${query}`);
export const investigation = family<OpenedInvestigation>((id) => `/v1/investigations/${encodeURIComponent(id)}`);

/** Older ones, which nobody watches: they no longer change. */
export function olderInvestigations(query: string, cursor: string): Promise<Result<Page<Investigation>>> {
  return ask('GET', `/v1/investigations?${query}&cursor=${encodeURIComponent(cursor)}`);
}

/**
 * Does something, then reads again whatever is on the page.
 *
 * @param path segments, of which each is encoded; names that a probe gave stand in the query, since `..` is no segment
 * @param query what is empty is left out
 */
export async function change<T>(
  method: 'POST' | 'DELETE',
  path: string[],
  { query = {}, body }: { query?: Record<string, string>; body?: Record<string, string> } = {},
): Promise<Result<T>> {
  const given = Object.entries(query).filter(([, value]) => value !== '');
  const asked = given.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&');
  const address = `/v1/${path.map(encodeURIComponent).join('/')}${asked && `?${asked}`}`;
  const result = await ask<T>(method, address, body);
  await Promise.all([...watched].map((one) => one.read(true)));
  return result;
}

/** Reads again what is on the page. */
export async function refresh(): Promise<void> {
  await Promise.all([...watched].map((one) => one.read()));
}

function poll(): void {
  if (document.visibilityState !== 'visible' || barred) return;
  // What was refused (too many listeners, no Redis) the browser does not try again; the reads below do, see `onlookers`.
  if (events?.readyState === EventSource.CLOSED) events = undefined;
  void refresh();
}

/** Also reads as soon as something happens. Polling goes on beside it: a stream may end without a word. */
export function startReading(): void {
  setInterval(poll, POLL_MS);
  document.addEventListener('visibilitychange', () => {
    poll();
    listen();
  });
  // Each try of a refused stream would count as an attack.
  onlookers.add(listen);
  listen();
}

let events: EventSource | undefined;

/** Hears what happens while somebody looks: a browser has few connections to one place, and tabs are many. */
function listen(): void {
  if (document.visibilityState !== 'visible' || barred) {
    events?.close();
    events = undefined;
    return;
  }
  if (events) return;
  events = new EventSource(here('/v1/events'));
  let soon: ReturnType<typeof setTimeout> | undefined;
  for (const type of EVENTS) {
    events.addEventListener(type, () => {
      clearTimeout(soon);
      soon = setTimeout(poll, SETTLE_MS);
    });
  }
}

export function useResource<T>(one: Resource<T>): Known<T> {
  const [, changed] = useReducer<number, void>((n) => n + 1, 0);
  useEffect(() => one.watch(changed), [one]);
  return one.known();
}

/** How the page as a whole stands: what is wrong, and how old its oldest part is. */
export interface Health {
  barred: boolean;
  faults: { path: string; fault: Fault }[];
  /** nothing was ever read */
  blank: boolean;
  /** when the oldest part was good */
  at: number | undefined;
}

export function useHealth(): Health {
  const [, changed] = useReducer<number, void>((n) => n + 1, 0);
  useEffect(() => {
    onlookers.add(changed);
    return () => {
      onlookers.delete(changed);
    };
  }, []);
  const all = [...watched];
  const times = all.flatMap((one) => one.known().at ?? []);
  return {
    barred,
    faults: all.flatMap((one) => {
      const { fault } = one.known();
      return fault && fault.kind !== 'not_found' ? [{ path: one.path, fault }] : [];
    }),
    blank: times.length === 0,
    at: times.length > 0 ? Math.min(...times) : undefined,
  };
}

/** Whether who looks may change anything. Until that is known, as most may. */
export function useMayChange(): boolean {
  return useResource(me).data?.may !== 'look';
}
