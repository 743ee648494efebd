/** The state of Kora Wake in a few words, and the problems that need a person. */
import type { ResourceState } from '../../api/resource.ts';
import type { Investigations, OpenWindows } from '../../api/types.ts';
import { useNow } from '../../clock.ts';
import { ago, counted, exactTime } from '../../format.ts';
import { problemsOf, type ServiceState } from '../../problems.ts';

interface OverviewState extends ServiceState {
  windows: ResourceState<OpenWindows>;
  latest: ResourceState<Investigations>;
}

export function Headline(state: OverviewState) {
  const { account, windows, latest } = state;
  const problems = problemsOf(state, useNow());
  const inProgress = account.data?.inFlight ?? 0;
  return (
    <div class="headline">
      <h1>{titleOf(state, problems)}</h1>
      {problems.length > 0 && (
        <ul class="attention" aria-label="Needs attention">
          {problems.map((text) => (
            <li key={text}>{text}</li>
          ))}
        </ul>
      )}
      <p>
        {problems.length > 0 && inProgress > 0 && `${counted(inProgress, 'alert')} in progress. `}
        <LastAlert latest={latest} />
        {windows.data && !windows.fault && repeatsText(windows.data)}
      </p>
    </div>
  );
}

function titleOf(state: OverviewState, problems: string[]): string {
  if (problems.length > 0) return 'Needs attention';
  // The last good data may be old.
  if (Object.values(state).some(({ fault }) => fault)) return 'State unknown';
  const inProgress = state.account.data?.inFlight ?? 0;
  if (inProgress > 0) return `${counted(inProgress, 'alert')} in progress`;
  return isComplete(state) ? 'All clear' : 'Loading…';
}

function LastAlert({ latest }: Pick<OverviewState, 'latest'>) {
  const now = useNow();
  const [last] = latest.data?.entries ?? [];
  if (!last) return null;
  return (
    <>
      Last alert <span title={exactTime(last.enqueuedAt)}>{ago(now - Date.parse(last.enqueuedAt))}</span>.{' '}
    </>
  );
}

function repeatsText({ open, suppressed }: OpenWindows): string {
  if (open === 0) return 'Nothing is suppressed: the next alert of any probe is sent.';
  return `${counted(suppressed, 'repeat')} suppressed in ${counted(open, 'suppression window')}.`;
}

/** Whether the console has current data about every part that can fail. Only then may it say `All clear`. */
function isComplete({ queues, account, tailer, costs, failed, latest, status }: OverviewState): boolean {
  return [queues, account, tailer, costs, failed, latest, status].every(
    ({ data, fault }) => data !== undefined && !fault,
  );
}
