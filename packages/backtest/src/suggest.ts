/** Suggests rules for the pairs that notify most: the shortest window, or the smallest count, that halves their messages. */
import type { Rule } from '@kora-wake/shared/policy/rules';
import { settingsOf } from '@kora-wake/shared/policy/settings';
import { pairOfDebounceId } from '@kora-wake/shared/wake/pair';
import { type BacktestOptions, type Decided, decideAll, sentAt } from './backtest.ts';
import type { LogRow } from './read-log.ts';

export interface Suggestion {
  probe: string;
  category: string;
  /** Messages by the current policy, and by the suggested setting. */
  now: number;
  then: number;
  /** Exactly one of both. */
  windowMs?: number;
  consecutive?: number;
  /** Alerts that are sent today and would not be sent, and how many of them are critical. */
  hides: number;
  hidesCritical: number;
  /** A rule for the policy file. */
  rule: string;
}

const MINUTE = 60_000;
const WINDOWS = [15, 30, 60, 120, 240, 480, 1_440].map((minutes) => minutes * MINUTE);
const COUNTS = [2, 3, 4, 5];
const MAX_PAIRS = 5;
/** A pair with fewer messages is not noisy. */
const MIN_MESSAGES = 4;

type Options = Omit<BacktestOptions, 'policies'> & { rules: Rule[] };

/** @param rules the current ones */
export function suggest(rows: LogRow[], options: Options): Suggestion[] {
  const current = decideAll(rows, settingsOf(options.rules, options.debounce), options);
  const messages = new Map<string, number>();
  for (const [i, row] of rows.entries()) {
    if (counts(row, current[i], options)) messages.set(row.pair, (messages.get(row.pair) ?? 0) + 1);
  }
  const noisy = [...messages].filter(([, n]) => n >= MIN_MESSAGES).toSorted(([, a], [, b]) => b - a);
  return noisy.slice(0, MAX_PAIRS).flatMap(([pair]) => {
    // A recovery without a pair may concern this one.
    const own = rows.filter((row) => row.pair === pair || row.pair === '');
    return suggestFor(pair, own, options);
  });
}

function suggestFor(pair: string, rows: LogRow[], options: Options): Suggestion[] {
  const before = decideAll(rows, settingsOf(options.rules, options.debounce), options);
  const now = rows.filter((row, i) => counts(row, before[i], options)).length;
  const { windowMs: usual } = options.debounce;
  const firstThatHalves = (settings: Array<{ windowMs: number } | { consecutive: number }>) => {
    for (const setting of settings) {
      const rules = rulesWith(options.rules, setting);
      const after = decideAll(rows, settingsOf(rules, options.debounce), options);
      const then = rows.filter((row, i) => counts(row, after[i], options)).length;
      if (then * 2 <= now) return [suggestion(pair, setting, { now, then, rows, before, after }, options)];
    }
    return [];
  };
  const windows = WINDOWS.filter((windowMs) => windowMs > usual);
  return [
    ...firstThatHalves(windows.map((windowMs) => ({ windowMs }))),
    ...firstThatHalves(COUNTS.map((consecutive) => ({ consecutive }))),
  ];
}

/** The rules with one setting changed. */
function rulesWith(rules: Rule[], setting: { windowMs: number } | { consecutive: number }): Rule[] {
  const rest: Rule = { number: 0, line: 0, match: { probe: '*', category: '*' }, reinvestigate: 'always', mutes: [] };
  return [...rules, rest].map((rule) => ({ ...rule, ...setting }));
}

function suggestion(
  pair: string,
  setting: { windowMs: number } | { consecutive: number },
  { now, then, rows, before, after }: { now: number; then: number; rows: LogRow[]; before: Decided; after: Decided },
  options: Options,
): Suggestion {
  const names = pairOfDebounceId(pair);
  const hidden = rows.filter((row, i) => counts(row, before[i], options) && sentAt(after[i]) === undefined);
  const key = 'windowMs' in setting ? `window: ${spanOf(setting.windowMs)}` : `consecutive: ${setting.consecutive}`;
  const match = `probe: ${JSON.stringify(names.probe)}, category: ${JSON.stringify(names.category)}`;
  return {
    ...names,
    now,
    then,
    ...setting,
    hides: hidden.length,
    hidesCritical: hidden.filter(({ severity }) => severity === 'critical').length,
    rule: `- match: { ${match} }\n  ${key}`,
  };
}

/** Whether the row is sent, and is in the time that counts. */
function counts({ at }: LogRow, decision: Decided[number], { from, to }: Pick<Options, 'from' | 'to'>): boolean {
  return at >= from && at < to && sentAt(decision) !== undefined;
}

function spanOf(ms: number): string {
  return ms % 3_600_000 === 0 ? `${ms / 3_600_000}h` : `${ms / MINUTE}m`;
}
