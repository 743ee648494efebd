/** Backtests for an API under test. */
import { type BacktestSetup, backtests } from '../../apps/api/src/backtest/backtests.ts';

export const backtestsOf = (logPath: string, more: Partial<BacktestSetup> = {}) =>
  backtests({
    logPath,
    debounce: { windowMs: 600_000, consecutive: 1, bypassCritical: false },
    quietMs: 7_200_000,
    policy: () => ({ rules: [] }),
    patterns: [],
    known: { certain: [], likely: [] },
    ...more,
  });
