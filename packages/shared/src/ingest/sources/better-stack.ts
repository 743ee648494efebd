/** Better Stack Uptime, outgoing webhook for incident changes. */
import { objectAt, objectBody, pick, present, requiredText, textAt } from '../fields.ts';
import { IGNORED, type MapSource, one, startedAt } from '../source.ts';

/** Other events, such as `acknowledged`, change no state. */
const STATUS: ReadonlyMap<string, 'firing' | 'recovered'> = new Map([
  ['started', 'firing'],
  ['reopened', 'firing'],
  ['resolved', 'recovered'],
]);

export const betterStack: MapSource = ({ body }, choosePair) => {
  const top = objectBody(body);
  const status = STATUS.get(requiredText(top, '', 'event').toLowerCase());
  if (status === undefined) return IGNORED;
  const incident = objectAt(top, 'data.attributes');
  const instance = requiredText(top, '', 'data.id');
  const name = textAt(incident, 'name', 'url') || 'better-stack';
  const cause = textAt(incident, 'cause');
  return one({
    status,
    ...choosePair(top, { probe: name, category: 'down', severity: 'warning' }),
    title: cause === '' ? `${name}: incident ${status === 'firing' ? 'started' : 'resolved'}` : `${name}: ${cause}`,
    detail: cause,
    instance,
    links: present({ monitored: textAt(incident, 'url') }),
    ...startedAt(textAt(incident, 'started_at')),
    facts: pick(incident, { cause: 'cause', http_method: 'http_method' }),
  });
};
