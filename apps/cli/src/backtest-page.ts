/** The result of a backtest as one HTML page without scripts and without links to other files. */
import type { Backtest, MissedAlert, PolicyResult } from '@kora-wake/backtest/backtest';
import type { Suggestion } from '@kora-wake/backtest/suggest';
import { wakesOf } from '@kora-wake/shared/policy/backtest-figures';
import { figureTexts } from './backtest-figures.ts';
import { DECISION_TEXTS } from './backtest-text.ts';

/** Missed alerts on the page; `--json` lists all. */
const MAX_MISSED = 500;
const MAX_PAIRS = 50;
const COLORS = ['#5b6472', '#1f6feb', '#b35900', '#1a7f37', '#8250df', '#bf3989'];

export function backtestPage(result: Backtest, suggestions: Suggestion[]): string {
  const { from, to, timezone, policies, missed, doubts } = result;
  const body =
    from === null || to === null
      ? '<p>No alerts in this time.</p>'
      : [
          `<p>Alerts from <time>${esc(from)}</time> to <time>${esc(to)}</time>. Hours are in ${esc(timezone)}.</p>`,
          comparison(policies),
          `<h2>Messages by hour of the day</h2>${hours(policies)}`,
          `<h2>Messages by pair</h2>${pairs(policies)}`,
          ...(policies.length > 1
            ? [`<h2>Alerts that are sent today and would not be sent</h2>${missedTable(missed)}`]
            : []),
          ...(suggestions.length > 0 ? [`<h2>Suggestions</h2>${suggestions.map(suggestion).join('')}`] : []),
        ].join('\n');
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Backtest of Kora Wake</title>
<style>
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: 0.3rem 0.6rem; border-bottom: 1px solid #8884; text-align: left; vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; }
.critical { color: #b42318; font-weight: 600; }
@media (prefers-color-scheme: dark) { .critical { color: #ff8a80; } }
pre { padding: 0.6rem; border: 1px solid #8884; overflow-x: auto; }
svg { width: 100%; height: auto; }
svg text { fill: currentColor; font: 11px system-ui, sans-serif; }
</style>
<h1>Backtest</h1>
${body}
<h2>Doubts</h2>
<ul>${doubts.map((doubt) => `<li>${esc(doubt)}</li>`).join('')}</ul>
</html>
`;
}

function comparison(policies: PolicyResult[]): string {
  const rows = figureTexts(policies).map(
    ({ label, values }) =>
      `<tr><th scope="row">${label}</th>${values.map((value) => `<td class="n">${esc(value)}</td>`).join('')}</tr>`,
  );
  return `<div class="scroll"><table><thead><tr><th scope="col">Policy</th>${policies.map(({ name }) => `<th scope="col" class="n">${esc(name)}</th>`).join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
}

/** A bar for each hour and policy. */
function hours(policies: PolicyResult[]): string {
  const [width, height, foot] = [960, 200, 20];
  const most = Math.max(1, ...policies.flatMap(({ byHour }) => byHour));
  const slot = width / 24;
  const bar = (slot - 6) / policies.length;
  const bars = policies.flatMap(({ name, byHour }, p) =>
    byHour.map((n, hour) => {
      const tall = (n / most) * height;
      const x = hour * slot + 3 + p * bar;
      return `<rect x="${x.toFixed(1)}" y="${(height - tall).toFixed(1)}" width="${Math.max(1, bar - 1).toFixed(1)}" height="${tall.toFixed(1)}" fill="${color(p)}"><title>${esc(name)}, ${hour}:00: ${n}</title></rect>`;
    }),
  );
  const labels = Array.from(
    { length: 24 },
    (_, hour) => `<text x="${hour * slot + slot / 2}" y="${height + 15}" text-anchor="middle">${hour}</text>`,
  );
  const about = policies.map(({ name, byHour }) => `${name}: ${byHour.join(', ')}`).join('. ');
  const legend = policies
    .map(({ name }, p) => `<span style="color:${color(p)}">■</span> ${esc(name)}`)
    .join(' &nbsp; ');
  return `<p>${legend}. The tallest bar is ${most}.</p><svg viewBox="0 0 ${width} ${height + foot}" role="img" aria-label="Messages by hour from 0 to 23. ${esc(about)}">${bars.join('')}${labels.join('')}</svg>`;
}

function pairs([current, ...others]: PolicyResult[]): string {
  if (!current) return '';
  const shown = current.byPair.slice(0, MAX_PAIRS);
  const most = Math.max(1, ...shown.map(({ wakes }) => wakes));
  const cells = (wakes: number, p: number) =>
    `<td class="n">${wakes}<svg viewBox="0 0 100 6" aria-hidden="true"><rect width="${((wakes / most) * 100).toFixed(1)}" height="6" fill="${color(p)}"/></svg></td>`;
  const rows = shown.map(({ probe, category, rows: alerts, wakes }) => {
    const then = others.map((other) => wakesOf(other, probe, category));
    return `<tr><th scope="row">${esc(probe)} / ${esc(category)}</th><td class="n">${alerts}</td>${cells(wakes, 0)}${then.map((n, i) => cells(n, i + 1)).join('')}</tr>`;
  });
  const rest = current.byPair.length - shown.length;
  return `<div class="scroll"><table><thead><tr><th scope="col">Pair</th><th scope="col" class="n">Alerts</th>${[current, ...others].map(({ name }) => `<th scope="col" class="n">${esc(name)}</th>`).join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div>${rest > 0 ? `<p>and ${rest} more</p>` : ''}`;
}

const MESSAGES: Record<MissedAlert['message'], string> = {
  none: 'nobody hears of it',
  later: 'a later message at',
  earlier: 'counted on the message of',
};
function missedTable(missed: MissedAlert[]): string {
  if (missed.length === 0) return '<p>None.</p>';
  const rows = missed
    .slice(0, MAX_MISSED)
    .map(
      ({ policy, probe, category, severity, emittedAt, title, decision, message, messageAt }) =>
        `<tr><td>${esc(policy)}</td><td class="${severity === 'critical' ? 'critical' : ''}">${esc(severity)}</td><td>${esc(emittedAt)}</td><td>${esc(probe)} / ${esc(category)}</td><td>${esc(title)}</td><td>${DECISION_TEXTS[decision]}: ${MESSAGES[message]}${messageAt === null ? '' : ` ${esc(messageAt)}`}</td></tr>`,
    );
  const rest = missed.length - rows.length;
  return `<div class="scroll"><table><thead><tr>${['Policy', 'Severity', 'Time', 'Pair', 'Title', 'Instead'].map((name) => `<th scope="col">${name}</th>`).join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div>${rest > 0 ? `<p>and ${rest} more</p>` : ''}`;
}

function suggestion({ probe, category, messages, messagesThen, rule, hides, hidesCritical }: Suggestion): string {
  return `<p>${esc(probe)} / ${esc(category)}: ${messagesThen} messages instead of ${messages}. Alerts that are sent today and would not be sent: ${hides}, critical ones: ${hidesCritical}.</p><pre>${esc(rule)}</pre>`;
}

function color(policy: number): string {
  return COLORS[policy % COLORS.length] ?? '';
}

function esc(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
