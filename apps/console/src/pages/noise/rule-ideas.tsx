/** Rules that a backtest of the whole log suggests for the noisiest pairs. It may take long, so a person starts it. */
import { useState } from 'preact/hooks';
import { serverNow } from '../../api/client.ts';
import * as api from '../../api/resources.ts';
import { useMayChange } from '../../api/resources.ts';
import type { BacktestSuggestion } from '../../api/types.ts';
import { Suggestions } from '../../components/backtest/suggestions.tsx';
import { Panel } from '../../components/panel.tsx';
import { withoutStop } from '../../format.ts';

const HOUR_MS = 3_600_000;
/** Suggestions do not depend on the policy that is tried. */
const ANY_POLICY = 'version: 1\n';

export function RuleIdeas({ hours }: { hours: number }) {
  const mayChange = useMayChange();
  const [isRunning, setRunning] = useState(false);
  const [problem, setProblem] = useState('');
  const [suggestions, setSuggestions] = useState<BacktestSuggestion[]>();
  const run = async () => {
    if (isRunning) return;
    setRunning(true);
    setProblem('');
    const answer = await api.runBacktest(ANY_POLICY, new Date(serverNow() - hours * HOUR_MS).toISOString());
    setRunning(false);
    if (answer.ok) setSuggestions(answer.body.suggestions);
    else setProblem(answer.fault.message);
  };
  if (!mayChange) return null;
  if (suggestions && suggestions.length > 0) return <Suggestions suggestions={suggestions} />;
  return (
    <Panel id="suggestions" title="Suggestions">
      <div class="ideas">
        <button type="button" aria-disabled={isRunning} onClick={() => void run()}>
          {isRunning ? 'Running…' : 'Suggest rules for the noisiest pairs'}
        </button>
        <p role="status" class={problem === '' ? 'fine' : 'wrong'}>
          {statusText({ isRunning, problem, suggestions })}
        </p>
      </div>
    </Panel>
  );
}

function statusText({
  isRunning,
  problem,
  suggestions,
}: {
  isRunning: boolean;
  problem: string;
  suggestions: BacktestSuggestion[] | undefined;
}): string {
  if (isRunning) return 'The backtest is running. A long log takes up to a minute.';
  if (problem !== '') return `The backtest failed: ${withoutStop(problem)}. Press the button again.`;
  if (suggestions) return 'No rule would halve the messages of a pair.';
  return 'A backtest of the audit log finds the shortest window that halves their messages.';
}
