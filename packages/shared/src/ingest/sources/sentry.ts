/** Sentry, from the webhook of an internal integration: issue alerts, metric alerts, and issues that someone resolved. */

import type { JsonObject } from '../../wake/json.ts';
import type { IngestedAlert, Mapped } from '../alert.ts';
import { MappingError } from '../alert.ts';
import { fieldAt, objectAt, objectBody, pick, present, requiredText, textAt } from '../fields.ts';
import { readSeverity } from '../severity.ts';
import { type ChoosePair, IGNORED, type MapSource, one, startedAt } from '../source.ts';

type MapResource = (body: JsonObject, choosePair: ChoosePair) => Mapped;

/** Resources and the field that a body of each has. Other resources, such as `comment`, are no alerts. */
const RESOURCES: ReadonlyMap<string, { field: string; map: MapResource }> = new Map([
  ['event_alert', { field: 'data.event', map: mapIssueAlert }],
  ['metric_alert', { field: 'data.metric_alert', map: mapMetricAlert }],
  ['issue', { field: 'data.issue', map: mapIssue }],
]);

export const sentry: MapSource = ({ body, headers }, choosePair) => {
  const top = objectBody(body);
  objectAt(top, 'data');
  const resource = headers['sentry-hook-resource'] ?? resourceOf(top);
  if (resource === undefined) throw new MappingError('data', 'has no event, metric_alert or issue');
  return RESOURCES.get(resource)?.map(top, choosePair) ?? IGNORED;
};

/** The resource of a body that came without the header, for example from a file. */
function resourceOf(body: JsonObject): string | undefined {
  return [...RESOURCES].find(([, { field }]) => fieldAt(body, field) !== undefined)?.[0];
}

function mapIssueAlert(body: JsonObject, choosePair: ChoosePair): Mapped {
  const event = objectAt(body, 'data.event');
  const rule = textAt(body, 'data.triggered_rule', 'data.issue_alert.title');
  const issue = textAt(event, 'issue_id') || issueIn(textAt(event, 'issue_url')) || issueIn(textAt(event, 'web_url'));
  return one({
    status: 'firing',
    ...choosePair(body, {
      probe: projectIn(textAt(event, 'url')) || textAt(event, 'project_slug', 'project.slug', 'project') || 'sentry',
      category: textAt(event, 'metadata.type') || rule || 'error',
      severity: readSeverity(textAt(event, 'level')),
    }),
    title: textAt(event, 'title', 'metadata.title') || rule || 'Sentry issue',
    detail: textAt(event, 'culprit', 'location'),
    ...(issue !== '' && { instance: issue }),
    links: present({ sentry: textAt(event, 'web_url') }),
    ...startedAt(textAt(event, 'datetime')),
    facts: {
      ...pick(event, { culprit: 'culprit', environment: 'environment', release: 'release', platform: 'platform' }),
      ...(rule !== '' && { rule }),
    },
  });
}

/** The id in `…/issues/1117540176/…`; older versions of Sentry send no `issue_id`. */
function issueIn(url: string): string {
  return /\/issues\/(\d{1,30})(?:\/|$)/.exec(url)?.[1] ?? '';
}

/** The slug in `…/projects/ORGANIZATION/PROJECT/events/…`; the event itself has only the number of its project. */
function projectIn(url: string): string {
  return /\/projects\/[^/]{1,100}\/([^/]{1,100})\/events\//.exec(url)?.[1] ?? '';
}

function mapMetricAlert(body: JsonObject, choosePair: ChoosePair): Mapped {
  const action = requiredText(body, '', 'action').toLowerCase();
  const statuses: Record<string, IngestedAlert['status']> = {
    critical: 'firing',
    warning: 'firing',
    resolved: 'recovered',
  };
  const status = Object.hasOwn(statuses, action) ? statuses[action] : undefined;
  if (status === undefined) return IGNORED;
  const alert = objectAt(body, 'data.metric_alert');
  const rule = textAt(alert, 'alert_rule.name', 'title') || 'metric_alert';
  return one({
    status,
    ...choosePair(body, {
      probe: textAt(alert, 'projects.0', 'alert_rule.projects.0') || 'sentry',
      category: rule,
      severity: readSeverity(action),
    }),
    title: textAt(body, 'data.description_title') || rule,
    detail: textAt(body, 'data.description_text'),
    // Issues and metric alerts are numbered apart.
    instance: `metric_alert:${requiredText(body, '', 'data.metric_alert.id')}`,
    links: present({ sentry: textAt(body, 'data.web_url') }),
    ...startedAt(textAt(alert, 'date_started')),
    facts: pick(alert, {
      aggregate: 'alert_rule.aggregate',
      query: 'alert_rule.query',
      environment: 'alert_rule.environment',
    }),
  });
}

/**
 * Only `resolved` counts: alert rules decide which new issues wake someone. The body does not name the pair of the issue alert, so
 * the recovery has the issue only.
 */
function mapIssue(body: JsonObject): Mapped {
  if (requiredText(body, '', 'action') !== 'resolved') return IGNORED;
  const issue = objectAt(body, 'data.issue');
  return one({
    status: 'recovered',
    probe: '',
    category: '',
    severity: readSeverity(textAt(issue, 'level')),
    title: textAt(issue, 'title') || 'Sentry issue',
    detail: textAt(issue, 'culprit'),
    instance: requiredText(body, '', 'data.issue.id'),
    links: present({ sentry: textAt(issue, 'permalink', 'web_url') }),
    ...startedAt(textAt(issue, 'firstSeen')),
    facts: {},
  });
}
