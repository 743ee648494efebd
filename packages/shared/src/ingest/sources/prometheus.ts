/** The bodies of Alertmanager, and of Grafana, which has the same form with more fields. */
import { createHash } from 'node:crypto';
import type { Json, JsonObject } from '../../wake/json.ts';
import { type IngestedAlert, type IngestRequest, type Mapped, MappingError } from '../alert.ts';
import { asObject, fieldAt, listAt, objectBody, present, textAt, textsOf } from '../fields.ts';
import { readSeverity } from '../severity.ts';
import { type ChoosePair, startedAt } from '../source.ts';
import { readState } from '../state.ts';

/** The differences between the two senders. */
interface Sender {
  /** Labels that name the probe; the first one that is there wins. */
  probeLabels: string[];
  /** Probe of an alert without these labels. */
  probe: string;
  /** Names of links and the fields of an alert that have them. */
  links: Record<string, string>;
  facts(alert: JsonObject): JsonObject;
}

const WORDS = { firing: ['firing', 'alerting'], recovered: ['resolved', 'ok', 'normal'] };

/** The zero time of Go, which stands for "not set". */
const ZERO_TIME = '0001-01-01T00:00:00Z';

/** Maps each entry of `alerts`: one body may hold firing and resolved ones. @throws MappingError */
export function mapAlerts({ body }: IngestRequest, sender: Sender, choosePair: ChoosePair): Mapped {
  const top = objectBody(body);
  const items = listAt(top, 'alerts');
  const alerts = items.flatMap((item, i) => mapAlert(item, `alerts.${i}`, textAt(top, 'status'), sender, choosePair));
  return { alerts, ignored: items.length - alerts.length };
}

function mapAlert(
  item: Json,
  at: string,
  groupStatus: string,
  sender: Sender,
  choosePair: ChoosePair,
): IngestedAlert[] {
  const alert = asObject(item, at);
  const labels = textsOf(asObject(fieldAt(alert, 'labels'), `${at}.labels`));
  // Some templates write the state of the group only.
  const word = textAt(alert, 'status') || groupStatus;
  if (word === '') throw new MappingError(`${at}.status`, 'is missing');
  const status = readState(word, `${at}.status`, WORDS);
  if (status === 'neither') return [];
  const category = textAt(labels, 'alertname') || 'unknown';
  const start = textAt(alert, 'startsAt');
  const fields = {
    probe: textAt(labels, ...sender.probeLabels) || sender.probe,
    category,
    severity: readSeverity(textAt(labels, 'severity', 'priority')),
  };
  return [
    {
      status,
      ...choosePair(alert, fields),
      title: textAt(alert, 'annotations.summary', 'annotations.title', 'annotations.message') || category,
      detail: textAt(alert, 'annotations.description', 'annotations.message'),
      instance: textAt(alert, 'fingerprint') || hashOf(labels),
      links: present(
        Object.fromEntries(Object.entries(sender.links).map(([name, path]) => [name, textAt(alert, path)])),
      ),
      ...startedAt(start === ZERO_TIME ? '' : start),
      facts: { labels, ...sender.facts(alert) },
    },
  ];
}

/** Old and hand-made senders write no fingerprint. The labels identify an alert, in any order. */
function hashOf(labels: Record<string, string>): string {
  const sorted = Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(sorted)).digest('hex').slice(0, 16);
}
