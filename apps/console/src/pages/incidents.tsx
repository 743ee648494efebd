/** Incidents: open and closed ones, with search and filters in the address. */
import { useState } from 'preact/hooks';
import * as api from '../api/resources.ts';
import { useMayChange } from '../api/resources.ts';
import type { Incident } from '../api/types.ts';
import { IncidentActions, useIncidentText } from '../components/incident.tsx';
import { Notice, type NoticeContent } from '../components/notice.tsx';
import { Severity } from '../components/outcome.tsx';
import { Pair } from '../components/pair.tsx';
import { Empty, Panel } from '../components/panel.tsx';
import { searchText, Typed } from '../components/typed.tsx';
import { When } from '../components/values.tsx';
import { counted } from '../format.ts';
import { SEVERITIES } from '../labels.ts';
import { type Query, useQuery } from '../query.ts';
import { toIncident } from '../route.ts';

const STATES = { open: 'Open', closed: 'Closed', all: 'All' };
type State = keyof typeof STATES;

const EMPTY_TEXTS: Record<State, string> = {
  open: 'No incident is open.',
  closed: 'No incident ended in the last 35 days.',
  all: 'No incidents in the last 35 days.',
};

type IncidentsQuery = Query<'state' | 'q' | 'severity'>;

export function Incidents() {
  const query = useQuery({ state: 'open', q: '', severity: '' }, { q: searchText });
  const { state, entries, cursor, more, error, loading } = api.useIncidents(apiQuery(query));
  const [notice, setNotice] = useState<NoticeContent>();
  return (
    <div class="incidents">
      <Toolbar query={query} />
      <Panel
        id="incidents"
        title={`${STATES[stateOf(query)]} incidents`}
        hint={state.data && `${counted(entries.length, 'incident')}${cursor === null ? '' : '; there are more'}`}
        state={state}
      >
        <Notice notice={notice} dismiss={() => setNotice(undefined)} />
        {entries.length === 0 ? (
          <Empty>{emptyText(query, cursor === null)}</Empty>
        ) : (
          <ul class="open-incidents">
            {entries.map((incident) => (
              <Row key={incident.id} incident={incident} notify={setNotice} />
            ))}
          </ul>
        )}
        <div role="status">{error && <p class="empty">Could not load older incidents: {error}</p>}</div>
        {cursor !== null && (
          <button type="button" class="more" disabled={loading} onClick={more}>
            {loading ? 'Loading…' : entries.length === 0 ? 'Search older incidents' : 'Show older incidents'}
          </button>
        )}
      </Panel>
    </div>
  );
}

const isState = (name: string): name is State => Object.hasOwn(STATES, name);

function stateOf(query: IncidentsQuery): State {
  const state = query.get('state');
  return isState(state) ? state : 'open';
}

function apiQuery(query: IncidentsQuery): string {
  const given = new URLSearchParams({ state: stateOf(query) });
  const [q, severity] = [query.get('q').trim(), query.get('severity')];
  if (q !== '') given.set('q', q);
  if (severity !== '') given.set('severity', severity);
  return given.toString();
}

function emptyText(query: IncidentsQuery, isComplete: boolean): string {
  if (!isComplete) return 'No match among the newest incidents.';
  if (query.get('q') !== '' || query.get('severity') !== '') return 'No incident matches.';
  return EMPTY_TEXTS[stateOf(query)];
}

const Toolbar = ({ query }: { query: IncidentsQuery }) => (
  <search class="toolbar">
    <h1>Incidents</h1>
    <Typed
      id="incident-name"
      label="Name"
      type="search"
      placeholder="part of a probe or category"
      isMain
      value={query.get('q')}
      change={(q, options) => query.set({ q }, options)}
    />
    <div class="segments" role="group" aria-label="State">
      {Object.entries(STATES).map(([state, label]) => (
        <button key={state} type="button" aria-pressed={stateOf(query) === state} onClick={() => query.set({ state })}>
          {label}
        </button>
      ))}
    </div>
    <div class="field">
      <label for="incident-severity">Severity</label>
      <select
        id="incident-severity"
        value={query.get('severity')}
        onChange={(event) => query.set({ severity: event.currentTarget.value })}
      >
        <option value="">all</option>
        {SEVERITIES.map((severity) => (
          <option key={severity} value={severity}>
            {severity}
          </option>
        ))}
      </select>
    </div>
  </search>
);

interface RowProps {
  incident: Incident;
  notify: (notice: NoticeContent) => void;
}

function Row({ incident, notify }: RowProps) {
  const mayChange = useMayChange();
  const { probe, category, severity, id, state, openedAt } = incident;
  return (
    <li>
      <Severity of={severity} />
      <a href={toIncident(id)} class="subject">
        <Pair probe={probe} category={category} />
        <span class="age">
          <When at={openedAt} />
        </span>
      </a>
      <span class="detail">{useIncidentText(incident)}</span>
      {mayChange && state !== 'closed' && <IncidentActions incident={incident} notify={notify} />}
    </li>
  );
}
