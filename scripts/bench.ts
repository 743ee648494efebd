/**
 * `npm run bench`: runs all benchmarks with their comparisons and writes `bench/results.md`.
 *
 *   npm run bench -- P1 P4       only these; prints the results and writes no file
 *   npm run bench -- --runs 3    number of measurements (5)
 *   npm run bench -- --quick     small sizes and one run; fails only if a ratio misses its goal by far
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineCommand, type Io, readNumber, UsageError } from '../apps/cli/src/command.ts';
import { firstPage, listsUnderStorm } from '../bench/api.ts';
import { backtest } from '../bench/backtest.ts';
import { following, storm } from '../bench/follow.ts';
import { forecast } from '../bench/forecast.ts';
import { idle, startUp } from '../bench/idle.ts';
import { accepting, postToMessage } from '../bench/ingest.ts';
import { type Bench, reached } from '../bench/measure.ts';
import { paint } from '../bench/paint.ts';
import { rowToDm, scaling, throughput } from '../bench/path.ts';
import { line, page, type Result } from '../bench/report.ts';
import { storm as stormBench } from '../bench/storm.ts';
import { memory, oneRow } from '../bench/tail.ts';
import { makeWorld } from '../bench/world.ts';
import { installPrograms } from '../test/support/programs.ts';
import { runScript } from './script.ts';

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
  accepting,
  postToMessage,
  listsUnderStorm,
  stormBench,
  paint,
  forecast,
  backtest,
];

await runScript(
  defineCommand({
    name: 'bench',
    summary: 'Measures everything next to its comparison, and writes bench/results.md.',
    usage: '[ID…] [options]',
    details: [
      `IDs: ${BENCHES.map(({ id }) => id).join(', ')}. With IDs or --quick, results are printed and not written.`,
      'Exit code: 1 only if a quick run misses a goal by far.',
    ],
    positionals: BENCHES.length,
    options: {
      quick: { type: 'boolean', about: 'small sizes and one run', default: false },
      runs: { type: 'string', value: 'N', about: 'measurements of each benchmark (default: 5, quick: 1)' },
    },
    run: async ({ values: { quick, runs }, positionals }, _env, io) => {
      const unknown = positionals.find((name) => !BENCHES.some(({ id }) => id === name));
      if (unknown !== undefined) throw new UsageError(`unknown benchmark '${unknown}'.`);
      const wanted = BENCHES.filter(({ id }) => positionals.length === 0 || positionals.includes(id));
      return measure(wanted, quick, readNumber('runs', runs ?? (quick ? '1' : '5'), { min: 1, whole: true }), io);
    },
  }),
);

/** @returns the exit code */
async function measure(wanted: Bench[], quick: boolean, runs: number, io: Io): Promise<number> {
  installPrograms(['jq', 'prometheus-alertmanager', 'python3']);
  const world = await makeWorld();
  io.onStop(() => void world.close().finally(() => process.exit(130)));
  const results: Result[] = [];
  try {
    for (const bench of wanted) {
      io.out(`\n${bench.id}  ${bench.title}`);
      const outcome = await bench.measure({ world, quick, runs });
      results.push({ bench, outcome });
      for (const figure of outcome.figures) io.out(`  ${line(figure, quick)}`);
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
  if (missed.length > 0) io.out(`\nNot reached: ${missed.map(({ name }) => name).join('; ')}`);
  if (!quick && wanted.length === BENCHES.length) {
    const file = join(import.meta.dirname, '..', 'bench', 'results.md');
    writeFileSync(file, page(results, new Date().toISOString().slice(0, 10)));
    io.out('\nWritten to bench/results.md.');
  }
  io.out(`${checked.length - missed.length} passed, ${missed.length} failed`);
  // A missed goal is only reported. It fails a quick run, because that one has a margin for a busy machine.
  return quick && missed.length > 0 ? 1 : 0;
}
