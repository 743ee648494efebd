/** Events of the PagerDuty Events API v2, for senders that let people set the address of PagerDuty. */
import { isJsonObject, type Json, type JsonObject } from '../../wake/json.ts';
import { type Mapped, MappingError } from '../alert.ts';
import { asText, fieldAt, pick, present, textAt } from '../fields.ts';
import { readSeverity } from '../severity.ts';
import { type ChoosePair, IGNORED, one, startedAt } from '../source.ts';

/** Name of the source in rows and in the policy file. */
export const EVENTS_V2 = 'events-v2';

/** Characters, as PagerDuty counts them. */
const MAX_DEDUP_KEY = 255;
const MAX_SUMMARY = 1_024;

const ACTIONS = ['trigger', 'acknowledge', 'resolve'];
const SEVERITIES = ['critical', 'warning', 'error', 'info'];

export type EventV2 =
  /** `errors` in the words of PagerDuty, for the field `errors` of the answer. */
  | { kind: 'invalid'; errors: string[] }
  /** `dedupKey` is the one of the sender, or the new one. */
  | { kind: 'valid'; mapped: Mapped; dedupKey: string };

/** The key that PagerDuty would route by. It is a credential: it goes to no row. @returns '' if there is none */
export function routingKeyOf(body: Json): string {
  return asText(fieldAt(body, 'routing_key'));
}

/**
 * Validates and maps an event. The routing key is not checked.
 *
 * @param newDedupKey used if the sender wrote none
 */
export function readEventV2(body: Json, newDedupKey: string, choosePair: ChoosePair): EventV2 {
  if (!isJsonObject(body)) return { kind: 'invalid', errors: ['Event object is not a JSON object'] };
  const errors = errorsOf(body);
  if (errors.length > 0) return { kind: 'invalid', errors };
  const dedupKey = textAt(body, 'dedup_key') || newDedupKey;
  return { kind: 'valid', mapped: map(body, dedupKey, choosePair), dedupKey };
}

function errorsOf(body: JsonObject): string[] {
  const action = textAt(body, 'event_action');
  const errors = [...missing(body, 'event_action'), ...tooLong(body, 'dedup_key', MAX_DEDUP_KEY)];
  if (action !== '' && !ACTIONS.includes(action)) errors.push(`'event_action' is invalid (${oneOf(ACTIONS)})`);
  if (action === 'acknowledge' || action === 'resolve') errors.push(...missing(body, 'dedup_key'));
  if (action !== 'trigger') return errors;
  if (!isJsonObject(body.payload)) return [...errors, "'payload' is missing or blank"];
  for (const name of ['payload.summary', 'payload.source', 'payload.severity']) errors.push(...missing(body, name));
  errors.push(...tooLong(body, 'payload.summary', MAX_SUMMARY));
  const severity = textAt(body, 'payload.severity');
  if (severity !== '' && !SEVERITIES.includes(severity.toLowerCase())) {
    errors.push(`'payload.severity' is invalid (${oneOf(SEVERITIES)})`);
  }
  return errors;
}

function oneOf(names: string[]): string {
  return `must be one of the following: ${names.map((name) => `'${name}'`).join(', ')}`;
}

function missing(body: JsonObject, path: string): string[] {
  return textAt(body, path) === '' ? [`'${path}' is missing or blank`] : [];
}

function tooLong(body: JsonObject, path: string, max: number): string[] {
  const text = textAt(body, path);
  // A character may take two UTF-16 code units.
  const isTooLong = text.length > 2 * max || Array.from(text).length > max;
  return isTooLong ? [`'${path}' is too long (maximum is ${max} characters)`] : [];
}

/** Grafana writes these if nobody set a class. */
const EMPTY_CLASSES: ReadonlySet<string> = new Set(['default', 'todo_class']);

/** The count in front of a summary, such as `[FIRING:2] `, changes from event to event. */
const COUNT = /^\[[a-z]{1,20}(?::\d{1,6})?\]\s*/i;

function map({ routing_key: _secret, ...event }: JsonObject, dedupKey: string, choosePair: ChoosePair): Mapped {
  const action = textAt(event, 'event_action');
  const summary = textAt(event, 'payload.summary');
  const shared = {
    title: summary || dedupKey,
    detail: '',
    instance: dedupKey,
    links: linksOf(event),
    ...startedAt(textAt(event, 'payload.timestamp')),
  };
  if (action === 'acknowledge') return IGNORED;
  if (action === 'resolve') {
    // Most senders leave out the payload, or change its summary: the key alone says which alert is over.
    return one({ status: 'recovered', probe: '', category: '', severity: 'warning', facts: {}, ...shared });
  }
  const given = textAt(event, 'payload.class');
  const category = EMPTY_CLASSES.has(given.toLowerCase()) ? '' : given;
  return one({
    status: 'firing',
    ...choosePair(event, {
      probe: textAt(event, 'payload.component', 'payload.source'),
      category: category || summary.replace(COUNT, '') || summary,
      severity: readSeverity(textAt(event, 'payload.severity')),
    }),
    ...shared,
    facts: {
      ...pick(event, {
        source: 'payload.source',
        component: 'payload.component',
        group: 'payload.group',
        class: 'payload.class',
        client: 'client',
      }),
      ...customDetailsOf(event),
    },
  });
}

function customDetailsOf(event: JsonObject): JsonObject {
  const details = fieldAt(event, 'payload.custom_details');
  return details === undefined || details === null ? {} : { custom_details: details };
}

function linksOf(event: JsonObject): Record<string, string> {
  const links = Array.isArray(event.links) ? event.links : [];
  const named = links.map((link, i): [string, string] => [
    textAt(link, 'text') || `link ${i + 1}`,
    textAt(link, 'href'),
  ]);
  return present({ ...Object.fromEntries(named), client: textAt(event, 'client_url') });
}

/** As {@link readEventV2}, for callers that do not answer in PagerDuty's form. @throws MappingError */
export function mapEventV2(body: Json, newDedupKey: string, choosePair: ChoosePair): Mapped {
  const event = readEventV2(body, newDedupKey, choosePair);
  if (event.kind === 'valid') return event.mapped;
  const [first = ''] = event.errors;
  const [, field = 'body', problem = first] = /^'([\w.]+)' (.*)$/.exec(first) ?? [];
  throw new MappingError(field, problem);
}
