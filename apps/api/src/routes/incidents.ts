import { logEvent } from '@kora-wake/shared/runtime/log-events';
import { incidentJson } from '@kora-wake/shared/store/incident-json';
import { incidentMessage } from '@kora-wake/shared/store/incident-message';
import {
  actOnIncident,
  type IncidentAction,
  listIncidents,
  readIncident,
  recordFeedback,
  type Incident as StoredIncident,
} from '@kora-wake/shared/store/incidents';
import type { Place } from '@kora-wake/shared/store/page';
import type { DeliveriesQueue } from '@kora-wake/shared/store/queues';
import { readStorm } from '@kora-wake/shared/store/storms';
import { listWakeRecords } from '@kora-wake/shared/store/wake-history';
import { readWakeRecord } from '@kora-wake/shared/store/wake-record';
import type { WindowStore } from '@kora-wake/shared/store/windows';
import { digestMessage, stormLine } from '@kora-wake/shared/wake/digest';
import { incidentLine } from '@kora-wake/shared/wake/incident-line';
import { previewOf } from '@kora-wake/shared/wake/preview';
import type { Redact } from '@kora-wake/shared/wake/redact';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { z } from 'zod';
import {
  ErrorAnswer,
  FeedbackRequest,
  Incident,
  IncidentDetail,
  IncidentParams,
  Incidents,
  IncidentsQuery,
  ReasonQuery,
  SnoozeRequest,
  StormQuery,
} from '../contract.ts';
import { cursorOf, placeOf } from '../cursor.ts';
import { httpErrors } from '../errors.ts';
import { feedbackOperation, incidentOperation, stormOperation } from '../incident-operations.ts';
import type { ChangeRequest, OperationLog } from '../operations.ts';
import { investigationOf } from './investigations.ts';

/** Incidents that are read for one page, if most of them do not match. */
const MAX_READ = 2_000;
const CHUNK = 100;
/** Wakes that one incident shows. */
const MAX_WAKES = 100;

/** Incidents: list them, acknowledge, snooze or resolve them, and say whether the diagnosis is right. */
export const incidentRoutes: FastifyPluginAsyncZod<{
  store: WindowStore;
  deliveries: DeliveriesQueue;
  operations: OperationLog;
  redact: Redact;
  consoleUrl: string | undefined;
}> = async (app, { store, deliveries, operations, redact, consoleUrl }) => {
  const { redis, keys, queue } = store;

  async function find(id: string): Promise<StoredIncident> {
    const incident = await readIncident(redis, keys, id);
    if (!incident) throw httpErrors.notFound('There is no incident with this id. Incidents are stored for 35 days.');
    return incident;
  }

  /** @param ofStorm whether it is applied to all members of the storm of the incident */
  async function act(
    request: ChangeRequest,
    id: string,
    action: IncidentAction,
    { storm: ofStorm }: { storm: boolean },
  ): Promise<Incident> {
    const incident = await find(id);
    if (ofStorm && incident.stormId === null) {
      throw httpErrors.conflict('This incident belongs to no storm: it has a message of its own.');
    }
    const target = (ofStorm && incident.stormId) || id;
    const result = await actOnIncident(redis, keys, target, action, operations.nameOf(request));
    if (result === 'closed') throw httpErrors.conflict('This incident is closed already.');
    if (result === 'done') {
      logEvent(app.log, 'api.incident_changed', { incidentId: target, action: action.kind });
      const storm = ofStorm ? await readStorm(redis, keys, target) : undefined;
      const { what, details } = storm ? stormOperation(storm, action) : incidentOperation(incident, action);
      await operations.record(request, what, details);
    }
    return incidentJson(await find(id));
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
          if (incident && matches(incident, query)) entries.push(incidentJson(incident));
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
      const changes = await operations.last();
      return {
        ...incidentJson(incident),
        history: await Promise.all(own.map((wake) => investigationOf({ redis, keys, queue, deliveries }, wake))),
        actions: changes.filter(({ details }) =>
          [id, incident.stormId].some((of) => of !== null && details.incident_id === of),
        ),
        preview: (await readPreview(incident)) ?? null,
      };
    },
  );

  /** The newest message, as a worker renders it. */
  async function readPreview(incident: StoredIncident) {
    const { messageOf, message, stormId } = incident;
    if (messageOf === null || message === null) return undefined;
    if (stormId !== null) return readDigest(stormId, message.note ?? '');
    const about = { note: message.note ?? '', line: incidentLine(incident), hasButtons: true };
    const rendered = await incidentMessage({ redis, keys, consoleUrl }, incident, messageOf, about);
    return rendered && previewOf(rendered.blocks);
  }

  /** The digest that stands for a member of a storm. */
  async function readDigest(stormId: string, note: string) {
    const storm = await readStorm(redis, keys, stormId);
    if (!storm) return undefined;
    const leader = await readWakeRecord(redis, keys, storm.leader);
    const about = {
      report: leader?.report?.storm === stormId ? leader.report : undefined,
      isInvestigated: false,
      note,
      line: stormLine(storm),
      hasButtons: true,
    };
    return previewOf(digestMessage(storm, storm.messageOf ?? '', about).blocks);
  }

  const changing = {
    params: IncidentParams,
    querystring: StormQuery,
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
    async (request) => act(request, request.params.id, { kind: 'acknowledge' }, request.query),
  );

  app.post(
    '/v1/incidents/:id/resolve',
    { schema: { summary: 'Close an incident. The next alert of its pair is sent', ...changing } },
    async (request) => act(request, request.params.id, { kind: 'resolve' }, request.query),
  );

  app.post(
    '/v1/incidents/:id/snooze',
    { schema: { summary: 'No more messages of an incident for a time', body: SnoozeRequest, ...changing } },
    async (request) =>
      act(request, request.params.id, { kind: 'snooze', seconds: request.body.seconds }, request.query),
  );

  app.post(
    '/v1/incidents/:id/feedback',
    {
      schema: {
        summary: 'Say whether the diagnosis names the cause, and the real cause. Also for a closed incident',
        body: FeedbackRequest,
        params: IncidentParams,
        querystring: ReasonQuery,
        response: { 200: Incident, 400: ErrorAnswer, 404: ErrorAnswer },
      },
    },
    async (request) => {
      const { verdict, cause } = request.body;
      const incident = await find(request.params.id);
      const feedback = { verdict, ...(cause !== undefined && { cause: redact(cause) }) };
      const by = operations.nameOf(request);
      const judged = incident.stormId ?? incident.id;
      const result = await recordFeedback(redis, keys, judged, { ...feedback, by });
      if (result === 'unknown') throw httpErrors.notFound('Nothing of this incident was investigated.');
      if (result === 'done') {
        const { what, details } = feedbackOperation(incident, feedback);
        await operations.record(request, what, details);
      }
      return incidentJson(await find(incident.id));
    },
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
