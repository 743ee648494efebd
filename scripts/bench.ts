/**
 * `npm run bench`: runs all benchmarks with their comparisons and writes `bench/results.md`.
 *
 *   npm run bench -- P1 P4       only these; prints the results and writes no file
 *   npm run bench -- --runs 3    number of measurements (5)
 *   npm run bench -- --quick     small sizes and one run; fails only if a ratio misses its goal by far
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { firstPage, listsUnderStorm } from '../bench/api.ts';
import { following, storm } from '../bench/follow.ts';
import { forecast } from '../bench/forecast.ts';
import { idle, startUp } from '../bench/idle.ts';
import { type Bench, reached } from '../bench/measure.ts';
import { rowToDm, scaling, throughput } from '../bench/path.ts';
import { line, page, type Result } from '../bench/report.ts';
import { memory, oneRow } from '../bench/tail.ts';
import { makeWorld } from '../bench/world.ts';
import { installPrograms } from '../test/support/programs.ts';

const BENCHES: Bench[] = [
  following,
  oneRow,
  storm,
  rowToDm,
  throughput,
  scaling,
  memory,
  idle,
  firstPage,
  startUp,
  listsUnderStorm,
  forecast,
];

const { values, positionals } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, runs: { type: 'string' } },
  allowPositionals: true,
});
const { quick } = values;
const runs = Number(values.runs ?? (quick ? 1 : 5));
const unknown = positionals.filter((name) => !BENCHES.some(({ id }) => id === name));
if (unknown.length > 0 || !Number.isInteger(runs) || runs < 1) {
  console.error(`Give some of ${BENCHES.map(({ id }) => id).join(', ')}, --quick, and --runs with a whole number.`);
  process.exit(2);
}
const wanted = BENCHES.filter(({ id }) => positionals.length === 0 || positionals.includes(id));

installPrograms(['jq', 'python3']);
const world = await makeWorld();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void world.close().finally(() => process.exit(130)));
}
const results: Result[] = [];
try {
  for (const bench of wanted) {
    console.log(`\n${bench.id}  ${bench.title}`);
    const outcome = await bench.measure({ world, quick, runs });
    results.push({ bench, outcome });
    for (const figure of outcome.figures) console.log(`  ${line(figure, quick)}`);
  }
} finally {
  await world.close();
}
const checked = results.flatMap(({ bench, outcome }) =>
  outcome.figures.flatMap((figure) => {
    const verdict = reached(figure, quick);
    return verdict === undefined ? [] : [{ name: `${bench.id}, ${figure.label}`, verdict }];
  }),
);
const missed = checked.filter(({ verdict }) => !verdict);
if (missed.length > 0) console.log(`\nNot reached: ${missed.map(({ name }) => name).join('; ')}`);
if (!quick && positionals.length === 0) {
  const file = join(import.meta.dirname, '..', 'bench', 'results.md');
  writeFileSync(file, page(results, new Date().toISOString().slice(0, 10)));
  console.log('\nWritten to bench/results.md.');
}
console.log(`${checked.length - missed.length} passed, ${missed.length} failed`);
// A missed goal is only reported. It fails a quick run, because that one has a margin for a busy machine.
process.exitCode = quick && missed.length > 0 ? 1 : 0;
