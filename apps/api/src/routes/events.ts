import type { WindowStore } from '@kora-wake/shared/store/windows';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { ErrorAnswer, EventsHeaders } from '../contract.ts';
import { httpErrors } from '../errors.ts';
import { openStream, writeGap } from '../event-stream.ts';
import { liveEvents } from '../live-events.ts';

/** The live events as server-sent events. */
export const eventRoutes: FastifyPluginAsyncZod<{ store: WindowStore }> = async (app, { store }) => {
  const events = liveEvents(store, app.log);
  // Before the server waits for its connections: an open stream would never end by itself.
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
      if (events.isFull) throw httpErrors.unavailable('Too many subscribers; close one.');
      const { after, hasGap } = await events.start(request.headers['last-event-id']);
      const response = openStream(reply);
      if (hasGap) writeGap(response);
      events.subscribe(response, after);
      return reply;
    },
  );
};
