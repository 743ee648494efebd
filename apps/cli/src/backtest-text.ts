/** The result of a backtest as lines for a terminal. */
import type { Backtest, MissedAlert, PolicyResult } from '@kora-wake/backtest/backtest';
import type { Suggestion } from '@kora-wake/backtest/suggest';
import { wakesOf } from '@kora-wake/shared/policy/backtest-figures';
import { firstChars } from '@kora-wake/shared/wake/text';
import { figureTexts } from './backtest-figures.ts';

/** Missed alerts of one kind, and pairs, that are listed; the rest is counted. */
const MAX_LISTED = 10;
/** Characters of a pair in a table. */
const MAX_PAIR = 60;

export function backtestText(result: Backtest, suggestions: Suggestion[]): string[] {
  const { from, to, timezone, policies, missed, doubts } = result;
  if (from === null || to === null) return ['No alerts in this time.', ...section('Doubts', doubts)];
  return [
    `Alerts from ${from} to ${to}, hours in ${timezone}`,
    '',
    ...table(comparison(policies)),
    ...policies.slice(1).flatMap(({ name }) => missedBy(name, missed)),
    ...section('Pairs that notify most today', table(pairs(policies))),
    ...section('Suggestions', suggestions.flatMap(suggestionLines)),
    ...section(
      'Doubts',
      doubts.map((doubt) => `- ${doubt}`),
    ),
  ];
}

/** `1 alert that is`, `2 alerts that are`. */
function alertsText(n: number): string {
  return n === 1 ? '1 alert that is' : `${n} alerts that are`;
}

function section(title: string, lines: string[]): string[] {
  return lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${line}`)];
}

function comparison(policies: PolicyResult[]): string[][] {
  return [
    ['', ...policies.map(({ name }) => name)],
    ...figureTexts(policies).map(({ label, values }) => [label].concat(values)),
  ];
}

const KINDS: Array<{ message: MissedAlert['message']; title: string }> = [
  { message: 'none', title: 'Nobody would hear of these' },
  { message: 'later', title: 'A later message of the same pair would be sent' },
  { message: 'earlier', title: 'Counted on an earlier message of the same pair' },
];

function missedBy(policy: string, all: MissedAlert[]): string[] {
  const missed = all.filter((alert) => alert.policy === policy);
  const critical = missed.filter(({ severity }) => severity === 'critical').length;
  return [
    '',
    missed.length === 0
      ? `${policy} sends every alert that is sent today.`
      : `${policy} does not send ${alertsText(missed.length)} sent today, ${critical} of them critical.`,
    ...KINDS.flatMap(({ message, title }) =>
      listed(
        title,
        missed.filter((alert) => alert.message === message),
      ),
    ),
  ];
}

function listed(title: string, alerts: MissedAlert[]): string[] {
  if (alerts.length === 0) return [];
  const rest = alerts.length - MAX_LISTED;
  return [
    `  ${title}: ${alerts.length}`,
    ...alerts.slice(0, MAX_LISTED).map((alert) => `    ${missedLine(alert)}`),
    ...(rest > 0 ? [`    and ${rest} more: --json lists all`] : []),
  ];
}

/** The decision on an alert that was not sent. */
export const DECISION_TEXTS: Record<MissedAlert['decision'], string> = {
  coalesced: 'suppressed',
  buffered: 'too few',
  muted: 'muted',
};

function missedLine({
  severity,
  emittedAt,
  probe,
  category,
  title,
  decision,
  message,
  messageAt,
}: MissedAlert): string {
  const at = messageAt === null ? '' : `, message at ${messageAt.slice(11, 16)}`;
  const why = DECISION_TEXTS[decision];
  return `${emittedAt.slice(0, 16)}Z  ${severity.padEnd(8)}  ${probe} / ${category}  ${title}  (${why}${message === 'none' ? '' : at})`;
}

function pairs([current, ...others]: PolicyResult[]): string[][] {
  if (!current) return [];
  const noisy = current.byPair.filter(({ wakes }) => wakes > 0).slice(0, MAX_LISTED);
  if (noisy.length === 0) return [];
  return [
    ['', 'alerts', 'current', ...others.map(({ name }) => name)],
    ...noisy.map(({ probe, category, rows, wakes }) => {
      const then = others.map((other) => String(wakesOf(other, probe, category)));
      return [firstChars(`${probe} / ${category}`, MAX_PAIR), String(rows), String(wakes)].concat(then);
    }),
  ];
}

function suggestionLines({
  probe,
  category,
  messages,
  messagesThen,
  rule,
  hides,
  hidesCritical,
}: Suggestion): string[] {
  return [
    `${probe} / ${category}: ${messagesThen} messages instead of ${messages}. It does not send ${alertsText(hides)} sent today, ${hidesCritical} of them critical.`,
    ...rule.split('\n').map((line) => `  ${line}`),
  ];
}

/** The first column is text, the others are numbers. */
function table(rows: string[][]): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((cells) => cells[i]?.length ?? 0)));
  return rows.map((cells) =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart((widths[i] ?? 0) + 2))).join(''),
  );
}
