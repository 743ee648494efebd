import { probePrefix } from '@kora-wake/shared/core/debounce';
import { publish } from '@kora-wake/shared/events';
import { clearWindow, clearWindows, getWindow, listWindows, type WindowStore } from '@kora-wake/shared/windows';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Operations } from '../operations.ts';
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
const cursor = z.string().regex(/^[A-Za-z0-9_-]+$/, 'must be the nextCursor of the page before');
const encodeCursor = (id: string) => Buffer.from(id).toString('base64url');
const decodeCursor = (text: string) => Buffer.from(text, 'base64url').toString();

/** Debounce windows: see them, and clear them so that the next wake is investigated. */
export const debounceRoutes: FastifyPluginAsyncZod<{ store: WindowStore; operations: Operations }> = async (
  app,
  { store, operations },
) => {
  app.get(
    '/v1/debounce',
    {
      schema: {
        summary: 'Open windows',
        querystring: z.object({
          probe: probeName.optional(),
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
      const after = query.cursor === undefined ? undefined : decodeCursor(query.cursor);
      if (after !== undefined && query.probe !== undefined && !after.startsWith(probePrefix(query.probe))) {
        return reply
          .code(400)
          .send({ statusCode: 400, error: 'Bad Request', message: 'The cursor is of a list of another probe.' });
      }
      const { entries, next } = await listWindows(store, { probe: query.probe, limit: query.limit, after });
      return { entries, nextCursor: next === null ? null : encodeCursor(next) };
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
        response: { 200: z.object({ cleared: z.literal(true), entry: windowSchema }), 404: errorSchema },
      },
    },
    async (request, reply) => {
      const { params } = request;
      const entry = await clearWindow(store, params.probe, params.category);
      if (!entry) return reply.code(404).send(notOpen);
      const { probe, category, suppressed } = entry;
      app.log.info({ probe, category, suppressed }, 'debounce window cleared');
      await publish(store.redis, store.keys, app.log, 'window.cleared', { probe, category, wakeId: entry.wakeId });
      await operations.record(request, 'window_cleared', { probe, category, suppressed, wake_id: entry.wakeId });
      return { cleared: true as const, entry };
    },
  );

  app.delete(
    '/v1/debounce',
    {
      schema: {
        summary: 'Clear the windows of one probe, or all',
        querystring: z
          .object({ probe: probeName.optional(), all: z.literal('true').optional() })
          .refine(
            ({ probe, all }) => (probe === undefined) !== (all === undefined),
            'give either probe=NAME or all=true',
          ),
        response: { 200: z.object({ cleared: z.number() }), 400: errorSchema },
      },
    },
    async (request) => {
      const { query } = request;
      const cleared = await clearWindows(store, query.probe);
      const probe = query.probe ?? null;
      app.log.info({ probe: probe ?? '(all)', cleared }, 'debounce windows cleared');
      await publish(store.redis, store.keys, app.log, 'window.cleared', { ...(probe !== null && { probe }), cleared });
      await operations.record(request, 'windows_cleared', { probe, cleared });
      return { cleared };
    },
  );
};

const notOpen = { statusCode: 404, error: 'Not Found', message: 'No window is open for this probe and category.' };
