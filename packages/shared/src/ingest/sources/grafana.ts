/** Grafana alerting: the form of Alertmanager with values, rules and dashboards. */
import type { JsonObject } from '../../wake/json.ts';
import { fieldAt, pick, textsOf } from '../fields.ts';
import type { MapSource } from '../source.ts';
import { mapAlerts } from './prometheus.ts';

export const grafana: MapSource = (request, choosePair) =>
  mapAlerts(
    request,
    {
      probeLabels: ['service', 'job', 'app', 'namespace', 'grafana_folder'],
      probe: 'grafana',
      links: {
        runbook: 'annotations.runbook_url',
        dashboard: 'dashboardURL',
        panel: 'panelURL',
        rule: 'generatorURL',
      },
      facts: (alert) => ({ ...valuesOf(alert), ...pick(alert, { value_string: 'valueString', rule_uid: 'ruleUID' }) }),
    },
    choosePair,
  );

/** Names of queries and their numbers. An expression without data has null. */
function valuesOf(alert: JsonObject): JsonObject {
  const values = textsOf(fieldAt(alert, 'values'));
  return Object.keys(values).length > 0 ? { values } : {};
}
