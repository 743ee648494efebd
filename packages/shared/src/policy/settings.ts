/** The settings of a row: those of the first rule that matches it; the environment sets the rest. */
import { type DebouncePolicy, pairOfDebounceId } from '../wake/pair.ts';
import { matchesGlob } from './glob.ts';
import { type MutedSpan, mutes } from './mute.ts';
import type { Match, Rule } from './rules.ts';

export interface RowSettings {
  /** Undefined: no rule matches. */
  rule: Rule | undefined;
  /** Length of the first window of an opening, ms; 0: none. */
  windowMs: number;
  consecutive: number;
  backoff: Rule['backoff'];
  reinvestigate: Rule['reinvestigate'];
  bypassCritical: boolean;
  /** The mute that covers a time (ms since the epoch), if one does. */
  mutedAt(now: number): MutedSpan | undefined;
}

/** The settings of all rows of a pair, whatever their severity. */
interface PairSettings {
  of(severity: string): RowSettings;
  /** True if a decision depends on more than the window: on a count of rows, or on earlier windows. */
  needsState: boolean;
  /** The largest `consecutive`. After that many rows that are not muted, a window is open. */
  maxConsecutive: number;
  /** True if some rows open no window. */
  mayLackWindow: boolean;
}

export interface Settings {
  /** @param dedupId the deduplication id of the pair */
  ofPair(dedupId: string): PairSettings;
}

const NEVER = () => undefined;

/** Pairs that are remembered. A log with more is read a little more slowly. */
const MAX_PAIRS = 10_000;

/** @param debounce what the environment sets */
export function settingsOf(rules: Rule[], debounce: DebouncePolicy): Settings {
  const withMutes = rules.map((rule) => ({ rule, mutedAt: mutes(rule.mutes) }));

  function settings(matching: (typeof withMutes)[number] | undefined, severity: string): RowSettings {
    const rule = matching?.rule;
    const isMutable = severity !== 'critical' || rule?.match.severities?.includes('critical');
    return {
      rule,
      windowMs: rule?.windowMs ?? debounce.windowMs,
      consecutive: rule?.consecutive ?? debounce.consecutive,
      backoff: rule?.backoff,
      reinvestigate: rule?.reinvestigate ?? 'always',
      bypassCritical: debounce.bypassCritical,
      mutedAt: matching && rule && rule.mutes.length > 0 && isMutable ? matching.mutedAt : NEVER,
    };
  }

  function ofPair(pair: { probe: string; category: string }): PairSettings {
    const matching = withMutes.filter(({ rule }) => matchesPair(rule.match, pair));
    const bySeverity = new Map<string, RowSettings>();
    const all = [...matching.map((each) => settings(each, '')), settings(undefined, '')];
    const mayLackWindow = all.some(({ windowMs }) => windowMs === 0);
    return {
      needsState:
        all.some(({ consecutive, backoff }) => consecutive > 1 || backoff !== undefined) ||
        (mayLackWindow && all.some(({ windowMs }) => windowMs > 0)),
      maxConsecutive: Math.max(...all.map(({ consecutive }) => consecutive)),
      mayLackWindow,
      of: (severity) => {
        const before = bySeverity.get(severity);
        if (before) return before;
        const first = matching.find(({ rule }) => rule.match.severities?.includes(severity) ?? true);
        const found = settings(first, severity);
        // Severities come from outside: any number of words is possible.
        if (bySeverity.size < 100) bySeverity.set(severity, found);
        return found;
      },
    };
  }

  const remembered = new Map<string, PairSettings>();
  const ofAll = rules.length === 0 ? ofPair({ probe: '', category: '' }) : undefined;
  return {
    ofPair: (dedupId) => {
      if (ofAll) return ofAll;
      const before = remembered.get(dedupId);
      if (before) return before;
      if (remembered.size >= MAX_PAIRS) remembered.clear();
      const found = ofPair(pairOfDebounceId(dedupId));
      remembered.set(dedupId, found);
      return found;
    },
  };
}

function matchesPair(match: Match, { probe, category }: { probe: string; category: string }): boolean {
  return matchesGlob(match.probe, probe) && matchesGlob(match.category, category);
}
