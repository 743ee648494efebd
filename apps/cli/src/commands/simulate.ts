/**
 * `npm run simulate`: what a plan will do, from one probe to 100,000.
 *
 *   npm run simulate                                          the sizes of docs/scale.md
 *   npm run simulate -- --pairs 2000 --workers 4 --budget 0   one of your own
 */
import { parseArgs } from 'node:util';
import { random } from '../random.ts';
import { type Plan, simulate } from '../simulation.ts';

const number = (value: string) => ({ type: 'string' as const, default: value });
const { values } = parseArgs({
  options: {
    pairs: { type: 'string' },
    'incidents-a-day': number('0.2'),
    'incident-minutes': number('30'),
    'row-every-seconds': number('60'),
    'outage-share': number('0.1'),
    'window-seconds': number('600'),
    workers: number('2'),
    concurrency: number('8'),
    'engine-seconds': number('20'),
    budget: number('200'),
    days: number('30'),
    seed: number('1'),
  },
});
const given = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Number(value)]));
const wrong = Object.entries(given).filter(([, value]) => !(value >= 0));
const of = (name: keyof typeof values) => given[name] ?? 0;
if (wrong.length > 0 || of('workers') < 1 || of('concurrency') < 1 || of('row-every-seconds') === 0) {
  console.error(
    `Every option takes a number; there must be a worker, and rows. Wrong: ${wrong.map(([name]) => `--${name}`).join(', ') || 'see above'}.`,
  );
  process.exit(2);
}

const planOf = (pairs: number): Plan => ({
  pairs,
  incidentsADay: of('incidents-a-day'),
  incidentMs: of('incident-minutes') * 60_000,
  rowEveryMs: of('row-every-seconds') * 1_000,
  outageShare: of('outage-share'),
  windowMs: of('window-seconds') * 1_000,
  workers: of('workers'),
  concurrency: of('concurrency'),
  engineMs: of('engine-seconds') * 1_000,
  engineSpread: 0.4,
  paceMs: 1_000,
  overheadMs: 10,
  budgetUsd: of('budget'),
  usd: [0.06, 0.04, 0.02],
  days: of('days'),
});

const columns = [
  'pairs',
  'rows',
  'wakes',
  'undiagnosed',
  'USD',
  'to DM: median',
  'p99',
  'longest',
  'workers busy',
  'Slack busy',
  'most waiting',
];
const lines = (values.pairs === undefined ? [1, 10, 100, 1_000, 10_000, 100_000] : [of('pairs')]).map((pairs) => {
  const { rows, wakes, withoutDiagnosis, usd, toDm, busy, waiting } = simulate(
    planOf(pairs),
    random(of('seed')).fraction,
  );
  return [
    pairs,
    rows,
    wakes,
    withoutDiagnosis,
    Math.round(usd),
    duration(toDm.median),
    duration(toDm.p99),
    duration(toDm.max),
    percent(busy.workers),
    percent(busy.slack),
    waiting.investigations + waiting.deliveries,
  ].map(String);
});
const widths = columns.map((name, i) => Math.max(name.length, ...lines.map((line) => line[i]?.length ?? 0)));
for (const line of [columns, ...lines]) console.log(line.map((cell, i) => cell.padStart(widths[i] ?? 0)).join('  '));

function duration(ms: number): string {
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  if (ms < 3_600_000) return `${(ms / 60_000).toFixed(1)} min`;
  return ms < 172_800_000 ? `${(ms / 3_600_000).toFixed(1)} h` : `${(ms / 86_400_000).toFixed(1)} d`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
}
