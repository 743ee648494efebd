/** Earlier incidents of the same pair. */
import { useResource } from '../../api/resource.ts';
import * as api from '../../api/resources.ts';
import type { Incident } from '../../api/types.ts';
import { IncidentList } from '../../components/incident-list.tsx';
import { Panel } from '../../components/panel.tsx';

const WEEK_MS = 7 * 86_400_000;

export function EarlierIncidents({ incident: { id, probe, category, openedAt } }: { incident: Incident }) {
  const state = useResource(api.incidentsOf(probe, category));
  const opened = Date.parse(openedAt);
  const earlier = (state.data?.entries ?? []).filter((each) => each.id !== id && Date.parse(each.openedAt) < opened);
  const recent = earlier.filter((each) => opened - Date.parse(each.openedAt) < WEEK_MS).length;
  return (
    <Panel
      id="earlier"
      title="Earlier incidents"
      hint={state.data && `${ordinal(recent + 1)} incident in 7 days`}
      state={state}
    >
      {state.data && <IncidentList incidents={earlier} empty="No earlier incident in the last 35 days." />}
    </Panel>
  );
}

const WORDS = ['First', 'Second', 'Third', 'Fourth', 'Fifth', 'Sixth', 'Seventh', 'Eighth', 'Ninth', 'Tenth'];
const ENDINGS: Partial<Record<Intl.LDMLPluralRule, string>> = { one: 'st', two: 'nd', few: 'rd' };
const plural = new Intl.PluralRules('en', { type: 'ordinal' });

const ordinal = (n: number) => WORDS[n - 1] ?? `${n}${ENDINGS[plural.select(n)] ?? 'th'}`;
