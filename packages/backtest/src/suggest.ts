/** Suggests rules for the pairs that notify most: the shortest window, or the smallest count, that halves their messages. */
import type { Rule } from '@kora-wake/shared/policy/rules';
import { settingsOf } from '@kora-wake/shared/policy/settings';
import { pairOfDebounceId } from '@kora-wake/shared/wake/pair';
import { type BacktestOptions, type Decided, decideAll, sentAt } from './backtest.ts';
import { pairRules } from './pair-rules.ts';
import type { LogRow } from './read-log.ts';

export interface Suggestion {
  probe: string;
  category: string;
  /** Messages by the current policy, and by the suggested setting. */
  messages: number;
  messagesThen: number;
  /** Exactly one of both. */
  windowMs?: number;
  consecutive?: number;
  /** Alerts that are sent today and would not be sent, and how many of them are critical. */
  hides: number;
  hidesCritical: number;
  /** Rules for the policy file, to be pasted before the others. */
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

type Setting = { windowMs: number } | { consecutive: number };

function suggestFor(pair: string, rows: LogRow[], options: Options): Suggestion[] {
  const decide = (rules: Rule[]) => decideAll(rows, settingsOf(rules, options.debounce), options);
  const current = decide(options.rules);
  const sent = rows.filter((row, i) => counts(row, current[i], options));
  const firstThatHalves = (settings: Setting[]): Suggestion[] => {
    for (const setting of settings) {
      const decided = decide(rulesWith(options.rules, setting));
      const messagesThen = rows.filter((row, i) => counts(row, decided[i], options)).length;
      if (messagesThen * 2 > sent.length) continue;
      const hidden = rows.filter((row, i) => counts(row, current[i], options) && sentAt(decided[i]) === undefined);
      return [
        {
          ...pairOfDebounceId(pair),
          messages: sent.length,
          messagesThen,
          ...setting,
          hides: hidden.length,
          hidesCritical: hidden.filter(({ severity }) => severity === 'critical').length,
          rule: pairRules(options.rules, pairOfDebounceId(pair), setting),
        },
      ];
    }
    return [];
  };
  const windows = WINDOWS.filter((windowMs) => windowMs > options.debounce.windowMs);
  return [
    ...firstThatHalves(windows.map((windowMs) => ({ windowMs }))),
    ...firstThatHalves(COUNTS.map((consecutive) => ({ consecutive }))),
  ];
}

/** The rules with one setting changed. */
function rulesWith(rules: Rule[], setting: Setting): Rule[] {
  const rest: Rule = { number: 0, line: 0, match: { probe: '*', category: '*' }, reinvestigate: 'always', mutes: [] };
  return [...rules, rest].map((rule) => Object.assign({}, rule, setting));
}

/** Whether the row is sent, and is in the time that counts. */
function counts({ at }: LogRow, decision: Decided[number], { from, to }: Pick<Options, 'from' | 'to'>): boolean {
  return at >= from && at < to && sentAt(decision) !== undefined;
}
