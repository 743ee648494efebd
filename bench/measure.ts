/** What a benchmark gives, and the arithmetic of it. */
import { readdirSync, readFileSync } from 'node:fs';
import type { World } from './world.ts';

type Unit = '×' | 'µs' | 'ms' | 's' | 'MiB' | 'MiB/s' | '/s' | '%' | '';

export interface Goal {
  atLeast?: number;
  atMost?: number;
}

/** One number, measured once a run. */
export interface Figure {
  what: string;
  values: number[];
  unit: Unit;
  /** What it is to reach; without one it only explains. */
  goal?: Goal;
}

export interface Bench {
  /** As in the table of goals. */
  id: string;
  title: string;
  measure(setting: Setting): Promise<Outcome>;
}

export interface Outcome {
  figures: Figure[];
  /** How it was measured and what limits it, for who reads the numbers; Markdown. */
  notes: string[];
}

interface Setting {
  world: World;
  /** Small sizes: to see that nothing has become much slower, not to be quoted. */
  quick: boolean;
  /** How often each thing is measured; with what it is compared to, in turn. */
  runs: number;
}

/** A quick run on a busy machine may miss a goal by this factor. */
export const QUICK_MARGIN = 4;

/** Whether the median reaches the goal; undefined where there is none. Only ratios are held to it in a quick run. */
export function reached({ values, goal, unit }: Figure, quick: boolean): boolean | undefined {
  if (!goal || (quick && unit !== '×')) return undefined;
  const margin = quick ? QUICK_MARGIN : 1;
  const middle = median(values);
  return middle >= (goal.atLeast ?? -Infinity) / margin && middle <= (goal.atMost ?? Infinity) * margin;
}

export function median(values: number[]): number {
  return quantile(values, 0.5);
}

/** @param q 0 to 1; between two values it is interpolated */
export function quantile(values: number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const [below = Number.NaN, above = below] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return below + (above - below) * (at - Math.floor(at));
}

/** Ours by theirs, run by run: what was measured in the same moment is compared. */
export function ratios(ours: number[], theirs: number[]): number[] {
  return ours.map((value, i) => value / (theirs[i] ?? Number.NaN));
}

/** Runs something as often as asked, one after the other, and gathers what each run gives. */
export async function repeated<T>(runs: number, once: () => Promise<T>): Promise<T[]> {
  const given: T[] = [];
  for (let run = 0; run < runs; run++) given.push(await once());
  return given;
}

/** How long something takes, ms. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}
/** What a process has used of the processor so far, over all its threads, ms. */
export function cpuMs(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.reduce((sum, thread) => {
    try {
      const [running = '0'] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ');
      return sum + Number(running) / 1e6;
    } catch {
      return sum; // it has just ended
    }
  }, 0);
}

/** The most memory a process has had so far, MiB. */
export function peakMib(pid: number): number {
  const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(peak) / 1024;
}
