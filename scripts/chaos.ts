/**
 * `npm run chaos -- --seed 1 --minutes 10 --seeds 3`: runs the real processes, injects faults, and checks the result.
 * Seeds count up from the first; two run at a time.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chaos, type Run } from '../test/chaos/run.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    minutes: { type: 'string', default: '10' },
    seeds: { type: 'string', default: '1' },
  },
});
const seeds = Array.from({ length: Number(values.seeds) }, (_, i) => Number(values.seed) + i);
const ms = Number(values.minutes) * 60_000;
if (!(ms > 0) || seeds.length === 0 || seeds.some((seed) => !Number.isInteger(seed))) {
  console.error('--seed and --seeds take whole numbers, --minutes a number above 0.');
  process.exit(2);
}
const folder = mkdtempSync(join(tmpdir(), 'kora-wake-chaos-'));
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop.abort());
const runs: Run[] = [];
const waiting = [...seeds];
await Promise.all(
  [1, 2].map(async () => {
    for (let seed = waiting.shift(); seed !== undefined && !stop.signal.aborted; seed = waiting.shift()) {
      const run = await chaos({ seed, ms, folder, report: (text) => console.log(text), signal: stop.signal });
      runs.push(run);
      console.log(verdict([run]));
    }
  }),
);
if (runs.length > 1) console.log(verdict(runs));
const clean = runs.every(({ violations, failed }) => violations.length === 0 && failed.length === 0);
if (clean) rmSync(folder, { recursive: true });
else console.log(`The output of the apps, their audit log and the data of their Redis are in ${folder}.`);
process.exitCode = clean ? 0 : 1;

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
