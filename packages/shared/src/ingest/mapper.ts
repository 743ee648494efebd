/** Mappings that an operator writes in the policy file, for senders that we do not know. */
import type { Json } from '../wake/json.ts';
import { type IngestedAlert, type MapBody, MappingError } from './alert.ts';
import { type FieldSpec, type PairSpec, readField } from './field-spec.ts';
import { listAt, present } from './fields.ts';
import { readSeverity } from './severity.ts';
import { startedAt } from './source.ts';

export interface Mapper extends PairSpec {
  probe: FieldSpec;
  category: FieldSpec;
  /** Dot path of the list of alerts. Without it the body is one alert, or a list of alerts. */
  items?: string | undefined;
  title?: FieldSpec | undefined;
  detail?: FieldSpec | undefined;
  instance?: FieldSpec | undefined;
  links: ReadonlyMap<string, FieldSpec>;
  startedAt?: FieldSpec | undefined;
  status?: FieldSpec | undefined;
  /** Values of `status`, in lower case, that say that an alert is over. Any other value is firing. */
  resolvedValues: ReadonlySet<string>;
  eventId?: FieldSpec | undefined;
}

export function mapWith(mapper: Mapper): MapBody {
  return ({ body }) => {
    const { items, at } = itemsOf(body, mapper.items);
    return { alerts: items.map((item, i) => mapItem(item, at(i), mapper)), ignored: 0 };
  };
}

/** The alerts, and the prefix of the paths inside each. */
function itemsOf(body: Json, path: string | undefined): { items: Json[]; at: (index: number) => string } {
  if (path !== undefined) return { items: listAt(body, path), at: (i) => `${path}.${i}.` };
  if (Array.isArray(body)) return { items: body, at: (i) => `${i}.` };
  return { items: [body], at: () => '' };
}

function mapItem(item: Json, at: string, mapper: Mapper): IngestedAlert {
  const instance = readField(item, mapper.instance);
  const eventId = readField(item, mapper.eventId);
  const category = required(item, at, mapper.category);
  const links = [...mapper.links].map(([name, spec]): [string, string] => [name, readField(item, spec)]);
  return {
    status: mapper.resolvedValues.has(readField(item, mapper.status).toLowerCase()) ? 'recovered' : 'firing',
    probe: required(item, at, mapper.probe),
    category,
    severity: readSeverity(readField(item, mapper.severity), mapper.severityMap),
    title: readField(item, mapper.title) || category,
    detail: readField(item, mapper.detail),
    ...(instance !== '' && { instance }),
    links: present(Object.fromEntries(links)),
    ...startedAt(readField(item, mapper.startedAt)),
    facts: {},
    ...(eventId !== '' && { eventId }),
  };
}

/** @throws MappingError that names the first path, because it is the one that the operator expects */
function required(item: Json, at: string, spec: FieldSpec): string {
  const text = readField(item, spec);
  if (text !== '') return text;
  const paths = spec.flatMap((each) => ('path' in each ? [each.path] : []));
  const [first = '', ...others] = paths;
  const also = others.length > 0 ? `, and so are ${others.join(', ')}` : '';
  throw new MappingError(`${at}${first}`, `is missing or not a text${also}`);
}
