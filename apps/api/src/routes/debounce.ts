import { publish } from '@kora-wake/shared/store/events';
import { clearWindow, clearWindows, getWindow, listWindows, type WindowStore } from '@kora-wake/shared/store/windows';
import { debounceId, pairOfDebounceId, probePrefix } from '@kora-wake/shared/wake/pair';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { type Asked, type Operations, reasonQuery } from '../operations.ts';
import { errorSchema } from './schemas.ts';

const windowSchema = z.object({
  probe: z.string(),
  category: z.string(),
  wakeId: z.string().describe('the wake that opened the window'),
  severity: z.string(),
  openedAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
  remainingMs: z.number(),
  suppressed: z.number().describe('wakes coalesced into it so far'),
  lastSuppressedAt: z.iso.datetime().nullable(),
});

const probeName = z.string().min(1, 'must not be empty');
const pair = z.object({ probe: z.string(), category: z.string() });
const cursor = z.string().refine((text) => idIn(text) !== undefined, 'must be the nextCursor of the page before');

/** Debounce windows: see them, and clear them so that the next wake is investigated. */
export const debounceRoutes: FastifyPluginAsyncZod<{ store: WindowStore; operations: Operations }> = async (
  app,
  { store, operations },
) => {
  async function clearOne(request: Asked, { probe, category }: z.infer<typeof pair>) {
    const entry = await clearWindow(store, probe, category);
    if (!entry) return undefined;
    const { suppressed, wakeId } = entry;
    app.log.info({ probe, category, suppressed }, 'debounce window cleared');
    await publish(store.redis, store.keys, app.log, 'window.cleared', { probe, category, wakeId });
    await operations.record(request, 'window_cleared', { probe, category, suppressed, wake_id: wakeId });
    return entry;
  }

  app.get(
    '/v1/debounce',
    {
      schema: {
        summary: 'Open windows',
        querystring: z.object({
          probe: probeName.optional(),
          category: z.string().optional().describe('with a probe: its one window, whatever the names are made of'),
          limit: z.coerce.number().int().min(1).max(500).default(50),
          cursor: cursor.optional(),
        }),
        response: {
          200: z.object({ entries: z.array(windowSchema), nextCursor: z.string().nullable() }),
          400: errorSchema,
        },
      },
    },
    async ({ query }, reply) => {
      if (query.probe !== undefined && query.category !== undefined) {
        const window = await getWindow(store, query.probe, query.category);
        return { entries: window ? [window] : [], nextCursor: null };
      }
      const after = query.cursor === undefined ? undefined : idIn(query.cursor);
      if (after !== undefined && query.probe !== undefined && !after.startsWith(probePrefix(query.probe))) {
        return reply
          .code(400)
          .send({ statusCode: 400, error: 'Bad Request', message: 'The cursor is of a list of another probe.' });
      }
      const { entries, next } = await listWindows(store, { probe: query.probe, limit: query.limit, after });
      return { entries, nextCursor: next === null ? null : cursorTo(next) };
    },
  );

  app.get(
    '/v1/debounce/:probe/:category',
    { schema: { summary: 'One open window', params: pair, response: { 200: windowSchema, 404: errorSchema } } },
    async ({ params }, reply) =>
      (await getWindow(store, params.probe, params.category)) ?? reply.code(404).send(notOpen),
  );

  app.delete(
    '/v1/debounce/:probe/:category',
    {
      schema: {
        summary: 'Clear one window: the next wake of the pair is investigated',
        params: pair,
        querystring: reasonQuery,
        response: { 200: z.object({ cleared: z.literal(true), entry: windowSchema }), 404: errorSchema },
      },
    },
    async (request, reply) => {
      const entry = await clearOne(request, request.params);
      return entry ? { cleared: true as const, entry } : reply.code(404).send(notOpen);
    },
  );

  app.delete(
    '/v1/debounce',
    {
      schema: {
        summary: 'Clear the windows of one probe, or one window of it, or all',
        querystring: reasonQuery
          .extend({ probe: probeName.optional(), category: z.string().optional(), all: z.literal('true').optional() })
          .refine(
            ({ probe, category, all }) =>
              (probe === undefined) !== (all === undefined) && (category === undefined || probe !== undefined),
            'give either probe=NAME, maybe with category=NAME, or all=true',
          ),
        response: { 200: z.object({ cleared: z.number() }), 400: errorSchema },
      },
    },
    async (request) => {
      const { query } = request;
      if (query.probe !== undefined && query.category !== undefined) {
        const entry = await clearOne(request, { probe: query.probe, category: query.category });
        return { cleared: entry ? 1 : 0 };
      }
      const cleared = await clearWindows(store, query.probe);
      const probe = query.probe ?? null;
      app.log.info({ probe: probe ?? '(all)', cleared }, 'debounce windows cleared');
      await publish(store.redis, store.keys, app.log, 'window.cleared', { ...(probe !== null && { probe }), cleared });
      await operations.record(request, 'windows_cleared', { probe, cleared });
      return { cleared };
    },
  );
};

/** A cursor is the pair that a page ended with, in letters that need no encoding. */
function cursorTo(id: string): string {
  const { probe, category } = pairOfDebounceId(id);
  return Buffer.from(JSON.stringify([probe, category])).toString('base64url');
}

const pairInCursor = z.tuple([z.string(), z.string()]);

function idIn(text: string): string | undefined {
  try {
    const [probe, category] = pairInCursor.parse(JSON.parse(Buffer.from(text, 'base64url').toString()));
    return debounceId(probe, category);
  } catch {
    return undefined;
  }
}

const notOpen = { statusCode: 404, error: 'Not Found', message: 'No window is open for this probe and category.' };
