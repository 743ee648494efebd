/** The rules that change one setting of one pair, as text for the policy file. */
import { matchesGlob } from '@kora-wake/shared/policy/glob';
import type { Mute } from '@kora-wake/shared/policy/mute';
import type { Rule } from '@kora-wake/shared/policy/rules';

export interface Pair {
  probe: string;
  category: string;
}

/** Keys that are absent stay as they are. */
export interface Setting {
  /** ms; 0: no window. */
  windowMs?: number;
  consecutive?: number;
}

const BARE = { match: { probe: '*', category: '*' }, reinvestigate: 'always', mutes: [] } satisfies Omit<
  Rule,
  'number' | 'line'
>;

/**
 * The first rule that matches decides alone. So each rule that decides alerts of the pair today gets a copy for the pair,
 * with its other keys.
 *
 * @param rules those in force
 * @returns entries of the list `rules`, to be pasted before the others
 */
export function pairRules(rules: Rule[], pair: Pair, setting: Setting): string {
  const matching = rules.filter(
    ({ match }) => matchesGlob(match.probe, pair.probe) && matchesGlob(match.category, pair.category),
  );
  const last = matching.findIndex(({ match }) => match.severities === undefined);
  const deciding = last < 0 ? [...matching, BARE] : matching.slice(0, last + 1);
  return deciding.map((rule) => textOf(Object.assign({}, rule, setting), pair)).join('\n');
}

function textOf(rule: Omit<Rule, 'number' | 'line'>, { probe, category }: Pair): string {
  const { match, windowMs, consecutive, backoff, reinvestigate, mutes } = rule;
  const severity = match.severities ? `, severity: [${match.severities.join(', ')}]` : '';
  return [
    `- match: { probe: ${patternOf(probe)}, category: ${patternOf(category)}${severity} }`,
    ...(windowMs === undefined ? [] : [`window: ${durationText(windowMs)}`]),
    ...(consecutive === undefined ? [] : [`consecutive: ${consecutive}`]),
    // A maximum below the window would be a fault.
    ...(backoff
      ? [`backoff: { factor: ${backoff.factor}, max: ${durationText(Math.max(backoff.maxMs, windowMs ?? 0))} }`]
      : []),
    ...(reinvestigate === 'always' ? [] : [`reinvestigate: ${reinvestigate}`]),
    ...(mutes.length > 0 ? ['mute:', ...mutes.map((mute) => `  - ${muteText(mute)}`)] : []),
  ].join('\n  ');
}

function muteText({ cron, forMs, timezone, reason }: Mute): string {
  return `{ cron: ${quoted(cron)}, for: ${durationText(forMs)}, timezone: ${timezone}, reason: ${quoted(reason)} }`;
}

/** Patterns may not contain brackets and braces. */
function patternOf(name: string): string {
  return quoted(name.replace(/[[\]{}]/g, '?'));
}

/** In YAML's double quotes. Invisible characters are escaped, so that the rule says what it matches. */
function quoted(text: string): string {
  return JSON.stringify(text).replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, escaped);
}

function escaped(character: string): string {
  return `\\U${(character.codePointAt(0) ?? 0).toString(16).padStart(8, '0')}`;
}

const UNITS = [
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;

function durationText(ms: number): string {
  const [unit, length] = UNITS.find(([, size]) => ms > 0 && ms % size === 0) ?? ['ms', 1];
  return ms === 0 ? '0s' : `${ms / length}${unit}`;
}
