/**
 * `npm run chaos -- --seed 1 --minutes 10 --seeds 3`: runs the real processes, injects faults, and checks the result.
 * Seeds count up from the first; two run at a time.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineCommand, type Io, readNumber, UsageError } from '../apps/cli/src/command.ts';
import { chaos, type Run } from '../test/chaos/run.ts';
import { runScript } from './script.ts';

await runScript(
  defineCommand({
    name: 'chaos',
    summary: 'Runs the real processes, injects faults, and checks that nothing was lost or sent twice.',
    usage: '[options]',
    options: {
      seed: { type: 'string', value: 'N', about: 'first seed (default: random)' },
      seeds: { type: 'string', value: 'N', about: 'number of seeds; two run at a time', default: '1' },
      minutes: { type: 'string', value: 'N', about: 'length of each run', default: '10' },
    },
    run: async ({ values }, _env, io) => {
      const first = readNumber('seed', values.seed ?? String(Date.now() % 1_000_000), { whole: true });
      const count = readNumber('seeds', values.seeds, { min: 1, whole: true });
      const minutes = readNumber('minutes', values.minutes);
      if (minutes === 0) throw new UsageError('--minutes: expected a number above 0.');
      const seeds = Array.from({ length: count }, (_, i) => first + i);
      return runSeeds(seeds, minutes * 60_000, io);
    },
  }),
);

/** @returns the exit code */
async function runSeeds(seeds: number[], ms: number, io: Io): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'kora-wake-chaos-'));
  const stop = new AbortController();
  io.onStop(() => stop.abort());
  const runs: Run[] = [];
  const waiting = [...seeds];
  await Promise.all(
    [1, 2].map(async () => {
      for (let seed = waiting.shift(); seed !== undefined && !stop.signal.aborted; seed = waiting.shift()) {
        const run = await chaos({ seed, ms, folder, report: (text) => io.out(text), signal: stop.signal });
        runs.push(run);
        io.out(verdict([run]));
      }
    }),
  );
  if (runs.length > 1) io.out(verdict(runs));
  const clean = runs.every(({ violations, failed }) => violations.length === 0 && failed.length === 0);
  if (clean) rmSync(folder, { recursive: true });
  else io.out(`The output of the apps, their audit log and the data of their Redis are in ${folder}.`);
  return clean ? 0 : 1;
}

function verdict(of: Run[]): string {
  const sum = (name: 'rows' | 'wakes' | 'lost' | 'unmarkedRepeats' | 'markedRepeats') =>
    of.reduce((total, run) => total + run[name], 0);
  const injected = of.reduce((total, run) => total + [...run.faults.values()].reduce((a, b) => a + b, 0), 0);
  const kinds = new Set(of.flatMap((run) => [...run.faults.keys()])).size;
  const wrong = of.flatMap((run) => [
    ...run.violations.map(({ invariant, text }) => `  seed ${run.seed}: ${invariant}: ${text}`),
    ...run.failed.map((text) => `  seed ${run.seed}: not injected: ${text}`),
  ]);
  return [
    `seed ${of.map(({ seed }) => seed).join(', ')}: ${sum('rows')} rows, ${sum('wakes')} wakes, ${injected} faults of ${kinds} numbers`,
    `lost ${sum('lost')}, repeated ${sum('unmarkedRepeats')}, marked repeats ${sum('markedRepeats')}, violations ${wrong.length}`,
    ...wrong,
  ].join('\n');
}
