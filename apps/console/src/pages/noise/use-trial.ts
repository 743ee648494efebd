/** A backtest for each change of the setting, after a pause, and never two at once. */
import { useEffect, useState } from 'preact/hooks';
import { serverNow } from '../../api/client.ts';
import * as api from '../../api/resources.ts';
import type { Backtest, BacktestPair } from '../../api/types.ts';

/** A person who types a number is done after it, ms. */
const PAUSE_MS = 400;
const HOUR_MS = 3_600_000;

interface Trial {
  /** Of an earlier setting while `isRunning`. */
  result?: Backtest;
  /** Why there is no result; empty: there is no problem. */
  problem: string;
  isRunning: boolean;
}

/** @param pair undefined: nothing to try @param hours time until now whose alerts count */
export function useTrial(pair: BacktestPair | undefined, hours: number): Trial & { retry: () => void } {
  const [trial, setTrial] = useState<Trial>({ problem: '', isRunning: false });
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    if (!pair) {
      setTrial({ problem: '', isRunning: false });
      return undefined;
    }
    const left = new AbortController();
    setTrial((before) => ({ ...before, problem: '', isRunning: true }));
    const run = async () => {
      const answer = await api.runPairBacktest(
        pair,
        new Date(serverNow() - hours * HOUR_MS).toISOString(),
        left.signal,
      );
      if (!answer || left.signal.aborted) return;
      setTrial(
        answer.ok
          ? { result: answer.body, problem: '', isRunning: false }
          : { problem: answer.fault.message, isRunning: false },
      );
    };
    const timer = setTimeout(() => void run(), PAUSE_MS);
    return () => {
      clearTimeout(timer);
      left.abort();
    };
  }, [JSON.stringify(pair), hours, attempt]);
  return { ...trial, retry: () => setAttempt(attempt + 1) };
}
