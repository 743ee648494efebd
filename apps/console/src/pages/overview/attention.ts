/** The problems that need a person, worst first. */
import type { ResourceState } from '../../api/resource.ts';
import type { Account, Costs, DeadLetters, Investigations, OpenWindows, Queues, Tailer } from '../../api/types.ts';
import { brief, count, counted, span } from '../../format.ts';
import { queueEffect, queueLabel } from '../../labels.ts';

export interface OverviewState {
  windows: ResourceState<OpenWindows>;
  queues: ResourceState<Queues>;
  account: ResourceState<Account>;
  tailer: ResourceState<Tailer>;
  costs: ResourceState<Costs>;
  failed: ResourceState<DeadLetters>;
  latest: ResourceState<Investigations>;
}

/** An alert without an outcome for longer than this is late, ms. */
const LATE_MS = 5 * 60_000;

export function problemsOf({ queues, account, tailer, costs, failed, latest }: OverviewState): string[] {
  return [
    ...accountProblems(account.data),
    ...queueProblems(queues.data),
    ...tailerProblems(tailer.data),
    ...deliveryProblems(failed.data),
    ...(costs.data?.rung === 'hard_stop_100' ? ['The AI budget is spent: alerts are sent without diagnosis'] : []),
    ...setupProblems(latest.data),
  ];
}

function accountProblems(account?: Account): string[] {
  const problems: string[] = [];
  if (account && account.unaccounted !== 0) {
    problems.push(`${counted(account.unaccounted, 'alert')} missing: run npm run audit`);
  }
  if (account && account.oldestPendingMs > LATE_MS) {
    problems.push(`An alert has been in progress for ${span(account.oldestPendingMs)}`);
  }
  return problems;
}

function queueProblems(queues?: Queues): string[] {
  return (queues?.queues ?? []).flatMap(({ name, isPaused, workers }) => {
    if (isPaused) return [`${queueLabel(name)} paused: ${queueEffect(name)}`];
    return workers === 0 ? [`${queueLabel(name)}: no worker is running, ${queueEffect(name)}`] : [];
  });
}

function tailerProblems(tailer?: Tailer): string[] {
  if (!tailer) return [];
  const stopped = tailer.sources.filter(({ holder }) => holder === null);
  if (stopped.length === tailer.sources.length) return ['Log watcher is down: new alerts are not picked up'];
  return [
    ...stopped.map(({ path }) => `Log watcher is down for ${brief(path)}: its new alerts are not picked up`),
    ...tailer.sources
      .filter(({ missingSince }) => missingSince !== null)
      .map(({ path }) => `The log ${brief(path)} does not exist: no alert can arrive`),
    ...tailer.sources
      .filter(({ conflictWith }) => conflictWith !== null)
      .map(({ path }) => `Two hosts have different logs under ${brief(path)}: set KORA_SOURCE_NAME on each`),
  ];
}

function deliveryProblems(failed?: DeadLetters): string[] {
  const n = failed?.entries.length ?? 0;
  if (n === 0) return [];
  if (failed?.nextCursor) return [`${count(n)} or more alerts were not delivered`];
  return [`${counted(n, 'alert')} ${n === 1 ? 'was' : 'were'} not delivered`];
}

/** The console sees a missing setting only by its effect on the last finished alert. */
function setupProblems(latest?: Investigations): string[] {
  const last = latest?.entries.find(({ outcome }) => outcome !== null);
  const problems: string[] = [];
  if (last?.outcome === 'dry_run') problems.push('Slack is not configured: alerts are only logged');
  if (last?.code === 'engine_unavailable') problems.push('The AI is not configured: alerts are sent without diagnosis');
  return problems;
}

/** Whether the console has current data about every part that can fail. Only then may it say `All clear`. */
export function isComplete({ queues, account, tailer, costs, failed, latest }: OverviewState): boolean {
  return [queues, account, tailer, costs, failed, latest].every(({ data, fault }) => data !== undefined && !fault);
}
