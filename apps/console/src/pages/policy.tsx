/** A backtest: the alerts of the audit log, decided by a policy that is not in force yet. */
import { useState } from 'preact/hooks';
import { serverNow } from '../api/client.ts';
import * as api from '../api/resources.ts';
import type { Backtest } from '../api/types.ts';
import { PolicyForm } from './policy/form.tsx';
import { BacktestResult } from './policy/result.tsx';

const DAY_MS = 86_400_000;

export const PERIODS: Array<{ label: string; days: number }> = [
  { label: 'Last day', days: 1 },
  { label: 'Last week', days: 7 },
  { label: 'Last month', days: 30 },
  { label: 'All', days: Infinity },
];

export interface Draft {
  policy: string;
  days: number;
}

const EXAMPLE = `version: 1
rules:
  # One message an hour at most, for each probe and category.
  - match: { severity: [warning, info] }
    window: 1h
`;

/** Survives the page: an operator looks at an alert and comes back to the same policy. */
let last: { draft: Draft; done?: { of: Draft; result: Backtest } | undefined } = {
  draft: { policy: EXAMPLE, days: 7 },
};

/** Faults of the policy: each line, from 1, and its message. */
export type Fault = { line: number; message: string };

export function PolicyPage() {
  const [state, setState] = useState(last);
  const [isRunning, setRunning] = useState(false);
  const [faults, setFaults] = useState<Fault[]>([]);
  const [problem, setProblem] = useState('');
  const update = (next: Partial<typeof last>) => {
    last = { ...last, ...next };
    setState(last);
  };
  const { draft, done } = state;

  const run = async () => {
    if (isRunning) return;
    setRunning(true);
    setFaults([]);
    setProblem('');
    const from = Number.isFinite(draft.days) ? new Date(serverNow() - draft.days * DAY_MS).toISOString() : undefined;
    const answer = await api.runBacktest(draft.policy, from);
    setRunning(false);
    if (answer.ok) {
      update({ done: { of: draft, result: answer.body } });
      return;
    }
    const found = faultsIn(answer.fault.message);
    setFaults(found);
    if (found.length === 0) setProblem(answer.fault.message);
  };

  return (
    <div class="policy">
      <div class="toolbar">
        <h1>Policy</h1>
        <span class="hint">Try a policy on the alerts of the past. Nothing is sent, and nothing changes.</span>
      </div>
      <PolicyForm
        draft={draft}
        choose={(next) => update({ draft: { ...draft, ...next } })}
        run={run}
        {...{ isRunning, faults, problem, result: done?.result }}
      />
      {done && !isRunning && faults.length === 0 && problem === '' && (
        <BacktestResult result={done.result} isOld={done.of.policy !== draft.policy || done.of.days !== draft.days} />
      )}
    </div>
  );
}

/** The API lists each fault on a line of its own, as `LINE: message`. */
function faultsIn(message: string): Fault[] {
  const [, ...lines] = message.split('\n');
  return lines.flatMap((line) => {
    const [, number, text] = /^(\d+): (.*)$/.exec(line) ?? [];
    return text === undefined ? [] : [{ line: Number(number), message: text }];
  });
}
