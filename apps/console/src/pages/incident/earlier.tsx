/** Earlier incidents of the same pair. */
import { useResource } from '../../api/resource.ts';
import * as api from '../../api/resources.ts';
import type { Incident, Incidents } from '../../api/types.ts';
import { IncidentList } from '../../components/incident-list.tsx';
import { Panel } from '../../components/panel.tsx';
import { counted } from '../../format.ts';

const WEEK_MS = 7 * 86_400_000;

export function EarlierIncidents({ incident }: { incident: Incident }) {
  const { probe, category } = incident;
  const state = useResource(api.incidentsOf(probe, category));
  const earlier = state.data && earlierThan(incident, state.data);
  return (
    <Panel id="earlier" title="Earlier incidents" hint={state.data && numberText(incident, state.data)} state={state}>
      {earlier && (
        <IncidentList
          incidents={earlier}
          empty={
            state.data?.nextCursor === null
              ? 'No earlier incident in the last 35 days.'
              : 'No earlier one among the newest incidents of the pair.'
          }
        />
      )}
    </Panel>
  );
}

function earlierThan({ id, openedAt }: Incident, { entries }: Incidents): Incident[] {
  return entries.filter((each) => each.id !== id && Date.parse(each.openedAt) < Date.parse(openedAt));
}

/** Its number among those of its last 7 days. The page is not complete if it ends inside them. */
function numberText(incident: Incident, page: Incidents): string {
  const opened = Date.parse(incident.openedAt);
  const isRecent = ({ openedAt }: Incident) => opened - Date.parse(openedAt) < WEEK_MS;
  const number = earlierThan(incident, page).filter(isRecent).length + 1;
  const last = page.entries.at(-1);
  const isComplete = page.nextCursor === null || (last !== undefined && !isRecent(last));
  return isComplete ? `${ordinal(number)} incident in 7 days` : `At least ${counted(number, 'incident')} in 7 days`;
}

const WORDS = ['First', 'Second', 'Third', 'Fourth', 'Fifth', 'Sixth', 'Seventh', 'Eighth', 'Ninth', 'Tenth'];
const ENDINGS: Partial<Record<Intl.LDMLPluralRule, string>> = { one: 'st', two: 'nd', few: 'rd' };
const plural = new Intl.PluralRules('en', { type: 'ordinal' });

const ordinal = (n: number) => WORDS[n - 1] ?? `${n}${ENDINGS[plural.select(n)] ?? 'th'}`;
