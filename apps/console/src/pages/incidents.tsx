/** Incidents: open and closed ones, with search and filters in the address. */
import { useState } from 'preact/hooks';
import { useResource } from '../api/resource.ts';
import * as api from '../api/resources.ts';
import { useMayChange } from '../api/resources.ts';
import type { Incident } from '../api/types.ts';
import { IncidentActions, useIncidentText } from '../components/incident.tsx';
import { Notice, type NoticeContent } from '../components/notice.tsx';
import { Severity } from '../components/outcome.tsx';
import { Pair } from '../components/pair.tsx';
import { Empty, Panel } from '../components/panel.tsx';
import { When } from '../components/values.tsx';
import { counted } from '../format.ts';
import { type Query, useQuery } from '../query.ts';
import { toIncident } from '../route.ts';

const STATES = { open: 'Open', closed: 'Closed', all: 'All' };
const SEVERITIES = ['critical', 'warning', 'info'];
const STEP = 100;
/** The API has at most this many on one page. */
const MOST = 500;

type IncidentsQuery = Query<'state' | 'q' | 'severity' | 'limit'>;

export function Incidents() {
  const query = useQuery({ state: 'open', q: '', severity: '', limit: String(STEP) });
  const limit = Math.min(MOST, Math.max(STEP, Math.floor(Number(query.get('limit'))) || STEP));
  const state = useResource(api.incidents(apiQuery(query, limit)));
  const [notice, setNotice] = useState<NoticeContent>();
  const { entries = [], nextCursor = null } = state.data ?? {};
  return (
    <div class="incidents">
      <Toolbar query={query} />
      <Panel
        id="incidents"
        title={stateLabel(query)}
        hint={`${counted(entries.length, 'incident')}${nextCursor === null ? '' : '; there are more'}`}
        state={state}
      >
        <Notice notice={notice} dismiss={() => setNotice(undefined)} />
        {entries.length === 0 ? (
          <Empty>{emptyText(query)}</Empty>
        ) : (
          <ul class="open-incidents">
            {entries.map((incident) => (
              <Row key={incident.id} incident={incident} notify={setNotice} />
            ))}
          </ul>
        )}
        {nextCursor !== null && limit < MOST && (
          <button
            type="button"
            class="more"
            onClick={() => query.set({ limit: String(limit + STEP) }, { replace: true })}
          >
            Show {STEP} more
          </button>
        )}
        {nextCursor !== null && limit >= MOST && <p class="fine">Search for a name to find others.</p>}
      </Panel>
    </div>
  );
}

const isState = (name: string): name is keyof typeof STATES => name in STATES;

function stateLabel(query: IncidentsQuery): string {
  const state = query.get('state');
  return `${isState(state) ? STATES[state] : STATES.open} incidents`;
}

function apiQuery(query: IncidentsQuery, limit: number): string {
  const state = query.get('state');
  const given = new URLSearchParams({ state: isState(state) ? state : 'open', limit: String(limit) });
  for (const name of ['q', 'severity'] as const) {
    const value = query.get(name).trim();
    if (value !== '') given.set(name, value);
  }
  return given.toString();
}

function emptyText(query: IncidentsQuery): string {
  if (query.get('q') !== '' || query.get('severity') !== '') return 'No incident matches.';
  return query.get('state') === 'open' ? 'No incident is open.' : 'There are no incidents yet.';
}

const Toolbar = ({ query }: { query: IncidentsQuery }) => (
  <search class="toolbar">
    <h1>Incidents</h1>
    <div class="field main-search">
      <label for="incident-name">Name</label>
      <input
        id="incident-name"
        data-search=""
        type="search"
        autocomplete="off"
        spellcheck={false}
        placeholder="part of a probe or category"
        value={query.get('q')}
        onInput={(event) => query.set({ q: event.currentTarget.value }, { replace: true })}
      />
    </div>
    <div class="segments" role="group" aria-label="State">
      {Object.entries(STATES).map(([state, label]) => (
        <button
          key={state}
          type="button"
          aria-pressed={query.get('state') === state}
          onClick={() => query.set({ state, limit: String(STEP) })}
        >
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
