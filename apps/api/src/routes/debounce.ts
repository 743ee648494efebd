import { logEvent } from '@kora-wake/shared/runtime/log-events';
import { publish } from '@kora-wake/shared/store/events';
import {
  clearWindow,
  clearWindows,
  getWindow,
  listWindows,
  type Window,
  type WindowStore,
} from '@kora-wake/shared/store/windows';
import { debounceId, pairOfDebounceId, probePrefix } from '@kora-wake/shared/wake/pair';
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
      if (query.probe !== undefined && query.category !== undefined) {
        const window = await getWindow(store, query.probe, query.category);
        return { entries: window ? [openWindow(window)] : [], nextCursor: null };
      }
      const after = query.cursor === undefined ? undefined : idOf(query.cursor);
      if (after !== undefined && query.probe !== undefined && !after.startsWith(probePrefix(query.probe))) {
        throw httpErrors.badRequest('The cursor belongs to the list of another probe.');
      }
      const place = after === undefined ? undefined : { at: 0, id: after };
      const { entries, next } = await listWindows(store, { probe: query.probe, limit: query.limit, after: place });
      return { entries: entries.map(openWindow), nextCursor: next === null ? null : cursorTo(next.id) };
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

/** A cursor is the pair of the last window of a page, in characters that need no encoding. */
function cursorTo(id: string): string {
  const { probe, category } = pairOfDebounceId(id);
  return Buffer.from(JSON.stringify([probe, category])).toString('base64url');
}

const pairInCursor = z.tuple([z.string(), z.string()]);

/** The deduplication id of a cursor. Throws a 400 if no page ended with this cursor. */
function idOf(cursor: string): string {
  try {
    const [probe, category] = pairInCursor.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()));
    return debounceId(probe, category);
  } catch {
    throw invalidCursor();
  }
}

function notOpen(): Error {
  return httpErrors.notFound('No window is open for this probe and category.');
}
