import type { ServerResponse } from 'node:http';
import { lastEventId, readEvents, type WakeEvent } from '@kora-wake/shared/events';
import { errorFields } from '@kora-wake/shared/log';
import type { RedisClient } from '@kora-wake/shared/redis';
import { dropEnded, type WindowStore } from '@kora-wake/shared/windows';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { errorSchema } from './schemas.ts';

/** A listener that has not read so much is dropped; it resumes where it was. Bytes. */
const MAX_UNREAD_BYTES = 256 * 1024;
/** A listener that resumes is given at most so many events that it missed. */
const MAX_MISSED = 1_000;
const MAX_LISTENERS = 200;
const AT_ONCE = 100;
/** Proxies close what is silent for long, ms. */
const HEARTBEAT_MS = 15_000;
/** How often it is asked whether there is news, while somebody listens, ms. */
const LOOK_MS = 250;
/** How often ended windows are told of, ms. */
const EXPIRY_MS = 1_000;

interface Listener {
  response: ServerResponse;
  /** The last event it was sent. */
  after: string;
}

/** `GET /v1/events`: what happens, as server-sent events. All listeners of a process share one look at Redis. */
export const eventRoutes: FastifyPluginAsyncZod<{ store: WindowStore; redis: RedisClient }> = async (
  app,
  { store, redis },
) => {
  const { keys } = store;
  const listeners = new Set<Listener>();
  let timers: NodeJS.Timeout[] = [];
  let looking = false;
  let after = '$';

  async function look(): Promise<void> {
    if (looking) return;
    looking = true;
    try {
      // A few at a time, so that whoever reads has read them before the next.
      for (let more = true; more; ) {
        const events = await readEvents(redis, keys, after, AT_ONCE);
        for (const event of events) {
          after = event.id;
          for (const listener of listeners) send(listener, event);
        }
        more = events.length === AT_ONCE;
      }
    } catch (error) {
      app.log.debug(errorFields(error), 'events could not be read; looking again');
    } finally {
      looking = false;
    }
  }

  function send(listener: Listener, { id, type, data }: WakeEvent): void {
    if (!isLater(id, listener.after)) return;
    if (listener.response.writableLength > MAX_UNREAD_BYTES) {
      leave(listener);
      listener.response.destroy();
      return;
    }
    listener.after = id;
    listener.response.write(`id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  const expired = () => dropEnded(store).catch((error: unknown) => app.log.debug(errorFields(error)));

  function join(listener: Listener): void {
    listeners.add(listener);
    if (timers.length > 0) return;
    const beat = () => {
      for (const { response } of listeners) response.write(': still here\n\n');
    };
    timers = [
      setInterval(() => void look(), LOOK_MS),
      setInterval(() => void expired(), EXPIRY_MS),
      setInterval(beat, HEARTBEAT_MS),
    ];
  }

  function leave(listener: Listener): void {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    for (const timer of timers) clearInterval(timer);
    timers = [];
  }

  app.addHook('onClose', async () => {
    for (const listener of listeners) {
      leave(listener);
      listener.response.end();
    }
  });

  app.get(
    '/v1/events',
    {
      schema: {
        summary: 'What happens, as server-sent events; resumed by Last-Event-ID',
        headers: z.object({
          'last-event-id': z
            .string()
            .regex(/^\d{1,15}-\d{1,10}$/, 'must be the id of an event')
            .optional(),
        }),
        response: { 200: z.string().describe('text/event-stream'), 400: errorSchema, 503: errorSchema },
      },
    },
    async (request, reply) => {
      if (listeners.size >= MAX_LISTENERS) {
        const message = `There are ${MAX_LISTENERS} listeners already; close one.`;
        return reply.code(503).send({ statusCode: 503, error: 'Service Unavailable', message });
      }
      const now = await lastEventId(redis, keys);
      if (listeners.size === 0) after = now;
      const resumed = request.headers['last-event-id'];
      const missed = resumed === undefined ? [] : await readEvents(redis, keys, resumed, MAX_MISSED);
      reply.hijack();
      const response = reply.raw;
      response.writeHead(200, {
        ...headersOf(reply.getHeaders()),
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      });
      response.write('retry: 2000\n\n');
      const listener: Listener = { response, after: resumed ?? now };
      for (const event of missed) send(listener, event);
      response.on('close', () => leave(listener));
      join(listener);
      return reply;
    },
  );
};

/** What helmet has set; a stream that is taken over does not get it by itself. */
function headersOf(headers: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
  );
}

/** Ids are two numbers: when, ms, and which of that moment. */
function isLater(id: string, than: string): boolean {
  const [at = 0, n = 0] = id.split('-').map(Number);
  const [thanAt = 0, thanN = 0] = than.split('-').map(Number);
  return at > thanAt || (at === thanAt && n > thanN);
}
