/** `kora-wake backtest`: what policies would have done with a real log. It needs neither Redis nor an LLM, and sends nothing. */
import { writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { type Backtest, type NamedPolicy, runBacktest } from '@kora-wake/backtest/backtest';
import { readLog } from '@kora-wake/backtest/read-log';
import { type Suggestion, suggest } from '@kora-wake/backtest/suggest';
import { isTimezone } from '@kora-wake/shared/policy/mute';
import { readPolicy } from '@kora-wake/shared/policy/policy-file';
import { only } from '@kora-wake/shared/runtime/config';
import { knownValues } from '@kora-wake/shared/runtime/credentials';
import { errorReason, StartupError } from '@kora-wake/shared/runtime/errors';
import { senderQuiet } from '@kora-wake/shared/wake/incident';
import { redactor } from '@kora-wake/shared/wake/redact';
import { parseTimestamp } from '@kora-wake/shared/wake/wake';
import { backtestPage } from '../backtest-page.ts';
import { backtestText } from '../backtest-text.ts';
import { defineCommand, UsageError } from '../command.ts';
import { readConfig } from '../settings.ts';

const VARIABLES = only(
  'KORA_HOME',
  'KORA_AUDIT_LOG_PATH',
  'KORA_POLICY_PATH',
  'KORA_PROBE_DEBOUNCE_SECONDS',
  'KORA_PROBE_DEBOUNCE_CONSECUTIVE_REQUIRED',
  'KORA_PROBE_DEBOUNCE_BYPASS_CRITICAL',
  'KORA_INCIDENT_QUIET_SECONDS',
  'KORA_REDACT',
);

export const command = defineCommand({
  name: 'backtest',
  summary: 'Shows what policies would have done with your own log, next to the current one. Nothing is sent.',
  usage: '[options]',
  details: [
    'The current policy is that of KORA_POLICY_PATH and of the environment. Rotated and compressed pieces of a log are read too.',
    'TIME is such as 2026-11-01, 2026-11-01T08:00:00Z, or 7d: that long ago.',
  ],
  options: {
    log: {
      type: 'string',
      value: 'FILE',
      multiple: true,
      about: 'a log; may be repeated (default: that of KORA_AUDIT_LOG_PATH)',
    },
    policy: { type: 'string', value: 'FILE', multiple: true, about: 'a policy to compare with; may be repeated' },
    from: { type: 'string', value: 'TIME', about: 'count alerts from this time on' },
    to: { type: 'string', value: 'TIME', about: 'count alerts before this time' },
    timezone: { type: 'string', value: 'ZONE', default: 'UTC', about: 'for hours and nights, such as Europe/Berlin' },
    json: { type: 'boolean', default: false, about: 'print the result as JSON' },
    html: { type: 'string', value: 'FILE', about: 'write the result as one HTML page' },
  },
  run: async ({ values }, env, io) => {
    const config = readConfig(env, io, VARIABLES);
    const { timezone } = values;
    if (!isTimezone(timezone)) throw new UsageError('--timezone: expected a time zone such as Europe/Berlin.');
    const now = Date.now();
    const [from, to] = [timeOf('from', values.from, now) ?? -Infinity, timeOf('to', values.to, now) ?? Infinity];
    if (from >= to) throw new UsageError('--from must be before --to.');
    const hasIncidents = config.incidentQuietMs > 0;
    const current = readPolicy(config.policyPath, hasIncidents).policy;
    const others = (values.policy ?? []).map((path): NamedPolicy => {
      const { policy, warnings } = readPolicy(path, hasIncidents, '--policy');
      for (const warning of warnings) io.err(`kora-wake: warning: ${warning}`);
      return { name: basename(path), rules: policy.rules, storm: policy.storm };
    });
    const redact = redactor(config.redact, knownValues(env));
    const content = await readLog(values.log ?? [config.auditLogPath], redact, now);
    const { debounce, incidentQuietMs: quietMs } = config;
    const options = {
      debounce,
      hasIncidents,
      quietMs,
      senderQuietMs: senderQuiet(quietMs),
      from,
      to,
      timezone,
      redact,
    };
    const policies = [{ name: 'current', rules: current.rules, storm: current.storm }, ...uniquelyNamed(others)];
    const result = runBacktest(content, { ...options, policies });
    const suggestions = suggest(content.rows, { ...options, rules: current.rules });
    if (values.html !== undefined) writePage(values.html, result, suggestions);
    if (values.json) io.out(JSON.stringify({ ...result, suggestions }, null, 2));
    else for (const line of backtestText(result, suggestions)) io.out(line);
    return 0;
  },
});

/** Two files may have the same name in different folders. */
function uniquelyNamed(policies: NamedPolicy[]): NamedPolicy[] {
  return policies.map((policy, i) => {
    const isTaken = policy.name === 'current' || policies.findIndex(({ name }) => name === policy.name) < i;
    return isTaken ? { ...policy, name: `${policy.name} (${i + 1})` } : policy;
  });
}

const DAY_MS = 86_400_000;
const UNITS: Record<string, number> = { m: 60_000, h: 3_600_000, d: DAY_MS, w: 7 * DAY_MS };

/** ms since the epoch. */
function timeOf(option: string, text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined;
  const [, amount, unit = ''] = /^(\d+)([mhdw])$/.exec(text) ?? [];
  const at = amount === undefined ? parseTimestamp(text) : now - Number(amount) * (UNITS[unit] ?? 0);
  if (at === undefined)
    throw new UsageError(`--${option}: expected a time such as 2026-11-01, or 7d for seven days ago.`);
  return at;
}

function writePage(path: string, result: Backtest, suggestions: Suggestion[]): void {
  try {
    writeFileSync(path, backtestPage(result, suggestions), { mode: 0o600 });
  } catch (error) {
    throw new StartupError(`${path} cannot be written (${errorReason(error)}).`, { cause: error });
  }
}
