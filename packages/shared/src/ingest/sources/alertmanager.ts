/** Alertmanager, webhook version 4. */
import type { MapSource } from '../source.ts';
import { mapAlerts } from './prometheus.ts';

export const alertmanager: MapSource = (request, choosePair) =>
  mapAlerts(
    request,
    {
      probeLabels: ['service', 'job', 'app', 'namespace'],
      probe: 'alertmanager',
      links: { runbook: 'annotations.runbook_url', dashboard: 'annotations.dashboard_url', graph: 'generatorURL' },
      facts: () => ({}),
    },
    choosePair,
  );
