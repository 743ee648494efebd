/** Datadog, a webhook with the payload that docs/sources.md recommends. All values are texts. */
import { MappingError } from '../alert.ts';
import { fieldAt, objectBody, pick, present, textAt } from '../fields.ts';
import { readSeverity } from '../severity.ts';
import { IGNORED, type MapSource, one, startedAt } from '../source.ts';
import { readState } from '../state.ts';

const WORDS = {
  firing: ['triggered', 're-triggered', 'warn', 're-warn', 'no data', 're-no data', 'renotify'],
  recovered: ['recovered', 'warn recovered', 'no data recovered'],
};

/** The state in front of a title: `[Triggered] …`, `[Triggered on {host:a}] …`. */
const IN_TITLE =
  /^\[(?<state>(?:re-)?(?:triggered|warn|no data)|renotify|(?:(?:warn|no data) )?recovered)(?: on [^\]]{1,500})?\]\s*/i;

export const datadog: MapSource = ({ body }, choosePair) => {
  const event = objectBody(body);
  const title = textAt(event, 'title');
  const transition = fieldAt(event, 'transition');
  // The variable is empty for events that no monitor sent.
  if (typeof transition === 'string' && transition.trim() === '') return IGNORED;
  const word = textAt(event, 'transition') || (IN_TITLE.exec(title)?.groups?.state ?? '');
  if (word === '') throw new MappingError('transition', 'is missing: add "transition": "$ALERT_TRANSITION"');
  const state = readState(word, 'transition', WORDS);
  if (state === 'neither') return IGNORED;
  const name = title.replace(IN_TITLE, '') || 'Datadog alert';
  const instance = textAt(event, 'aggregate', 'alert_id');
  const eventId = textAt(event, 'id');
  return one({
    status: state,
    ...choosePair(event, {
      probe: serviceIn(textAt(event, 'tags')) || serviceIn(textAt(event, 'scope')) || 'datadog',
      category: name,
      severity: readSeverity(textAt(event, 'alert_priority')),
    }),
    title: name,
    detail: plain(textAt(event, 'body')),
    ...(instance !== '' && { instance }),
    links: present({ datadog: textAt(event, 'link') }),
    ...startedAt(isoOf(textAt(event, 'date', 'last_updated'))),
    facts: pick(event, {
      transition: 'transition',
      priority: 'alert_priority',
      scope: 'scope',
      tags: 'tags',
      query: 'query',
      host: 'host',
    }),
    ...(eventId !== '' && { eventId }),
  });
};

/** The service in a list of tags such as `env:prod, service:checkout`. */
function serviceIn(tags: string): string {
  return /(?:^|[\s,])service:([^\s,]{1,200})/.exec(tags)?.[1] ?? '';
}

/** `%%%` marks Markdown for Datadog only. */
function plain(text: string): string {
  return text.replaceAll('%%%', '').trim();
}

/** Datadog writes times as ms since the epoch. */
function isoOf(time: string): string {
  return /^\d{12,14}$/.test(time) ? new Date(Number(time)).toISOString() : time;
}
