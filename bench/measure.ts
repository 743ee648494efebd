/** Types of benchmark results, and statistics. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import type { World } from './world.ts';

type Unit = '×' | 'µs' | 'ms' | 's' | 'MiB' | 'MiB/s' | '/s' | '%' | '';

export interface Goal {
  atLeast?: number;
  atMost?: number;
}

/** One number, measured once per run. */
export interface Figure {
  label: string;
  values: number[];
  unit: Unit;
  /** Without a goal the figure only explains another one. */
  goal?: Goal;
}

export interface Bench {
  /** For example P1; names the bench on the command line. */
  id: string;
  title: string;
  measure(setting: Setting): Promise<Outcome>;
}

export interface Outcome {
  figures: Figure[];
  /** Method and limits, for readers of the results; Markdown. */
  notes: string[];
}

interface Setting {
  world: World;
  /** Small sizes. Shows only whether something became much slower. */
  quick: boolean;
  /** Number of measurements. Each alternates with its comparison. */
  runs: number;
}

/** Factor by which a quick run may miss a goal, because the machine may be busy. */
export const QUICK_MARGIN = 6;

/** Whether the median reaches the goal; undefined without a goal. A quick run checks only ratios. */
export function reached({ values, goal, unit }: Figure, quick: boolean): boolean | undefined {
  if (!goal || (quick && unit !== '×')) return undefined;
  const margin = quick ? QUICK_MARGIN : 1;
  const middle = median(values);
  return middle >= (goal.atLeast ?? -Infinity) / margin && middle <= (goal.atMost ?? Infinity) * margin;
}

export function median(values: number[]): number {
  return quantile(values, 0.5);
}

/** @param q 0 to 1; interpolates between two values */
export function quantile(values: number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const [below = Number.NaN, above = below] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return below + (above - below) * (at - Math.floor(at));
}

/** Our value divided by theirs for each run, because both were measured at about the same time. */
export function ratios(ours: number[], theirs: number[]): number[] {
  return ours.map((value, i) => value / (theirs[i] ?? Number.NaN));
}

/** Runs `once` several times, one after the other. Resolves with the results. */
export async function repeated<T>(runs: number, once: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let run = 0; run < runs; run++) results.push(await once());
  return results;
}

/** Duration of `work`, ms. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Processor time of a process so far, over all threads, ms. */
export function cpuMs(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.reduce((sum, thread) => {
    try {
      const [running = '0'] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ');
      return sum + Number(running) / 1e6;
    } catch {
      return sum; // the thread has just ended
    }
  }, 0);
}

/** Peak memory of a process, MiB. */
export function peakMib(pid: number): number {
  const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(peak) / 1024;
}

/** Run time of a program, ms. Its output is discarded. */
export async function runTime(command: string, args: string[]): Promise<number> {
  return timed(
    () =>
      new Promise<void>((resolve, reject) => {
        // Its output must be read: grep stops at the first match if stdout is /dev/null.
        const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
        child.stdout.resume();
        child.once('error', reject);
        child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`${command} ended with ${code}`))));
      }),
  );
}
