/** `kora-wake simulate`: forecasts a plan, from one probe to 100,000. */
import { readPolicy } from '@kora-wake/shared/policy/policy-file';
import { defineCommand, readNumber, UsageError } from '../command.ts';
import { random } from '../random.ts';
import { type Plan, simulate } from '../simulation.ts';

/** Sizes in docs/scale.md. */
const PAIRS = [1, 10, 100, 1_000, 10_000, 100_000];

const number = (usual: string, about: string) => ({ type: 'string', value: 'N', default: usual, about }) as const;

export const command = defineCommand({
  name: 'simulate',
  summary: 'Forecasts load, delays and cost of a plan.',
  usage: '[options]',
  details: [
    'The pairs are probe-0, probe-1, and so on, with the category simulated and the severity warning.',
    `Without --pairs, the table has the sizes ${PAIRS.map((pairs) => pairs.toLocaleString('en')).join(', ')}.`,
  ],
  options: {
    pairs: { type: 'string', value: 'N', about: 'pairs of probe and category' },
    'incidents-a-day': number('0.2', 'incidents of one pair per day'),
    'incident-minutes': number('30', 'mean length of an incident'),
    'row-every-seconds': number('60', 'time between two rows of an incident'),
    'outage-share': number('0.1', 'share of all pairs that fail together, once on the first day'),
    'window-seconds': number('600', 'debounce window'),
    policy: {
      type: 'string',
      value: 'FILE',
      about: 'a policy file; its rules decide the rows, and its storms join them',
    },
    workers: number('2', 'worker processes'),
    concurrency: number('8', 'simultaneous investigations of one worker'),
    'engine-seconds': number('20', 'median length of an investigation'),
    budget: number('200', 'USD of the whole time; 0: no limit'),
    days: number('30', 'length of the simulation'),
    seed: number('1', 'seed of the random numbers'),
  },
  run: async ({ values }, _env, io) => {
    const rowEveryMs = readNumber('row-every-seconds', values['row-every-seconds']) * 1_000;
    if (rowEveryMs === 0) throw new UsageError('--row-every-seconds: expected a number above 0.');
    const { policy } = readPolicy(values.policy, true, '--policy');
    const plan: Omit<Plan, 'pairs'> = {
      incidentsADay: readNumber('incidents-a-day', values['incidents-a-day']),
      incidentMs: readNumber('incident-minutes', values['incident-minutes']) * 60_000,
      rowEveryMs,
      outageShare: readNumber('outage-share', values['outage-share']),
      windowMs: readNumber('window-seconds', values['window-seconds']) * 1_000,
      rules: policy.rules,
      storm: policy.storm,
      workers: readNumber('workers', values.workers, { min: 1, whole: true }),
      concurrency: readNumber('concurrency', values.concurrency, { min: 1, whole: true }),
      engineMs: readNumber('engine-seconds', values['engine-seconds']) * 1_000,
      engineSpread: 0.4,
      paceMs: 1_000,
      overheadMs: 10,
      budgetUsd: readNumber('budget', values.budget),
      usd: [0.06, 0.04, 0.02],
      days: readNumber('days', values.days),
    };
    const seed = readNumber('seed', values.seed, { whole: true });
    const sizes = values.pairs === undefined ? PAIRS : [readNumber('pairs', values.pairs, { whole: true })];
    const columns = policy.storm ? [...COLUMNS, ...STORM_COLUMNS] : COLUMNS;
    for (const line of table(
      columns,
      sizes.map((pairs) => row({ ...plan, pairs }, seed)),
    ))
      io.out(line);
    return 0;
  },
});

const COLUMNS = [
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

/** Shown only for a policy with storms. */
const STORM_COLUMNS = ['storms', 'in digests'];

function row(plan: Plan, seed: number): string[] {
  const forecast = simulate(plan, random(seed).fraction);
  const { rows, wakes, withoutDiagnosis, storms, digested, usd, toDm, busy, waiting } = forecast;
  return [
    plan.pairs,
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
    ...(plan.storm ? [storms, digested] : []),
  ].map(String);
}

function table(columns: string[], rows: string[][]): string[] {
  const widths = columns.map((name, i) => Math.max(name.length, ...rows.map((cells) => cells[i]?.length ?? 0)));
  return [columns, ...rows].map((cells) => cells.map((cell, i) => cell.padStart(widths[i] ?? 0)).join('  '));
}

function duration(ms: number): string {
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  if (ms < 3_600_000) return `${(ms / 60_000).toFixed(1)} min`;
  return ms < 172_800_000 ? `${(ms / 3_600_000).toFixed(1)} h` : `${(ms / 86_400_000).toFixed(1)} d`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
}
