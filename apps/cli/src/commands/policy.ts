/** `kora-wake policy`: checks a policy file, or explains its decision on an alert. */
import { type Decision, decideRow, NEW_PAIR, type PairState } from '@kora-wake/shared/policy/decide';
import { parsePolicy } from '@kora-wake/shared/policy/policy';
import { linesOf } from '@kora-wake/shared/policy/policy-file';
import { type RowSettings, settingsOf } from '@kora-wake/shared/policy/settings';
import { type Config, only } from '@kora-wake/shared/runtime/config';
import { debounceId } from '@kora-wake/shared/wake/pair';
import { parseTimestamp } from '@kora-wake/shared/wake/wake';
import { defineCommand, type Io, UsageError } from '../command.ts';
import { readText } from '../read-text.ts';
import { readConfig } from '../settings.ts';

const ACTIONS = ['check', 'explain'] as const;

const VARIABLES = only(
  'KORA_POLICY_PATH',
  'KORA_PROBE_DEBOUNCE_SECONDS',
  'KORA_PROBE_DEBOUNCE_CONSECUTIVE_REQUIRED',
  'KORA_PROBE_DEBOUNCE_BYPASS_CRITICAL',
  'KORA_INCIDENT_QUIET_SECONDS',
);

export const command = defineCommand({
  name: 'policy',
  summary: 'Checks a policy file, or explains what it does with an alert.',
  usage: 'ACTION [FILE] [options]',
  details: [
    'ACTION is check or explain. FILE is that of KORA_POLICY_PATH by default.',
    'Exits with 1 if the file has faults. Warnings do not change the exit code.',
  ],
  positionals: 2,
  options: {
    probe: { type: 'string', value: 'NAME', about: 'explain: the probe of the alert' },
    category: { type: 'string', value: 'NAME', about: 'explain: its category' },
    severity: { type: 'string', value: 'WORD', default: 'warning', about: 'explain: critical, warning or info' },
    at: { type: 'string', value: 'TIME', about: 'explain: when it comes, such as 2026-11-29T02:30:00Z (default: now)' },
  },
  run: async ({ values, positionals: [given, file] }, env, io) => {
    const action = ACTIONS.find((each) => each === given);
    if (action === undefined) {
      throw new UsageError(
        given === undefined
          ? 'an action is needed: check or explain.'
          : `unknown action '${given}', expected check or explain.`,
      );
    }
    const config = readConfig(env, io, VARIABLES);
    const path = file ?? config.policyPath;
    if (path === undefined) throw new UsageError('name a policy file, or set KORA_POLICY_PATH.');
    const read = parsePolicy(readText(path), config.incidentQuietMs > 0);
    if ('faults' in read) {
      for (const line of linesOf(path, read.faults)) io.err(line);
      io.err(`${path}: ${count(read.faults.length, 'fault')}. It is not used.`);
      return 1;
    }
    const { policy, warnings } = read;
    if (action === 'check') {
      for (const line of linesOf(path, warnings)) io.out(line.replace(/: /, ': warning: '));
      io.out(
        `${path}: ${count(policy.rules.length, 'rule')}, no faults, ${count(warnings.length, 'warning')}. Version ${policy.version}.`,
      );
      return 0;
    }
    const { probe, category, severity, at } = values;
    if (probe === undefined || category === undefined) throw new UsageError('explain needs --probe and --category.');
    const time = at === undefined ? Date.now() : parseTimestamp(at);
    if (time === undefined) throw new UsageError('--at: expected a time such as 2026-11-29T02:30:00Z.');
    const settings = settingsOf(policy.rules, config.debounce).ofPair(debounceId(probe, category)).of(severity);
    io.out(`${probe} / ${category}, ${severity}, at ${new Date(time).toISOString()}`);
    explain(path, severity, settings, time, config, io);
    const { storm } = policy;
    if (storm) {
      io.out(`If ${storm.pairs} different alerts are sent within ${exactSpan(storm.withinMs)}, one digest names them.`);
    }
    return 0;
  },
});

function explain(path: string, severity: string, settings: RowSettings, now: number, config: Config, io: Io): void {
  const { rule } = settings;
  io.out(rule ? `Rule ${rule.number} (${path}:${rule.line}) decides.` : 'No rule matches: the environment decides.');
  const muted = settings.mutedAt(now);
  if (muted) {
    io.out(
      `Muted until ${new Date(muted.until).toISOString()}: ${muted.mute.reason}. Nobody is notified, also not later.`,
    );
    return;
  }
  const hasIncidents = config.incidentQuietMs > 0;
  const decide = (state: PairState) => decideRow(severity, settings, state, { now, hasIncidents });
  const first = decide(NEW_PAIR);
  if (first.kind === 'buffered') {
    io.out(`The first alert is counted. Alert ${settings.consecutive} within ${exactSpan(first.forMs)} is sent.`);
  } else io.out('The first alert is sent.');
  const windows = [0, 1, 2, 3].map((wakes) =>
    windowOf(decide({ ...NEW_PAIR, wakes: wakes || undefined, buffered: settings.consecutive, hadCritical: true })),
  );
  const [length = 0] = windows;
  if (length === 0) io.out('There is no suppression window: each further alert is sent.');
  else {
    io.out(`It opens a suppression window of ${exactSpan(length)}: repeats are counted, not sent.`);
    const later = windows.slice(1).map(exactSpan).join(', ');
    if (settings.backoff) io.out(`The next windows of the same incident: ${later}.`);
  }
  if (severity === 'critical' && length > 0) {
    if (settings.bypassCritical) io.out('Each critical alert is sent, also inside a window.');
    else if (hasIncidents) io.out('The first critical alert of an incident is sent, also inside a window.');
  }
  if (settings.reinvestigate === 'on_change') {
    io.out('A later alert of an open incident is investigated again only if its severity, title or detail differs.');
  }
  for (const { cron, forMs, timezone, reason } of rule?.mutes ?? []) {
    const applies = severity !== 'critical' || rule?.match.severities?.includes('critical');
    io.out(
      `Muted for ${exactSpan(forMs)} at each ${cron} (${timezone}): ${reason}.${applies ? '' : ' Not critical alerts.'}`,
    );
  }
}

function windowOf(decision: Decision): number {
  return decision.kind === 'enqueued' ? decision.windowMs : 0;
}

/** Such as `1 h 30 min`. A setting is not rounded. */
function exactSpan(ms: number): string {
  const parts = [
    [Math.floor(ms / 86_400_000), 'd'],
    [Math.floor(ms / 3_600_000) % 24, 'h'],
    [Math.floor(ms / 60_000) % 60, 'min'],
    [(ms % 60_000) / 1_000, 's'],
  ] as const;
  return parts.flatMap(([n, unit]) => (n > 0 ? [`${n} ${unit}`] : [])).join(' ') || '0 s';
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}
