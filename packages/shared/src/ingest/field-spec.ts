/** Fields of an alert that an operator chooses: the field specs of the policy file. */
import type { Json } from '../wake/json.ts';
import type { IngestedSeverity } from './alert.ts';
import { textAt } from './fields.ts';
import { readSeverity } from './severity.ts';
import type { ChoosePair } from './source.ts';

/** Alternatives; the first one with a text wins. A fixed text always has one. */
export type FieldSpec = ReadonlyArray<{ path: string } | { text: string }>;

/** The operator's own severity words, in lower case. */
type SeverityMap = ReadonlyMap<string, IngestedSeverity>;

/** The fields of the pair that an operator takes from other places than the source does. */
export interface PairSpec {
  probe?: FieldSpec | undefined;
  category?: FieldSpec | undefined;
  severity?: FieldSpec | undefined;
  severityMap: SeverityMap;
}

/** @returns '' if no alternative has a text */
export function readField(alert: Json, spec: FieldSpec = []): string {
  for (const each of spec) {
    const text = 'text' in each ? each.text : textAt(alert, each.path);
    if (text !== '') return text;
  }
  return '';
}

/** Keeps the field of the source if the alert has none at the operator's paths. */
export function choosePairBy(spec: PairSpec | undefined): ChoosePair {
  if (spec === undefined) return (_alert, defaults) => defaults;
  return (alert, defaults) => {
    const severity = readField(alert, spec.severity);
    return {
      probe: readField(alert, spec.probe) || defaults.probe,
      category: readField(alert, spec.category) || defaults.category,
      severity: severity === '' ? defaults.severity : readSeverity(severity, spec.severityMap),
    };
  };
}
