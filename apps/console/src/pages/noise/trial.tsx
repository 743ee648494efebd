/** The effect of another window or count of one pair: a backtest of the log by the policy in force and one more rule. */
import { useEffect, useRef } from 'preact/hooks';
import { useResource } from '../../api/resource.ts';
import * as api from '../../api/resources.ts';
import { useMayCertainlyChange, useMayChange } from '../../api/resources.ts';
import type { Backtest, BacktestPair } from '../../api/types.ts';
import { Comparison } from '../../components/backtest/comparison.tsx';
import { Missed } from '../../components/backtest/missed.tsx';
import { RuleText } from '../../components/backtest/rule-text.tsx';
import { IncidentList } from '../../components/incident-list.tsx';
import { Pair } from '../../components/pair.tsx';
import { Empty, Panel } from '../../components/panel.tsx';
import { alertsText, count, counted, withoutStop } from '../../format.ts';
import { toAlertsOf } from '../../route.ts';
import type { NoiseQuery } from '../noise.tsx';
import { type Setting, settingOf, TrialForm } from './trial-form.tsx';
import { useTrial } from './use-trial.ts';

interface TrialProps {
  pair: { probe: string; category: string };
  query: NoiseQuery;
  /** Time until now whose alerts count. */
  hours: number;
}

export function Trial({ pair, query, hours }: TrialProps) {
  const { probe, category } = pair;
  const heading = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // It opens above the row whose button was pressed.
    heading.current?.focus({ preventScroll: true });
    heading.current?.scrollIntoView({ block: 'nearest' });
  }, []);
  const close = () => {
    // The button below this section: the one that is pressed now goes away.
    document.querySelector<HTMLButtonElement>('.pairs .chosen button')?.focus({ preventScroll: true });
    query.set({ probe: '', category: '' });
  };
  return (
    <div class="trial" role="group" aria-labelledby="trial" ref={heading} tabIndex={-1}>
      <Panel
        id="trial"
        title="What would another window save?"
        hint={<Pair probe={probe} category={category} />}
        tools={
          <span class="actions">
            <a href={toAlertsOf(probe, category)}>Its alerts</a>
            <button type="button" class="quiet" onClick={close}>
              Close
            </button>
          </span>
        }
      >
        <div class="columns">
          <div class="main-column">
            <PairBacktest {...{ pair, query, hours }} />
          </div>
          <div class="side-column">
            <PairIncidents {...pair} />
          </div>
        </div>
      </Panel>
    </div>
  );
}

function PairBacktest({ pair, query, hours }: TrialProps) {
  const mayChange = useMayChange();
  const setting = settingOf(query);
  const change = 'change' in setting ? setting.change : undefined;
  const faults = 'faults' in setting ? setting.faults : {};
  const mayRun = useMayCertainlyChange();
  const wanted: BacktestPair | undefined = change && mayRun ? { ...pair, ...change } : undefined;
  const { result, problem, isRunning, retry } = useTrial(wanted, hours);
  if (!mayChange) return <Empty>Your token is read-only. A backtest needs the full one.</Empty>;
  return (
    <>
      <div>
        <TrialForm query={query} faults={faults} />
        <p role="status" class={problem === '' ? 'verdict-line' : 'wrong'}>
          {change ? statusText({ isRunning, problem, result }) : noChangeText(setting)}
        </p>
        {problem !== '' && (
          <button type="button" onClick={retry}>
            Try again
          </button>
        )}
      </div>
      {result && change && (
        <div class="results" aria-busy={isRunning}>
          <Results result={result} probe={pair.probe} />
        </div>
      )}
    </>
  );
}

const noChangeText = (setting: Setting) =>
  'faults' in setting ? 'Correct the setting first.' : 'Choose a window, or a number of alerts.';

function statusText({
  isRunning,
  problem,
  result,
}: {
  isRunning: boolean;
  problem: string;
  result: Backtest | undefined;
}): string {
  if (isRunning) return 'The backtest is running. A long log takes up to a minute.';
  if (problem !== '') return `The backtest failed: ${withoutStop(problem)}.`;
  const [now, then] = result?.policies ?? [];
  if (!result || !now || !then) return '';
  if (now.rows === 0) return 'The audit log of the API has no alerts of this pair in this time.';
  const sent = `${counted(then.wakes - then.withdrawn, 'message')} instead of ${count(now.wakes - now.withdrawn)}, ${count(then.night)} instead of ${count(now.night)} at night.`;
  return result.missedTotal === 0
    ? `${sent} Every alert that is sent today is sent.`
    : `${sent} It does not send ${alertsText(result.missedTotal)} sent today, ${count(result.missedCritical)} of them critical.`;
}

function Results({ result, probe }: { result: Backtest; probe: string }) {
  const { policies, rule, doubts, from } = result;
  if (from === null) return null;
  return (
    <>
      <Comparison policies={policies} />
      {rule !== undefined && (
        <div class="rule-box">
          <RuleText rule={rule} probe={probe} />
          <PasteHint />
        </div>
      )}
      {result.missedTotal > 0 && <Missed result={result} />}
      <details>
        <summary>Why this may be wrong</summary>
        <ul class="notes">
          {doubts.map((doubt) => (
            <li key={doubt}>{doubt}</li>
          ))}
        </ul>
      </details>
    </>
  );
}

function PasteHint() {
  const { data } = useResource(api.status);
  return (
    <p class="fine">
      {data?.policy.version === ''
        ? 'Write it below “version: 1” and “rules:” into a file, name this file in KORA_POLICY_PATH, and restart.'
        : 'Paste it below “rules:” of the policy file, before the other rules. Then send SIGHUP to tailer, worker and API.'}
    </p>
  );
}

function PairIncidents({ probe, category }: TrialProps['pair']) {
  const state = useResource(api.incidentsOf(probe, category));
  const isComplete = state.data?.nextCursor === null;
  return (
    <Panel
      id="pair-incidents"
      title="Incidents"
      hint={state.data && (isComplete ? 'the newest first' : 'only the newest ones')}
      state={state}
    >
      {state.data && (
        <IncidentList
          incidents={state.data.entries}
          empty={
            isComplete
              ? 'No incidents of this pair in the last 35 days.'
              : 'No incident of this pair among the newest incidents.'
          }
        />
      )}
    </Panel>
  );
}
