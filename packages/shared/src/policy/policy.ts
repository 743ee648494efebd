/** The policy file: an operator's decisions that are too long for the environment. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { INGESTED_SEVERITIES } from '../ingest/alert.ts';
import type { PairSpec } from '../ingest/field-spec.ts';
import type { Mapper } from '../ingest/mapper.ts';
import { EVENTS_V2 } from '../ingest/sources/events-v2.ts';
import { WAKES } from '../ingest/sources/wakes.ts';
import { type IngestPolicy, SOURCE_NAMES } from '../ingest/sources.ts';
import { isJsonObject } from '../wake/json.ts';
import { type Rule, rules, ruleWarnings } from './rules.ts';
import { duration, faultsOf, fieldSpec, keys, named, needs, path, wordOf } from './schema.ts';
import { type Fault, parseYaml } from './yaml-text.ts';

export interface Policy extends IngestPolicy {
  /** The beginning of a hash of its text: tells whether two apps use the same one. Empty: no file. */
  version: string;
  /** The first one that matches a row decides. */
  rules: Rule[];
  /** Undefined: nothing escalates. */
  escalate?: Escalation;
  /** Undefined: there are no storms. */
  storm?: StormRule;
}

/** When alerts of many pairs become one digest. */
export interface StormRule {
  /** Different pairs with a wake. */
  pairs: number;
  /** ms. */
  withinMs: number;
}

/** Whom an incident is escalated to if nobody acknowledges it. */
export interface Escalation {
  /** ms. */
  afterMs: number;
  /** Slack ids of people. */
  to: string[];
  /** An http(s) URL. */
  webhook?: string;
  /** Incidents of other severities are not escalated. */
  severities: string[];
}

/** The policy without a file. */
export const NO_POLICY: Policy = { version: '', rules: [], sources: new Map(), mappers: new Map() };

/** Names of one's own choice in the policy file are part of URLs. */
const NAME = /^[A-Za-z0-9][\w-]{0,63}$/;
const TAKEN: ReadonlySet<string> = new Set([...SOURCE_NAMES, EVENTS_V2, WAKES]);

const mapperName = z
  .string()
  .regex(NAME, 'is no name for a mapper: use letters, digits, - and _, at most 64')
  .refine((name) => !TAKEN.has(name), 'is the name of a source: choose another one');

const severityMap = named(z.string(), wordOf(INGESTED_SEVERITIES));

const pair = {
  probe: fieldSpec.optional(),
  category: fieldSpec.optional(),
  severity: fieldSpec.optional(),
  severity_map: severityMap.optional(),
};

const source = keys(pair).refine(...needs('severity_map', 'severity'));

const MUST_BE_VALUES = 'must be a value such as resolved, or a list of values';

/** Values of a status, one or a list. Numbers and booleans read as texts, as they do in a body. */
const values = z.preprocess(
  (given) => (Array.isArray(given) ? given : [given]),
  z
    .array(
      z
        .union([z.string().min(1), z.number(), z.boolean()], { error: () => MUST_BE_VALUES })
        .transform((value) => String(value).trim().toLowerCase()),
    )
    .min(1, MUST_BE_VALUES),
);

const mapper = keys({
  ...pair,
  items: path.optional(),
  probe: fieldSpec,
  category: fieldSpec,
  title: fieldSpec.optional(),
  detail: fieldSpec.optional(),
  instance: fieldSpec.optional(),
  links: named(z.string(), fieldSpec).optional(),
  started_at: fieldSpec.optional(),
  status: fieldSpec.optional(),
  resolved_value: values.optional(),
  event_id: fieldSpec.optional(),
})
  .refine(...needs('severity_map', 'severity'))
  .refine(...needs('status', 'resolved_value'))
  .refine(...needs('resolved_value', 'status'));

const MUST_BE_PEOPLE = 'must be a list of Slack ids of people, such as U024BE7LH';
const MUST_BE_URL = 'must be a URL that begins with https:// or http://';

const escalate = keys({
  after: duration,
  to: z
    .array(z.string().regex(/^[UW][A-Z0-9]{2,20}$/, MUST_BE_PEOPLE), { error: () => MUST_BE_PEOPLE })
    .max(20, 'must name at most 20 people')
    .optional(),
  webhook: z
    .url({ protocol: /^https?$/, error: () => MUST_BE_URL })
    .refine((url) => !/^[^/]*\/\/[^/?#]*@/.test(url), 'must not contain a user name or a password')
    .optional(),
  severity: z.array(wordOf(INGESTED_SEVERITIES)).min(1, 'must name a severity').optional(),
}).refine(({ to = [], webhook }) => to.length > 0 || webhook !== undefined, {
  message: 'needs to or webhook: whom to escalate to',
  path: ['after'],
});

const MUST_BE_PAIRS = 'must be a whole number from 2 to 10000: different pairs of probe and category';
const MAX_STORM_MS = 3_600_000;

const storm = keys({
  pairs: z.int(MUST_BE_PAIRS).min(2, MUST_BE_PAIRS).max(10_000, MUST_BE_PAIRS),
  within: duration.refine((ms) => ms <= MAX_STORM_MS, 'must be at most an hour'),
});

const FILE = keys({
  version: z.literal(1, { error: () => 'must be 1' }),
  rules: rules.nullish(),
  sources: keys(Object.fromEntries([...SOURCE_NAMES, EVENTS_V2].map((name) => [name, source.optional()]))).nullish(),
  mappers: named(mapperName, mapper).nullish(),
  storm: storm.nullish(),
  escalate: escalate.nullish(),
});

export type ParsedPolicy = { policy: Policy; warnings: Fault[] } | { faults: Fault[] };

/**
 * Reads the text of a policy file.
 *
 * @param hasIncidents whether there are incidents, which some keys need
 * @returns the policy with warnings about it, or every fault; both in the order of the lines
 */
export function parsePolicy(text: string, hasIncidents = true): ParsedPolicy {
  const yaml = parseYaml(text);
  if (yaml.kind === 'faulty') return { faults: yaml.faults };
  const file = FILE.safeParse(yaml.value);
  const at = ({ path, message }: { path: PropertyKey[]; message: string }): Fault => ({
    line: yaml.lineOf(path),
    message: `${nameOf(path)} ${message}`,
  });
  const faults = file.success ? [] : faultsOf(file.error).map(at);
  if (!hasIncidents) faults.push(...withoutIncidents(yaml.value).map(at));
  if (!file.success || faults.length > 0) return { faults: inOrder(faults) };
  const version = createHash('sha256').update(text).digest('hex').slice(0, 12);
  const policy = policyOf(file.data, version, (path) => yaml.lineOf(path));
  return { policy, warnings: inOrder(ruleWarnings(policy.rules, policy).map(at)) };
}

/** The name of a place in the file. Rules are counted from 1, as in other messages about them. */
function nameOf(path: PropertyKey[]): string {
  const [key, index, ...rest] = path;
  if (key === 'rules' && typeof index === 'number')
    return [`rule ${index + 1}`, rest.join('.')].filter(Boolean).join(': ');
  return path.length > 0 ? path.join('.') : 'the file';
}

function inOrder(faults: Fault[]): Fault[] {
  return faults.toSorted((a, b) => a.line - b.line);
}

/** The keys that need incidents. */
function withoutIncidents(file: unknown): Array<{ path: PropertyKey[]; message: string }> {
  if (!isJsonObject(file)) return [];
  const message = 'needs incidents: remove it, or set KORA_INCIDENT_QUIET_SECONDS to more than 0';
  const given = (of: unknown, at: PropertyKey[], names: string[]) =>
    isJsonObject(of) ? names.flatMap((name) => (of[name] ? [{ path: [...at, name], message }] : [])) : [];
  const ofRules = Array.isArray(file.rules) ? file.rules : [];
  return [
    ...ofRules.flatMap((rule, i) => given(rule, ['rules', i], ['backoff', 'reinvestigate'])),
    ...given(file, [], ['storm', 'escalate']),
  ];
}

function policyOf(
  { rules: given, sources, mappers, escalate: escalation, storm: ofStorm }: z.infer<typeof FILE>,
  version: string,
  lineOf: (path: PropertyKey[]) => number,
): Policy {
  return {
    version,
    rules: (given ?? []).map((rule, i) => Object.assign(rule, { number: i + 1, line: lineOf(['rules', i]) })),
    ...(escalation && { escalate: escalationOf(escalation) }),
    ...(ofStorm && { storm: { pairs: ofStorm.pairs, withinMs: ofStorm.within } }),
    sources: new Map(
      Object.entries(sources ?? {}).flatMap(([name, spec]) => (spec === undefined ? [] : [[name, pairSpecOf(spec)]])),
    ),
    mappers: new Map(Object.entries(mappers ?? {}).map(([name, definition]) => [name, mapperOf(definition)])),
  };
}

function escalationOf({ after, to = [], webhook, severity = ['critical'] }: z.infer<typeof escalate>): Escalation {
  return { afterMs: after, to: [...new Set(to)], ...(webhook !== undefined && { webhook }), severities: severity };
}

function pairSpecOf({ severity_map: words = {}, ...spec }: z.infer<typeof source>): PairSpec {
  const severities = Object.entries(words).map(([word, severity]) => [word.trim().toLowerCase(), severity] as const);
  return { ...spec, severityMap: new Map(severities) };
}

function mapperOf(definition: z.infer<typeof mapper>): Mapper {
  const { links = {}, started_at: start, resolved_value: resolved = [], event_id: eventId, ...fields } = definition;
  const { severityMap: severities } = pairSpecOf(definition);
  return {
    ...fields,
    severityMap: severities,
    links: new Map(Object.entries(links)),
    startedAt: start,
    resolvedValues: new Set(resolved),
    eventId,
  };
}
