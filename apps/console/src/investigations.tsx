/** Wakes over time, a lane for each probe, and the same as a list. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { Investigation, Page } from './contract.ts';
import * as api from './data.ts';
import { type Known, useResource } from './data.ts';
import { brief, counted } from './format.ts';
import { Empty, Mark, Panel, WakeRow } from './parts.tsx';
import { TimeLine } from './timeline.tsx';
import { FATES, type Fate } from './words.ts';

const SPANS = { '24h': '24 hours', '7d': '7 days', all: 'All' } as const;
export type Span = keyof typeof SPANS;
const spans: Span[] = ['24h', '7d', 'all'];

/** What was chosen last outlives the page: one opens an investigation and comes back. */
let chosen: { span: Span; probe: string } = { span: '24h', probe: '' };

export function Investigations() {
  const [filter, setFilter] = useState(chosen);
  const [typed, setTyped] = useState(filter.probe);
  const choose = (next: Partial<typeof filter>) => {
    chosen = { ...filter, ...next };
    setFilter(chosen);
    setTyped(chosen.probe);
  };
  const query = `window=${filter.span}&limit=100${filter.probe && `&probe=${encodeURIComponent(filter.probe)}`}`;
  const { known, entries, cursor, more, problem, reading } = usePages(query);
  const probes = useProbes(entries);
  return (
    <div class="investigations">
      <div class="toolbar">
        <h1>Investigations</h1>
        <div class="segments" role="group" aria-label="Period">
          {spans.map((span) => (
            <button key={span} type="button" aria-pressed={span === filter.span} onClick={() => choose({ span })}>
              {SPANS[span]}
            </button>
          ))}
        </div>
        <form
          class="filter"
          onSubmit={(event) => {
            event.preventDefault();
            choose({ probe: typed });
          }}
        >
          <label for="probe">Probe</label>
          <input
            id="probe"
            list="probes"
            autocomplete="off"
            spellcheck={false}
            placeholder="all of them"
            value={typed}
            onInput={(event) => {
              const { value } = event.currentTarget;
              setTyped(value);
              if (value === '' || probes.includes(value)) choose({ probe: value });
            }}
          />
          <datalist id="probes">
            {probes.map((probe) => (
              <option key={probe} value={probe} />
            ))}
          </datalist>
          {typed !== filter.probe && <button type="submit">Show</button>}
          {filter.probe !== '' && (
            <button type="button" class="quiet" onClick={() => choose({ probe: '' })}>
              All probes
            </button>
          )}
        </form>
      </div>
      <Panel id="timeline" title="Time line" hint={<Legend />} known={known}>
        {entries.length === 0 ? (
          <Empty>
            {filter.probe
              ? `No wake of ${brief(filter.probe)} in this period. The name must be whole and exact.`
              : filter.span === 'all'
                ? 'No wake yet. A row that a probe writes to the audit log shows here within a second or two.'
                : `No wake in the last ${SPANS[filter.span]}: nothing was wrong, or no probe wrote.`}
          </Empty>
        ) : (
          <TimeLine entries={entries} span={filter.span} whole={cursor === null} pick={(probe) => choose({ probe })} />
        )}
      </Panel>
      {entries.length > 0 && (
        <Panel
          id="list"
          title="Wakes"
          hint={`${counted(entries.length, 'wake')}${cursor === null ? '' : ', newest first; there are more'}`}
        >
          <ol class="wakes">
            {entries.map((entry) => (
              <WakeRow key={entry.wakeId} entry={entry} />
            ))}
          </ol>
          <div role="status">{problem && <p class="empty">More cannot be read: {problem}</p>}</div>
          {cursor !== null && (
            <button type="button" class="more" disabled={reading} onClick={more}>
              {reading ? 'Reading…' : 'Show older ones'}
            </button>
          )}
        </Panel>
      )}
    </div>
  );
}

const fates: Fate[] = ['told', 'fallback', 'dry_run', 'failed', 'in_flight'];

const Legend = () => (
  <span class="legend">
    {fates.map((fate) => (
      <span key={fate}>
        <Mark fate={fate} /> {FATES[fate]}
      </span>
    ))}
    <span>
      <span class="held">+3</span> held back
    </span>
  </span>
);

/** Probes seen since the page was opened: a filter must not take the others out of the list to choose from. */
function useProbes(entries: Investigation[]): string[] {
  const [seen] = useState(() => new Set<string>());
  for (const { probe } of entries) seen.add(probe);
  return [...seen].sort();
}

interface Pages {
  known: Known<Page<Investigation>>;
  entries: Investigation[];
  cursor: string | null;
  more: () => void;
  problem: string | undefined;
  reading: boolean;
}

interface Older {
  query: string;
  entries: Investigation[];
  cursor: string | null;
}

/** The newest page, which is read again and again, and the older ones that were asked for. */
function usePages(query: string): Pages {
  const known = useResource(api.investigations(query));
  const [older, setOlder] = useState<Older>();
  const [problem, setProblem] = useState<string>();
  const [reading, setReading] = useState(false);
  const first = known.data;
  const kept = older?.query === query ? older : undefined;

  // What newer wakes push off the newest page joins the older ones.
  const [previous, setPrevious] = useState<{ query: string; entries: Investigation[] }>();
  useEffect(() => {
    if (!first) return;
    setPrevious({ query, entries: first.entries });
    if (!kept || previous?.query !== query) return;
    const ids = new Set(first.entries.map(({ wakeId }) => wakeId));
    const pushed = previous.entries.filter(({ wakeId }) => !ids.has(wakeId));
    if (pushed.length === 0) return;
    // Nothing in common: between the two may lie what was never read, so the older ones start over.
    if (pushed.length === previous.entries.length) setOlder(undefined);
    else setOlder({ ...kept, entries: [...pushed, ...kept.entries] });
  }, [first]);

  const entries = useMemo(() => {
    const all = new Map<string, Investigation>();
    for (const entry of [...(first?.entries ?? []), ...(kept?.entries ?? [])]) {
      if (!all.has(entry.wakeId)) all.set(entry.wakeId, entry);
    }
    return [...all.values()];
  }, [first, kept]);

  const cursor = kept ? kept.cursor : (first?.nextCursor ?? null);
  const more = async () => {
    if (cursor === null) return;
    setReading(true);
    const result = await api.olderInvestigations(query, cursor);
    setReading(false);
    setProblem(result.ok ? undefined : result.fault.message);
    if (result.ok) {
      const { entries, nextCursor } = result.body;
      setOlder({ query, entries: [...(kept?.entries ?? []), ...entries], cursor: nextCursor });
    }
  };
  return { known, entries, cursor, more: () => void more(), problem, reading };
}
