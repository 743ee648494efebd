/**
 * A resource is a path of the API with its last good answer. While a component on the visible page watches it, it is
 * read again every few seconds. A failed read keeps the last good answer and adds the fault.
 */
import { useEffect, useReducer } from 'preact/hooks';
import type { z } from 'zod';
import { type Fault, request } from './client.ts';

export interface ResourceState<T> {
  data?: T;
  /** Time of the last good answer, by the browser's clock, ms. */
  at?: number;
  fault?: Fault;
}

interface Watched {
  path: string;
  /** A younger answer is not read again, unless something was changed here; ms. */
  minAgeMs: number;
  /** @param again reads once more after a read in progress, which may have started too early to see a change */
  read(again?: boolean): Promise<void>;
  state(): ResourceState<unknown>;
}

export interface Resource<T> extends Watched {
  state(): ResourceState<T>;
  watch(changed: () => void): () => void;
}

const watched = new Set<Watched>();
/** Called after each read of any resource. */
export const subscribers = new Set<() => void>();
/** True after the API rejected the token. Polling stops then: the API counts each try as an attack. */
let unauthorized = false;

export const isUnauthorized = () => unauthorized;

export function resource<T>(schema: z.ZodType<T>, path: string, { minAgeMs = 0 } = {}): Resource<T> {
  let state: ResourceState<T> = {};
  let cached: { body: T; etag: string } | undefined;
  let reading: Promise<void> | undefined;
  const watchers = new Set<() => void>();

  async function readOnce(): Promise<void> {
    const result = await request(schema, 'GET', path, { cached });
    if (result.ok) {
      cached = result.etag === undefined ? undefined : { body: result.body, etag: result.etag };
      state = { data: result.body, at: Date.now() };
    } else {
      const { fault: _, ...good } = state;
      state = { ...good, fault: result.fault };
      if (result.fault.kind === 'unauthorized') unauthorized = true;
    }
    for (const changed of [...watchers, ...subscribers]) changed();
  }

  const self: Resource<T> = {
    path,
    minAgeMs,
    state: () => state,
    read: (again = false) => {
      if (!reading || again) {
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
        for (const subscriber of subscribers) subscriber();
      };
    },
  };
  return self;
}

/** Resources of one kind, created at their first use and kept by key. */
export function resourceFamily<T>(
  schema: z.ZodType<T>,
  pathOf: (key: string) => string,
  options: { minAgeMs?: number } = {},
): (key: string) => Resource<T> {
  const created = new Map<string, Resource<T>>();
  return (key) => {
    const found = created.get(key) ?? resource(schema, pathOf(key), options);
    created.set(key, found);
    return found;
  };
}

/** True if the last read of a resource on the page failed. */
export const hasFault = () => [...watched].some((one) => one.state().fault !== undefined);

/** Reads every resource on the page again. @param again see `Watched.read` */
export async function refresh(again = false): Promise<void> {
  const due = [...watched].filter((one) => again || !isRecent(one));
  await Promise.all(due.map((one) => one.read(again)));
}

function isRecent(one: Watched): boolean {
  const { at, fault } = one.state();
  return fault === undefined && at !== undefined && Date.now() - at < one.minAgeMs;
}

export function useResource<T>(one: Resource<T>): ResourceState<T> {
  const [, changed] = useReducer<number, void>((n) => n + 1, 0);
  useEffect(() => one.watch(changed), [one]);
  return one.state();
}

/** The state of the page as a whole. */
export interface Health {
  unauthorized: boolean;
  faults: { path: string; fault: Fault }[];
  /** True until the first good answer. */
  blank: boolean;
  /** Time of the oldest answer on the page, ms. */
  at: number | undefined;
}

export function useHealth(): Health {
  const [, changed] = useReducer<number, void>((n) => n + 1, 0);
  useEffect(() => {
    subscribers.add(changed);
    return () => {
      subscribers.delete(changed);
    };
  }, []);
  const all = [...watched];
  const times = all.flatMap((one) => one.state().at ?? []);
  return {
    unauthorized,
    faults: all.flatMap((one) => {
      const { fault } = one.state();
      return fault && fault.kind !== 'not_found' ? [{ path: one.path, fault }] : [];
    }),
    blank: times.length === 0,
    at: times.length > 0 ? Math.min(...times) : undefined,
  };
}
