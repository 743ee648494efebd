import { logEvent } from '@kora-wake/shared/runtime/log-events';
import {
  actOnIncident,
  type IncidentAction,
  listIncidents,
  readIncident,
  type Incident as StoredIncident,
} from '@kora-wake/shared/store/incidents';
import type { Place } from '@kora-wake/shared/store/page';
import type { DeliveriesQueue } from '@kora-wake/shared/store/queues';
import { listWakeRecords } from '@kora-wake/shared/store/wake-history';
import type { WindowStore } from '@kora-wake/shared/store/windows';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { z } from 'zod';
import {
  ErrorAnswer,
  Incident,
  IncidentDetail,
  IncidentParams,
  Incidents,
  IncidentsQuery,
  ReasonQuery,
  SnoozeRequest,
} from '../contract.ts';
import { cursorOf, placeOf } from '../cursor.ts';
import { httpErrors } from '../errors.ts';
import { incidentOperation } from '../incident-operations.ts';
import type { ChangeRequest, OperationLog } from '../operations.ts';
import { EPOCH, isoTime } from '../times.ts';
import { investigationOf } from './investigations.ts';

/** Incidents that are read for one page, if most of them do not match. */
const MAX_READ = 2_000;
const CHUNK = 100;
/** Wakes that one incident shows. */
const MAX_WAKES = 100;

/** Incidents: list them, and acknowledge, snooze or resolve them. */
export const incidentRoutes: FastifyPluginAsyncZod<{
  store: WindowStore;
  deliveries: DeliveriesQueue;
  operations: OperationLog;
}> = async (app, { store, deliveries, operations }) => {
  const { redis, keys, queue } = store;

  async function find(id: string): Promise<StoredIncident> {
    const incident = await readIncident(redis, keys, id);
    if (!incident) throw httpErrors.notFound('There is no incident with this id. Incidents are stored for 35 days.');
    return incident;
  }

  async function act(request: ChangeRequest, id: string, action: IncidentAction): Promise<Incident> {
    const incident = await find(id);
    const result = await actOnIncident(redis, keys, id, action, operations.nameOf(request));
    if (result === 'closed') throw httpErrors.conflict('This incident is closed already.');
    if (result === 'done') {
      logEvent(app.log, 'api.incident_changed', { incidentId: id, action: action.kind });
      const { what, details } = incidentOperation(incident, action, 'api');
      await operations.record(request, what, details);
    }
    return shown(await find(id));
  }

  app.get(
    '/v1/incidents',
    {
      schema: {
        summary: 'Incidents, the newest first; open ones by their last alert',
        querystring: IncidentsQuery,
        response: { 200: Incidents, 400: ErrorAnswer },
      },
    },
    async ({ query }) => {
      const entries: Incident[] = [];
      let after = placeOf(query.cursor);
      for (let read = 0; read < MAX_READ; read += CHUNK) {
        const page = { isOpen: query.state === 'open', limit: CHUNK, after };
        const { incidents, places } = await listIncidents(redis, keys, page);
        const byId = new Map(incidents.map((incident) => [incident.id, incident]));
        for (const place of places) {
          after = place;
          const incident = byId.get(place.id);
          if (incident && matches(incident, query)) entries.push(shown(incident));
          if (entries.length === query.limit) return { entries, nextCursor: await cursorAfter(page.isOpen, place) };
        }
        if (places.length < CHUNK) return { entries, nextCursor: null };
      }
      return { entries, nextCursor: after ? cursorOf(after) : null };
    },
  );

  /** Null if nothing follows. */
  async function cursorAfter(isOpen: boolean, after: Place): Promise<string | null> {
    const { places } = await listIncidents(redis, keys, { isOpen, limit: 1, after });
    return places.length > 0 ? cursorOf(after) : null;
  }

  app.get(
    '/v1/incidents/:id',
    {
      schema: {
        summary: 'One incident with its wakes',
        params: IncidentParams,
        response: { 200: IncidentDetail, 404: ErrorAnswer },
      },
    },
    async ({ params: { id } }) => {
      const incident = await find(id);
      const { probe, category, openedAt } = incident;
      const page = { limit: MAX_WAKES, since: openedAt - CLOCK_SKEW_MS };
      const { entries } = await listWakeRecords(redis, keys, { probe, category }, page);
      const own = entries.filter(({ incidentId }) => incidentId === id);
      return {
        ...shown(incident),
        history: await Promise.all(own.map((wake) => investigationOf({ queue, deliveries }, wake))),
      };
    },
  );

  const changing = {
    params: IncidentParams,
    querystring: ReasonQuery,
    response: { 200: Incident, 400: ErrorAnswer, 404: ErrorAnswer, 409: ErrorAnswer },
  };

  app.post(
    '/v1/incidents/:id/acknowledge',
    {
      schema: {
        summary: 'Take care of an incident: no more messages of it, except for its first critical alert',
        ...changing,
      },
    },
    async (request) => act(request, request.params.id, { kind: 'acknowledge' }),
  );

  app.post(
    '/v1/incidents/:id/resolve',
    { schema: { summary: 'Close an incident. The next alert of its pair is sent', ...changing } },
    async (request) => act(request, request.params.id, { kind: 'resolve' }),
  );

  app.post(
    '/v1/incidents/:id/snooze',
    { schema: { summary: 'No more messages of an incident for a time', body: SnoozeRequest, ...changing } },
    async (request) => act(request, request.params.id, { kind: 'snooze', seconds: request.body.seconds }),
  );
};

/** The clocks of a tailer and of Redis differ by less, ms. */
const CLOCK_SKEW_MS = 60_000;

function matches(incident: StoredIncident, query: z.infer<typeof IncidentsQuery>): boolean {
  const { probe, category, severity, state } = incident;
  const q = query.q?.toLowerCase();
  return (
    (query.state !== 'closed' || state === 'closed') &&
    (query.probe === undefined || probe === query.probe) &&
    (query.category === undefined || category === query.category) &&
    (query.severity === undefined || severity === query.severity) &&
    (q === undefined || probe.toLowerCase().includes(q) || category.toLowerCase().includes(q))
  );
}

function shown(incident: StoredIncident): Incident {
  const { id, probe, category, severity, state, rows, wakes, flaps, firing, closeReason, by, message } = incident;
  return {
    id,
    probe,
    category,
    severity,
    state,
    openedAt: isoTime(incident.openedAt) ?? EPOCH,
    startedAt: isoTime(incident.startedAt) ?? EPOCH,
    closedAt: isoTime(incident.closedAt),
    closeReason,
    acknowledgedBy: state === 'acknowledged' || state === 'snoozed' ? by : null,
    snoozedUntil: isoTime(incident.snoozedUntil),
    rows,
    wakes,
    flaps,
    firing,
    lastRowAt: isoTime(incident.lastRowAt) ?? EPOCH,
    lastWakeId: incident.lastWakeId,
    message: message && { ...message, permalink: permalinkOf(message) },
  };
}

/** Slack redirects it to the workspace of the reader. */
function permalinkOf({ channel, ts }: { channel: string; ts: string }): string {
  return `https://slack.com/archives/${encodeURIComponent(channel)}/p${encodeURIComponent(ts.replace('.', ''))}`;
}
