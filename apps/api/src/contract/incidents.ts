/** Incidents: all alerts of one probe and category, until they are over. */

import { FEEDBACK_VERDICTS, MAX_CAUSE } from '@kora-wake/shared/wake/feedback';
import { CLOSE_REASONS, INCIDENT_STATES } from '@kora-wake/shared/wake/incident';
import { PREVIEW_KINDS } from '@kora-wake/shared/wake/preview';
import { z } from 'zod';
import { nextCursor, page, probeName, ReasonQuery, time } from './common.ts';
import { Investigation } from './investigations.ts';
import { Operation } from './status.ts';

export const Incident = z
  .object({
    id: z.string(),
    probe: z.string(),
    category: z.string(),
    severity: z.string().describe('the worst so far'),
    state: z.enum(INCIDENT_STATES),
    openedAt: time,
    startedAt: time.describe('begin of the last opening; later than openedAt if it was reopened'),
    closedAt: time.nullable(),
    closeReason: z.enum(CLOSE_REASONS).nullable(),
    acknowledgedBy: z.string().nullable().describe('who acknowledged or snoozed it; null in other states'),
    snoozedUntil: time.nullable(),
    escalatedAt: time.nullable().describe('when it was escalated to other people; null if it was not'),
    rows: z.number().describe('alerts, also suppressed ones'),
    wakes: z.number(),
    flaps: z.number().describe('how often it was reopened'),
    firing: z.number().describe('instances that fire now'),
    lastRowAt: time,
    lastWakeId: z.string().describe('its newest wake'),
    stormId: z
      .string()
      .nullable()
      .describe('the storm whose digest is its newest message; null if that is its own one'),
    message: z
      .object({ channel: z.string(), ts: z.string(), permalink: z.string() })
      .nullable()
      .describe('its newest message in Slack'),
  })
  .meta({ id: 'Incident' });
export type Incident = z.infer<typeof Incident>;

export const Incidents = z.object({ entries: z.array(Incident), nextCursor }).meta({ id: 'Incidents' });
export type Incidents = z.infer<typeof Incidents>;

export const IncidentsQuery = z.strictObject({
  ...page,
  state: z.enum(['open', 'closed', 'all']).default('open'),
  q: z.string().min(1, 'must not be empty').max(200).optional().describe('part of the name of the probe or category'),
  probe: probeName.optional(),
  category: z.string().min(1, 'must not be empty').optional(),
  severity: z.string().min(1, 'must not be empty').optional(),
});

/** `storm=true`: the action is applied to all open members of the storm whose digest stands for the incident. */
export const StormQuery = ReasonQuery.extend({
  storm: z
    .enum(['true', 'false'])
    .default('false')
    .transform((text) => text === 'true')
    .describe('true: apply it to all open incidents of its storm'),
});

export const IncidentParams = z.object({ id: z.string() });

export const IncidentDetail = Incident.extend({
  history: z.array(Investigation).describe('its wakes, newest first, at most 100'),
  actions: z
    .array(Operation)
    .describe('what people did with it or with its storm, newest first, among the last 200 changes'),
  preview: z
    .array(
      z.object({
        kind: z.enum(PREVIEW_KINDS),
        text: z.string(),
        labels: z.array(z.string()).exactOptional().describe('of buttons'),
      }),
    )
    .nullable()
    .describe('its newest message as Slack shows it, part by part; null if there is none'),
}).meta({ id: 'IncidentDetail' });
export type IncidentDetail = z.infer<typeof IncidentDetail>;

export const SnoozeRequest = z.object({
  seconds: z
    .number()
    .int()
    .min(60)
    .max(7 * 86_400)
    .describe('60 s to 7 days'),
});

export const FeedbackRequest = z.object({
  verdict: z.enum(FEEDBACK_VERDICTS).describe('whether the diagnosis names the cause'),
  cause: z.string().trim().min(1, 'must not be empty').max(MAX_CAUSE).optional().describe('the real cause'),
});

export const HoldRequest = z.object({ seconds: z.number().int().min(60).max(86_400).describe('60 s to 24 h') });

export const Hold = z
  .object({ until: time.nullable().describe('end of the hold; null if there is none'), by: z.string().nullable() })
  .meta({ id: 'Hold' });
export type Hold = z.infer<typeof Hold>;
