/** Pairs with the most alerts, their nights and their cost; and the effect of another window. */
import { useResource } from '../api/resource.ts';
import * as api from '../api/resources.ts';
import type { Stats } from '../api/types.ts';
import { Empty, Panel } from '../components/panel.tsx';
import { When } from '../components/values.tsx';
import { brief, count, counted } from '../format.ts';
import { type Query, useQuery } from '../query.ts';
import { isNamed, matching, type SortKey, sorted, sortOf, totalsOf } from './noise/pairs.ts';
import { RuleIdeas } from './noise/rule-ideas.tsx';
import { PairTable } from './noise/table.tsx';
import { NoiseToolbar, PERIODS } from './noise/toolbar.tsx';
import { Trial } from './noise/trial.tsx';

const DEFAULTS = {
  window: '7d',
  sort: 'wakes',
  order: '',
  q: '',
  probe: '',
  category: '',
  minutes: '30',
  alerts: '',
};
export type NoiseQuery = Query<keyof typeof DEFAULTS>;

export function Noise() {
  const query = useQuery(DEFAULTS);
  const period = PERIODS.find(({ window }) => window === query.get('window')) ?? PERIODS[1];
  const state = useResource(api.statsOf(period.window));
  const [probe, category] = [query.get('probe'), query.get('category')];
  return (
    <div class="noise">
      <NoiseToolbar query={query} window={period.window} />
      {probe !== '' && category !== '' && (
        <Trial key={JSON.stringify([probe, category])} pair={{ probe, category }} query={query} hours={period.hours} />
      )}
      <Panel id="noise-pairs" title="Pairs" hint={state.data && <Hint stats={state.data} />} state={state}>
        {state.data && <Pairs stats={state.data} query={query} label={period.label} />}
      </Panel>
      {state.data && state.data.totals.wakes > 0 && <RuleIdeas key={period.window} hours={period.hours} />}
    </div>
  );
}

const Hint = ({ stats: { from } }: { stats: Stats }) => (
  <>
    since <When at={from} />. Night: 22 to 7 in your time zone.
  </>
);

function Pairs({ stats, query, label }: { stats: Stats; query: NoiseQuery; label: string }) {
  const q = query.get('q');
  if (stats.entries.length === 0) return <NoAlerts label={label} />;
  const order = sortOf(query.get('sort'), query.get('order'));
  const pairs = sorted(matching(stats.entries, q), order);
  const [first, ...others] = pairs;
  if (!first) return <Empty>No pair has “{brief(q)}” in its name.</Empty>;
  const total = q === '' ? stats.totals : totalsOf(first, others);
  const sort = (key: SortKey) => {
    const next = order.key === key ? (order.isUp ? 'down' : 'up') : '';
    query.set({ sort: key, order: next });
  };
  const choose = (probe: string, category: string) => query.set({ probe, category });
  return (
    <>
      <PairTable
        {...{ pairs, total, order, sort, choose }}
        name={q === '' ? totalName(stats) : counted(pairs.length, 'pair that matches', 'pairs that match')}
        chosen={{ probe: query.get('probe'), category: query.get('category') }}
      />
      {stats.left > 0 && <p class="fine">{count(stats.left)} more pairs have fewer alerts. They are not listed.</p>}
    </>
  );
}

/** The number is not known if one entry is the sum of several pairs. */
const totalName = ({ entries, left }: Stats) =>
  entries.every(isNamed) ? counted(entries.length + left, 'pair') : 'All pairs';

function NoAlerts({ label }: { label: string }) {
  const { data } = useResource(api.latest);
  if (data && data.entries.length > 0) return <Empty>No alerts in the last {label}. Choose a longer period.</Empty>;
  return (
    <div class="empty">
      <p>No alerts yet. Write a first one, to see it here and in Slack:</p>
      <pre>npm run wake -- --probe fly --category service_unhealthy --severity warning --title "A test"</pre>
    </div>
  );
}
