/** `kora-wake map --source NAME --file FILE`: shows the rows that a body of an alerting tool becomes. Nothing is written. */
import { type MapBody, MappingError } from '@kora-wake/shared/ingest/alert';
import { choosePairBy } from '@kora-wake/shared/ingest/field-spec';
import { rowOfAlert } from '@kora-wake/shared/ingest/row';
import { type IngestPolicy, mappings } from '@kora-wake/shared/ingest/sources';
import { EVENTS_V2, mapEventV2 } from '@kora-wake/shared/ingest/sources/events-v2';
import { mapWakes, WAKES } from '@kora-wake/shared/ingest/sources/wakes';
import { readPolicy } from '@kora-wake/shared/policy/policy-file';
import { only } from '@kora-wake/shared/runtime/config';
import { knownValues } from '@kora-wake/shared/runtime/credentials';
import { StartupError } from '@kora-wake/shared/runtime/errors';
import { type Json, parseJson } from '@kora-wake/shared/wake/json';
import { redactor } from '@kora-wake/shared/wake/redact';
import { defineCommand, UsageError } from '../command.ts';
import { readText } from '../read-text.ts';
import { readConfig } from '../settings.ts';

/** Stands for the dedup key that the API makes if an event has none. */
const NEW_DEDUP_KEY = '(new dedup key)';

export const command = defineCommand({
  name: 'map',
  summary: 'Shows the rows that the body of an alerting tool becomes, one for each line. Nothing is written.',
  usage: '--source NAME --file FILE [options]',
  details: [
    'NAME is a source such as alertmanager, events-v2, wakes, or a mapper of the file of KORA_POLICY_PATH.',
    'Exits with 1 if the body cannot be mapped, and names the field.',
  ],
  options: {
    source: { type: 'string', value: 'NAME', about: 'the source that the body comes from' },
    file: { type: 'string', value: 'FILE', about: 'the body as JSON' },
    header: {
      type: 'string',
      multiple: true,
      value: "'NAME: VALUE'",
      about: 'a header of the request, such as Sentry-Hook-Resource: issue; may be repeated',
    },
  },
  run: async ({ values: { source, file, header: headers = [] } }, env, io) => {
    if (source === undefined || file === undefined) throw new UsageError('--source and --file are needed.');
    const config = readConfig(env, io, only('KORA_POLICY_PATH', 'KORA_REDACT'));
    const mapBody = mappingOf(source, readPolicy(config.policyPath).policy);
    const request = { body: readBody(file), headers: Object.fromEntries(headers.map(readHeader)) };
    const redact = redactor(config.redact, knownValues(env));
    try {
      const { alerts, ignored } = mapBody(request);
      for (const alert of alerts) io.out(JSON.stringify(rowOfAlert(alert, source, Date.now(), redact)));
      if (ignored > 0)
        io.err(`kora-wake map: ${ignored} ignored: notices, and states that are neither firing nor over.`);
      return 0;
    } catch (error) {
      if (!(error instanceof MappingError)) throw error;
      io.err(`kora-wake map: ${redact(error.message)}.`);
      return 1;
    }
  },
});

function mappingOf(source: string, policy: IngestPolicy): MapBody {
  if (source === WAKES) return mapWakes;
  const choosePair = choosePairBy(policy.sources.get(EVENTS_V2));
  if (source === EVENTS_V2) return ({ body }) => mapEventV2(body, NEW_DEDUP_KEY, choosePair);
  const all = mappings(policy);
  const mapBody = all.get(source);
  if (mapBody) return mapBody;
  throw new UsageError(`unknown source '${source}', expected one of ${[...all.keys(), EVENTS_V2, WAKES].join(', ')}.`);
}

function readBody(path: string): Json {
  const text = readText(path);
  try {
    return parseJson(text);
  } catch (error) {
    throw new StartupError(`${path} is not JSON.`, { cause: error });
  }
}

function readHeader(text: string): [string, string] {
  const [, name, value] = /^([\w-]+):\s*(.*)$/.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new UsageError("--header: expected 'NAME: VALUE'.");
  return [name.toLowerCase(), value];
}
