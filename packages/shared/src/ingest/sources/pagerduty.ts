/** PagerDuty webhooks, version 3. */
import { objectAt, objectBody, pick, present, requiredText, textAt } from '../fields.ts';
import { readSeverity } from '../severity.ts';
import { IGNORED, type MapSource, one, startedAt } from '../source.ts';

/** All other event types are about people or notes, not about a state. */
const STATUS: ReadonlyMap<string, 'firing' | 'recovered'> = new Map([
  ['incident.triggered', 'firing'],
  ['incident.reopened', 'firing'],
  ['incident.resolved', 'recovered'],
]);

/** Services page with high urgency unless someone changed it, so it is no sign of a critical incident. */
const OF_URGENCY: ReadonlyMap<string, 'warning' | 'info'> = new Map([
  ['high', 'warning'],
  ['low', 'info'],
]);

export const pagerduty: MapSource = ({ body }, choosePair) => {
  const event = objectAt(objectBody(body), 'event');
  const status = STATUS.get(requiredText(body, '', 'event.event_type'));
  if (status === undefined) return IGNORED;
  const incident = objectAt(body, 'event.data');
  const instance = requiredText(body, '', 'event.data.id');
  const title = textAt(incident, 'title', 'summary') || 'incident';
  const eventId = textAt(event, 'id');
  return one({
    status,
    ...choosePair(body, {
      probe: textAt(incident, 'service.summary') || 'pagerduty',
      category: title,
      severity: readSeverity(
        textAt(incident, 'priority.summary') || textAt(incident, 'urgency'),
        textAt(incident, 'priority.summary') === '' ? OF_URGENCY : undefined,
      ),
    }),
    title,
    detail: textAt(incident, 'description'),
    instance,
    links: present({ pagerduty: textAt(incident, 'html_url') }),
    ...startedAt(textAt(incident, 'created_at')),
    facts: pick(incident, {
      number: 'number',
      urgency: 'urgency',
      priority: 'priority.summary',
      escalation_policy: 'escalation_policy.summary',
    }),
    ...(eventId !== '' && { eventId }),
  });
};
