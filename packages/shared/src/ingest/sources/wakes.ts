/** Our own form, for scripts and programs: the details of a row, one object or a list of them. */
import { isJsonObject, type Json, type JsonObject } from '../../wake/json.ts';
import { type IngestedAlert, type MapBody, MappingError } from '../alert.ts';
import { asObject, asText } from '../fields.ts';
import { readSeverity } from '../severity.ts';

/** Name of the source in rows. */
export const WAKES = 'wakes';

const TEXTS = ['probe', 'category', 'title', 'detail', 'instance', 'severity', 'envelope_fix_name'] as const;

export const mapWakes: MapBody = ({ body }) => {
  const alerts = Array.isArray(body)
    ? body.map((item, i) => mapWake(asObject(item, String(i)), `${i}.`))
    : [mapWake(asObject(body, 'body'), '')];
  return { alerts, ignored: 0 };
};

/** @param at prefix of the path of its fields */
function mapWake(details: JsonObject, at: string): IngestedAlert {
  for (const name of TEXTS) assertType(details, at, name, 'text', (value) => typeof value !== 'object');
  for (const name of ['recovered', 'envelope_enabled']) {
    assertType(details, at, name, 'true or false', (value) => typeof value === 'boolean');
  }
  for (const name of ['snapshot_details', 'links']) assertType(details, at, name, 'an object', isJsonObject);
  const text = (name: (typeof TEXTS)[number]) => asText(details[name]);
  const isRecovery = details.recovered === true;
  const hasPair = text('probe') !== '' || text('category') !== '';
  const isEmpty = ['title', 'detail', 'instance'].every((name) => asText(details[name]) === '');
  // Without its pair, a recovery needs an instance that is firing.
  if (!hasPair && (isRecovery ? text('instance') === '' : isEmpty)) throw new MappingError(`${at}probe`, 'is missing');
  const whenMissing = isRecovery && !hasPair ? '' : 'unknown';
  return {
    status: isRecovery ? 'recovered' : 'firing',
    probe: text('probe') || whenMissing,
    category: text('category') || whenMissing,
    severity: readSeverity(text('severity')),
    title: text('title') || '(no title)',
    detail: text('detail') || '(no detail)',
    ...(text('instance') !== '' && { instance: text('instance') }),
    links: linksOf(details, at),
    facts: isJsonObject(details.snapshot_details) ? details.snapshot_details : {},
    envelope: { enabled: details.envelope_enabled === true, fixName: text('envelope_fix_name') || '(none)' },
  };
}

function assertType(
  details: JsonObject,
  at: string,
  name: string,
  expected: string,
  fits: (value: Json) => boolean,
): void {
  const value = details[name];
  if (value === undefined || value === null || fits(value)) return;
  throw new MappingError(`${at}${name}`, `must be ${expected}`);
}

function linksOf(details: JsonObject, at: string): Record<string, string> {
  const links = isJsonObject(details.links) ? Object.entries(details.links) : [];
  return Object.fromEntries(
    links.map(([name, url]) => {
      if (typeof url !== 'string') throw new MappingError(`${at}links.${name}`, 'must be text');
      return [name, url];
    }),
  );
}
