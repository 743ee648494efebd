/** The problems of Kora Wake itself that need a person, worst first. */
import type { ResourceState } from './api/resource.ts';
import type { Account, Costs, DeadLetters, Hold, Queues, Status, Tailer } from './api/types.ts';
import { brief, count, counted, span, time } from './format.ts';
import { queueEffect, queueLabel } from './labels.ts';
import { problemText } from './service-problem.ts';

export interface ServiceState {
  queues: ResourceState<Queues>;
  account: ResourceState<Account>;
  tailer: ResourceState<Tailer>;
  costs: ResourceState<Costs>;
  failed: ResourceState<DeadLetters>;
  status: ResourceState<Status>;
  hold: ResourceState<Hold>;
}

/** An alert without an outcome for longer than this is late, ms. */
const LATE_MS = 5 * 60_000;

/** @param now ms */
export function problemsOf(
  { queues, account, tailer, costs, failed, status, hold }: ServiceState,
  now: number,
): string[] {
  return [
    ...holdProblems(hold.data, now),
    ...accountProblems(account.data),
    ...queueProblems(queues.data),
    ...tailerProblems(tailer.data),
    ...deliveryProblems(failed.data),
    ...(costs.data?.rung === 'hard_stop_100' ? ['The AI budget is spent: alerts are sent without diagnosis'] : []),
    ...(status.data?.problems ?? []).map((problem) => problemText(problem, now)),
    ...ingestProblems(status.data, now),
    ...setupProblems(status.data, queues.data),
  ];
}

function holdProblems(hold: Hold | undefined, now: number): string[] {
  if (!hold || hold.until === null) return [];
  const by = hold.by === null ? '' : ` by ${brief(hold.by, 40)}`;
  return [`All messages are held until ${time(Date.parse(hold.until), now)}${by}: only first critical alerts are sent`];
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

/** A tool whose alerts cannot be read stays a problem for this time, ms. */
const UNMAPPED_MS = 60 * 60_000;

/** One problem for each tool: its last body that could not be mapped. */
function ingestProblems(status: Status | undefined, now: number): string[] {
  const recent = (status?.ingestion.faults ?? []).filter(({ at }) => now - Date.parse(at) < UNMAPPED_MS);
  return [...Map.groupBy(recent, ({ source }) => source)].map(
    ([source, [last]]) => `An alert of ${brief(source)} could not be read: ${brief(last?.message ?? '', 100)}`,
  );
}

function setupProblems(status?: Status, queues?: Queues): string[] {
  if (!status) return [];
  const { slack, llm, clicks } = status;
  if (!slack || !llm) {
    const areListed = queues?.queues.some(({ workers }) => workers === 0);
    return areListed ? [] : ['No worker has reported for 30 s: alerts may not be sent'];
  }
  const problems: string[] = [];
  if (!slack.isConfigured) problems.push('Slack is not configured: alerts are only logged');
  else if (slack.operator === null) {
    problems.push('No recipient is configured: messages fail until KORA_SLACK_OPERATOR_USER_ID is set');
  }
  if (clicks.socket && !clicks.socket.isConnected && !clicks.isHttpOpen) {
    problems.push('The connection for clicks in Slack is down: use the buttons here');
  }
  if (!llm.isConfigured) problems.push('The AI is not configured: alerts are sent without diagnosis');
  return problems;
}
