import { createHash } from 'node:crypto';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import { publish } from '@kora-wake/shared/store/events';
import type { Place } from '@kora-wake/shared/store/page';
import {
  clearWindow,
  clearWindows,
  getWindow,
  listWindows,
  type Window,
  type WindowStore,
} from '@kora-wake/shared/store/windows';
import { debounceId, pairOfDebounceId } from '@kora-wake/shared/wake/pair';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import {
  ClearedWindow,
  ClearedWindows,
  ClearWindowsQuery,
  ErrorAnswer,
  OpenWindow,
  OpenWindows,
  OpenWindowsQuery,
  PairParams,
  ReasonQuery,
} from '../contract.ts';
import { invalidCursor } from '../cursor.ts';
import { httpErrors } from '../errors.ts';
import type { ChangeRequest, OperationLog } from '../operations.ts';

/** Debounce windows: list them, and clear them so that the next wake is investigated. */
export const debounceRoutes: FastifyPluginAsyncZod<{ store: WindowStore; operations: OperationLog }> = async (
  app,
  { store, operations },
) => {
  async function clearOne(request: ChangeRequest, probe: string, category: string) {
    const entry = await clearWindow(store, probe, category);
    if (!entry) return undefined;
    const { suppressed, wakeId } = entry;
    logEvent(app.log, 'api.window_cleared', { probe, category, suppressed });
    await publish(store.redis, store.keys, app.log, 'window.cleared', { probe, category, wakeId });
    await operations.record(request, 'window_cleared', { probe, category, suppressed, wake_id: wakeId });
    return entry;
  }

  app.get(
    '/v1/debounce',
    {
      schema: {
        summary: 'Open windows',
        querystring: OpenWindowsQuery,
        response: { 200: OpenWindows, 400: ErrorAnswer },
      },
    },
    async ({ query }) => {
      const { cursor, ...page } = query;
      const after = cursor === undefined ? undefined : placeIn(query, cursor);
      if (page.probe !== undefined && page.category !== undefined && page.q === undefined) {
        const window = await getWindow(store, page.probe, page.category);
        const entries = window ? [openWindow(window)] : [];
        return { entries, nextCursor: null, open: entries.length, suppressed: window?.suppressed ?? 0 };
      }
      const { entries, next, ...totals } = await listWindows(store, { ...page, after });
      return { entries: entries.map(openWindow), nextCursor: next && cursorTo(query, next), ...totals };
    },
  );

  app.get(
    '/v1/debounce/:probe/:category',
    { schema: { summary: 'One open window', params: PairParams, response: { 200: OpenWindow, 404: ErrorAnswer } } },
    async ({ params }) => {
      const window = await getWindow(store, params.probe, params.category);
      if (!window) throw notOpen();
      return openWindow(window);
    },
  );

  app.delete(
    '/v1/debounce/:probe/:category',
    {
      schema: {
        summary: 'Clear one window: the next wake of the pair is investigated',
        params: PairParams,
        querystring: ReasonQuery,
        response: { 200: ClearedWindow, 404: ErrorAnswer },
      },
    },
    async (request) => {
      const entry = await clearOne(request, request.params.probe, request.params.category);
      if (!entry) throw notOpen();
      return { cleared: true as const, entry: openWindow(entry) };
    },
  );

  app.delete(
    '/v1/debounce',
    {
      schema: {
        summary: 'Clear all windows, or those of one probe or pair',
        querystring: ClearWindowsQuery,
        response: { 200: ClearedWindows, 400: ErrorAnswer },
      },
    },
    async (request) => {
      const { query } = request;
      if (query.probe !== undefined && query.category !== undefined) {
        const entry = await clearOne(request, query.probe, query.category);
        return { cleared: entry ? 1 : 0 };
      }
      const cleared = await clearWindows(store, query.probe);
      const probe = query.probe ?? null;
      logEvent(app.log, 'api.windows_cleared', { probe: probe ?? '(all)', cleared });
      await publish(store.redis, store.keys, app.log, 'window.cleared', { ...(probe !== null && { probe }), cleared });
      await operations.record(request, 'windows_cleared', { probe, cleared });
      return { cleared };
    },
  );
};

function openWindow({ openedAt, remainingMs, lastSuppressedAt, ...window }: Window): OpenWindow {
  return {
    ...window,
    openedAt: new Date(openedAt).toISOString(),
    expiresAt: new Date(Date.now() + remainingMs).toISOString(),
    remainingMs,
    lastSuppressedAt: lastSuppressedAt === null ? null : new Date(lastSuppressedAt).toISOString(),
  };
}

type ListQuery = Pick<z.infer<typeof OpenWindowsQuery>, 'sort' | 'probe' | 'category' | 'q'>;

/** A short name of a list. A cursor has it, because the place in one list means nothing in another. */
function listName({ sort, probe, category, q }: ListQuery): string {
  const filter = JSON.stringify([probe ?? null, category ?? null, q ?? null]);
  return `${sort}-${createHash('sha256').update(filter).digest('base64url').slice(0, 8)}`;
}

/** A cursor is the list with the pair and the sort key of the last window of a page, in characters that need no encoding. */
function cursorTo(query: ListQuery, { at, id }: Place): string {
  const { probe, category } = pairOfDebounceId(id);
  return Buffer.from(JSON.stringify([listName(query), at, probe, category])).toString('base64url');
}

const CursorParts = z.tuple([z.string(), z.number(), z.string(), z.string()]);

/** The place of a cursor. Throws a 400 if no page of this list ended with this cursor. */
function placeIn(query: ListQuery, cursor: string): Place {
  const [list, place] = readCursor(cursor);
  if (list === listName(query)) return place;
  throw httpErrors.badRequest(
    'The cursor belongs to another list. Sort and filters must be those of the previous page.',
  );
}

function readCursor(cursor: string): [list: string, place: Place] {
  try {
    const [list, at, probe, category] = CursorParts.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()));
    return [list, { at, id: debounceId(probe, category) }];
  } catch {
    throw invalidCursor();
  }
}

function notOpen(): Error {
  return httpErrors.notFound('No window is open for this probe and category.');
}
