import type { ServerResponse } from 'node:http';
import { errorFields } from '@kora-wake/shared/runtime/log';
import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import { isKept, lastEventId, readEvents, type StoredEvent } from '@kora-wake/shared/store/events';
import { dropEnded, type WindowStore } from '@kora-wake/shared/store/windows';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { errorSchema } from './schemas.ts';

/** A listener that has not read so much is dropped; it resumes where it was. Bytes. */
const MAX_UNREAD_BYTES = 256 * 1024;
/** One that resumes is given what it missed as fast as it reads, and dropped where it does not for so long, ms. */
const MAX_STALL_MS = 10_000;
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
  /** Whether it has got what it missed, and hears what happens with all others. */
  live: boolean;
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
        const read = await readEvents(redis, keys, after, AT_ONCE);
        for (const event of read.events) {
          for (const listener of listeners) if (listener.live) send(listener, event);
        }
        ({ last: after, more } = read);
      }
    } catch (error) {
      app.log.debug(errorFields(error), 'events could not be read; looking again');
    } finally {
      looking = false;
    }
  }

  function send(listener: Listener, event: StoredEvent): void {
    if (!isLater(event.id, listener.after)) return;
    if (listener.response.writableLength > MAX_UNREAD_BYTES) drop(listener);
    else write(listener, event);
  }

  /** @returns whether more may be written at once */
  function write(listener: Listener, { id, type, data }: StoredEvent): boolean {
    listener.after = id;
    return listener.response.write(`id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  function drop(listener: Listener): void {
    leave(listener);
    listener.response.destroy();
  }

  /** Gives a listener what it missed, at its own pace, until it stands where all others do. */
  async function catchUp(listener: Listener): Promise<void> {
    while (listeners.has(listener)) {
      const others = after;
      const missed = await readEvents(redis, keys, listener.after, AT_ONCE);
      for (const event of missed.events) {
        if (!write(listener, event) && !(await drained(listener.response))) return drop(listener);
      }
      listener.after = missed.last;
      // All that the others had heard was there to be read, unless Redis has lost it. Nothing else runs before the word.
      if (!missed.more && after === others) listener.live = true;
      if (listener.live) return;
    }
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
      exposeHeadRoute: false,
      schema: {
        summary: 'What happens, as server-sent events; resumed by Last-Event-ID; after `gap` some may be missing',
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
      const resumed = request.headers['last-event-id'];
      const gap = resumed !== undefined && !(await isKept(redis, keys, resumed));
      if (listeners.size === 0) after = now;
      reply.hijack();
      const response = reply.raw;
      response.writeHead(200, {
        ...headersOf(reply.getHeaders()),
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      });
      response.write('retry: 2000\n\n');
      if (gap) response.write('event: gap\ndata: {}\n\n');
      // An id that is still to come is none of ours.
      const from = resumed === undefined || isLater(resumed, now) ? now : resumed;
      const listener: Listener = { response, after: from, live: false };
      response.on('close', () => leave(listener));
      join(listener);
      // It comes again with the last id that it has.
      catchUp(listener).catch(() => drop(listener));
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

/** Waits until all that was written is on its way; false where it is not in time, or the listener is gone. */
function drained(response: ServerResponse): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (ready: boolean) => {
      clearTimeout(timer);
      response.off('drain', onDrain).off('close', onClose);
      resolve(ready);
    };
    const onDrain = () => end(true);
    const onClose = () => end(false);
    const timer = setTimeout(onClose, MAX_STALL_MS);
    response.on('drain', onDrain).on('close', onClose);
  });
}

/** Ids are two numbers: when, ms, and which of that moment. */
function isLater(id: string, than: string): boolean {
  const [at = 0, n = 0] = id.split('-').map(Number);
  const [thanAt = 0, thanN = 0] = than.split('-').map(Number);
  return at > thanAt || (at === thanAt && n > thanN);
}
