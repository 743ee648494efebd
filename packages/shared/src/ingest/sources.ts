/** All named sources, and the mapping of each. */
import type { MapBody } from './alert.ts';
import { choosePairBy, type PairSpec } from './field-spec.ts';
import { type Mapper, mapWith } from './mapper.ts';
import type { MapSource } from './source.ts';
import { alertmanager } from './sources/alertmanager.ts';
import { betterStack } from './sources/better-stack.ts';
import { cloudwatch } from './sources/cloudwatch.ts';
import { datadog } from './sources/datadog.ts';
import { gatus } from './sources/gatus.ts';
import { grafana } from './sources/grafana.ts';
import { healthchecks } from './sources/healthchecks.ts';
import { pagerduty } from './sources/pagerduty.ts';
import { sentry } from './sources/sentry.ts';
import { uptimeKuma } from './sources/uptime-kuma.ts';

export const SOURCE_NAMES = [
  'alertmanager',
  'grafana',
  'pagerduty',
  'sentry',
  'uptime-kuma',
  'healthchecks',
  'datadog',
  'cloudwatch',
  'better-stack',
  'gatus',
] as const;
export type SourceName = (typeof SOURCE_NAMES)[number];

const SOURCES: Record<SourceName, MapSource> = {
  alertmanager,
  grafana,
  pagerduty,
  sentry,
  'uptime-kuma': uptimeKuma,
  healthchecks,
  datadog,
  cloudwatch,
  'better-stack': betterStack,
  gatus,
};

/** The parts of the policy file that change mappings. */
export interface IngestPolicy {
  /** By name of the source. */
  sources: ReadonlyMap<string, PairSpec>;
  /** By their own names, which differ from those of the sources. */
  mappers: ReadonlyMap<string, Mapper>;
}

/** The mapping of each source and of each mapper of the policy, by name. */
export function mappings({ sources, mappers }: IngestPolicy): ReadonlyMap<string, MapBody> {
  const named = SOURCE_NAMES.map((name): [string, MapBody] => {
    const choosePair = choosePairBy(sources.get(name));
    return [name, (request) => SOURCES[name](request, choosePair)];
  });
  const custom = [...mappers].map(([name, mapper]): [string, MapBody] => [name, mapWith(mapper)]);
  return new Map([...named, ...custom]);
}
