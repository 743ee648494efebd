/** Runs backtests of the audit log in a thread, one at a time. A long log then does not stop the API. */
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Policy } from '@kora-wake/shared/policy/policy';
import type { DebouncePolicy } from '@kora-wake/shared/wake/pair';
import type { KnownValues } from '@kora-wake/shared/wake/redact';
import type { Backtest, BacktestPair } from '../contract.ts';

export interface BacktestSetup {
  logPath: string;
  debounce: DebouncePolicy;
  /** An incident without a row for this time expires, ms; 0 = no incidents. */
  quietMs: number;
  /** The policy in force. */
  policy(): Pick<Policy, 'rules' | 'storm'>;
  /** Own patterns of secrets, and known secrets. */
  patterns: RegExp[];
  known: KnownValues;
  /** A backtest that takes longer is ended, ms. */
  deadlineMs?: number;
  /** Memory of the thread, MiB. */
  memoryMib?: number;
}

interface BacktestInput {
  tried: Tried;
  /** ms since the epoch. */
  from: number;
  to: number;
  timezone: string;
}

/** The text of a policy file, or a change of the policy in force for one pair. */
export type Tried = { policy: string } | { pair: BacktestPair };

/** The input of the thread: values that can be copied to it. */
export type ThreadInput = BacktestInput & Omit<BacktestSetup, 'policy' | 'deadlineMs' | 'memoryMib'> & Decided;
interface Decided {
  current: Pick<Policy, 'rules' | 'storm'>;
  /** ms since the epoch. */
  now: number;
}

/** The message of the thread. */
export type ThreadResult =
  | { kind: 'done'; answer: Backtest }
  /** Each fault as `LINE: message`. */
  | { kind: 'faulty'; faults: string[] }
  /** A sentence. */
  | { kind: 'unreadable'; reason: string };

/** `ended`: the caller has gone, or the API stops. */
export type BacktestResult = ThreadResult | { kind: 'busy' | 'too_late' | 'too_large' | 'ended' };

export interface Backtests {
  /** @param signal ends the backtest */
  run(input: BacktestInput, signal: AbortSignal): Promise<BacktestResult>;
  /** Ends the backtest that runs. */
  close(): void;
}

const DEADLINE_MS = 60_000;
/** Enough for about a million alerts. */
const MEMORY_MIB = 512;

/** Next to this file, in `src` and in `dist`. */
const THREAD = new URL(`./thread${extname(import.meta.filename)}`, import.meta.url);

export function backtests({
  policy,
  deadlineMs = DEADLINE_MS,
  memoryMib = MEMORY_MIB,
  ...setup
}: BacktestSetup): Backtests {
  const closing = new AbortController();
  let isRunning = false;
  return {
    run: async (input, signal) => {
      if (isRunning) return { kind: 'busy' };
      isRunning = true;
      try {
        const late = AbortSignal.timeout(deadlineMs);
        const end = AbortSignal.any([signal, closing.signal, late]);
        const { rules, storm } = policy();
        const current = { rules, ...(storm && { storm }) };
        const result = await inThread({ ...setup, ...input, current, now: Date.now() }, end, memoryMib);
        return result ?? { kind: late.aborted ? 'too_late' : 'ended' };
      } finally {
        isRunning = false;
      }
    },
    close: () => closing.abort(),
  };
}

/** Undefined: it was ended by the signal. It resolves after the thread has ended, so that two threads never run. */
async function inThread(
  workerData: ThreadInput,
  signal: AbortSignal,
  memoryMib: number,
): Promise<ThreadResult | { kind: 'too_large' } | undefined> {
  if (signal.aborted) return undefined;
  const thread = new Worker(THREAD, { workerData, resourceLimits: { maxOldGenerationSizeMb: memoryMib } });
  const { promise, resolve, reject } = Promise.withResolvers<ThreadResult | { kind: 'too_large' } | undefined>();
  const onAbort = () => resolve(undefined);
  signal.addEventListener('abort', onAbort, { once: true });
  thread
    .once('message', resolve)
    .once('error', (error: unknown) => {
      if (isOutOfMemory(error)) resolve({ kind: 'too_large' });
      else reject(error instanceof Error ? error : new Error(String(error)));
    })
    .once('exit', () => reject(new Error('the thread of a backtest ended without an answer')));
  try {
    return await promise;
  } finally {
    signal.removeEventListener('abort', onAbort);
    await thread.terminate();
  }
}

function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
}
