import type { WindowStore } from '@kora-wake/shared/store/windows';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { ErrorAnswer, EventsHeaders } from '../contract.ts';
import { rightsBy, type Tokens } from '../credentials.ts';
import { httpErrors } from '../errors.ts';
import { openStream, writeGap } from '../event-stream.ts';
import { liveEvents } from '../live-events.ts';
import { streamPlaces } from '../stream-places.ts';

/** The live events as server-sent events. */
export const eventRoutes: FastifyPluginAsyncZod<{ store: WindowStore; tokens: Tokens }> = async (
  app,
  { store, tokens },
) => {
  const places = streamPlaces();
  const rightOf = rightsBy(tokens);
  const events = liveEvents(store, app.log);
  // Before the server waits for its connections: an open stream has no end of its own, and would hold up the stop.
  app.addHook('preClose', async () => events.close());

  app.get(
    '/v1/events',
    {
      exposeHeadRoute: false,
      schema: {
        summary: 'Live events as server-sent events',
        description:
          'Payloads: see LiveEvents. A client resumes with Last-Event-ID. After the event `gap` some events are missing.',
        headers: EventsHeaders,
        response: { 200: z.string().describe('text/event-stream'), 400: ErrorAnswer, 503: ErrorAnswer },
      },
    },
    async (request, reply) => {
      const end = () => void reply.raw.destroy();
      const free = places.take(rightOf(request) ?? 'look', request.ip, end);
      if (!free) throw httpErrors.unavailable('Too many event streams from your address; close one.');
      reply.raw.once('close', free);
      const { after, hasGap } = await events.start(request.headers['last-event-id']);
      const response = openStream(reply);
      if (hasGap) writeGap(response);
      events.subscribe(response, after);
      return reply;
    },
  );
};
