/** One chaos run: starts the world of a seed, injects faults, waits until all work has ended, and checks the history. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { random } from '../../apps/cli/src/random.ts';
import { CAUGHT_UP_MS, type Fault } from './faults/fault.ts';
import { FAULTS } from './faults.ts';
import { check, type Verdict } from './history.ts';
import { makeWorld, type World } from './world.ts';

export interface Run extends Verdict {
  seed: number;
  rows: number;
  wakes: number;
  /** Number of injections by fault number. */
  faults: Map<number, number>;
  /** Faults that could not be injected. They make the run fail. */
  failed: string[];
}

/** Time between two rows, ms. */
const ROW_EVERY_MS = 200;
/** Time between two actions of people, ms. */
const ACT_EVERY_MS = 1_500;
/** Limit of the wait for unfinished work after the last fault, ms. */
const SETTLE_MS = 600_000;

interface ChaosOptions {
  seed: number;
  /** Duration of the phase with faults, ms. */
  ms: number;
  /** Holds Redis' data, the audit log and the output of the apps. It is kept for inspection. */
  folder: string;
  /** Called for each fault when it is injected. */
  report(text: string): void;
  /** Ends the phase with faults early; the check still runs. */
  signal: AbortSignal;
}

export async function chaos({ seed, ms, folder, report, signal }: ChaosOptions): Promise<Run> {
  const chance = random(seed);
  const faults = new Map<number, number>();
  const failed: string[] = [];
  const world = await makeWorld(join(folder, `seed-${seed}`), chance);
  const writing = setInterval(() => world.writer.randomLine(), ROW_EVERY_MS);
  const acting = setInterval(() => {
    // A person who holds messages again and again would keep work from ending.
    if (!world.writer.busy) void world.people.act();
  }, ACT_EVERY_MS);
  try {
    const inject = async (fault: Fault) => {
      report(`${new Date().toISOString().slice(11, 23)} seed ${seed}: ${fault.numbers.join(', ')}: ${fault.name}`);
      for (const number of fault.numbers) faults.set(number, (faults.get(number) ?? 0) + 1);
      await fault.inject(world).catch((error: unknown) => failed.push(`${fault.name}: ${String(error)}`));
    };
    const until = performance.now() + ms;
    const left = shuffled(chance, FAULTS);
    while (performance.now() < until && !signal.aborted) {
      if (left.length === 0) left.push(...shuffled(chance, FAULTS));
      const first = left.shift();
      const second = chance.fraction() < 0.5 ? left.findIndex((other) => mayMeet(first, other)) : -1;
      const round = [first, ...(second < 0 ? [] : left.splice(second, 1))].filter((fault) => fault !== undefined);
      await Promise.all(round.map(inject));
      await sleep(chance.between(0, 3_000));
    }
    clearInterval(writing);
    clearInterval(acting);
    report(`seed ${seed}: no more faults`);
    const settled = await calm(world);
    const history = await world.history(settled);
    const verdict = check(history);
    return { seed, rows: history.rows.length, wakes: history.wakes.length, faults, failed, ...verdict };
  } finally {
    clearInterval(writing);
    clearInterval(acting);
    await world.close();
  }
}

function mayMeet(a: Fault | undefined, b: Fault): boolean {
  return a !== undefined && a.group !== 'alone' && b.group !== 'alone' && a.group !== b.group;
}

function shuffled(chance: ReturnType<typeof random>, faults: readonly Fault[]): Fault[] {
  return faults
    .map((fault) => ({ fault, at: chance.fraction() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ fault }) => fault);
}

/** Waits until all work has ended, and then retries dead letters, as an operator does. */
async function calm(world: World): Promise<boolean> {
  const caughtUp = await world.caughtUp(CAUGHT_UP_MS);
  const ended = await world.settled(SETTLE_MS);
  await world.retryDeadLetters();
  await sleep(1_000);
  return caughtUp && ended && (await world.settled(SETTLE_MS));
}
