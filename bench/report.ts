/** Formats the results: which goals were reached, and every figure. */
import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';
import { type Bench, type Figure, type Goal, median, type Outcome, QUICK_MARGIN, reached } from './measure.ts';

export interface Result {
  bench: Bench;
  outcome: Outcome;
}

/** One figure as a line for the terminal. */
export function line(figure: Figure, quick: boolean): string {
  const verdict = reached(figure, quick);
  const mark = verdict === undefined ? ' ' : verdict ? '✓' : '✗';
  const far = quick && verdict !== undefined ? `, a quick run allows ${QUICK_MARGIN} times that` : '';
  const goal = figure.goal ? `, goal ${goalOf(figure.goal, figure.unit)}${far}` : '';
  return `${mark} ${figure.label}: ${shown(figure)}${goal}`;
}

/** The content of bench/results.md. @param day as `2026-11-24` */
export function page(results: Result[], day: string): string {
  const goals = results.flatMap(({ bench, outcome }) =>
    outcome.figures
      .filter(({ goal }) => goal)
      .map((figure) => {
        const { label, unit, goal = {} } = figure;
        const verdict = reached(figure, false) ? 'yes' : '**no**';
        return `| ${bench.id} | ${bench.title}: ${label} | ${shown(figure)} | ${goalOf(goal, unit)} | ${verdict} |`;
      }),
  );
  const sections = results.map(({ bench, outcome }) =>
    [
      `## ${bench.id}: ${bench.title}`,
      '',
      ...outcome.figures.map((figure) => `- ${figure.label}: ${shown(figure)}`),
      ...outcome.notes.flatMap((note) => ['', note]),
      '',
    ].join('\n'),
  );
  return `# Measured

\`npm run bench\` on ${day}, one run on one machine: ${machine()}. Each value is the median of the runs, with minimum and maximum in brackets. Ratios are comparable between machines, times are not.

| | figure | measured | goal | reached |
| --- | --- | --- | --- | --- |
${goals.join('\n')}

${sections.join('\n')}`;
}

function shown({ values, unit }: Figure): string {
  const middle = number(median(values));
  const spread = values.length > 1 ? ` (${number(Math.min(...values))} to ${number(Math.max(...values))})` : '';
  return `${middle}${unitOf(unit)}${spread}`;
}

function goalOf({ atLeast, atMost }: Goal, unit: Figure['unit']): string {
  const parts = [atLeast === undefined ? '' : `≥ ${atLeast}`, atMost === undefined ? '' : `≤ ${atMost}`];
  return `${parts.filter(Boolean).join(', ')}${unitOf(unit)}`;
}

function unitOf(unit: Figure['unit']): string {
  return unit === '' ? '' : ` ${unit}`;
}

/** Formats with three significant digits. */
function number(value: number): string {
  if (Number.isInteger(value) || Math.abs(value) >= 100) return String(Math.round(value));
  return String(Number(value.toPrecision(3)));
}

function machine(): string {
  const [cpu] = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  const redis = /v=([\d.]+)/.exec(execFileSync('redis-server', ['--version'], { encoding: 'utf8' }))?.[1];
  return `${cpus().length} cores (${cpu?.model.trim()}), ${memory} GiB, Linux ${release()}, Node ${process.version}, Redis ${redis}`;
}
