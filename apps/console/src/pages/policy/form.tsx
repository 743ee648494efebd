/** The text of a policy, the time to try it on, and the faults of the text next to it. */
import { useEffect, useRef } from 'preact/hooks';
import { useMayChange } from '../../api/resources.ts';
import type { Backtest } from '../../api/types.ts';
import { alertsText, count, counted } from '../../format.ts';
import { type Draft, type Fault, PERIODS } from '../policy.tsx';

interface PolicyFormProps {
  draft: Draft;
  choose: (next: Partial<Draft>) => void;
  run: () => Promise<void>;
  isRunning: boolean;
  faults: Fault[];
  /** Why there is no result; empty: there is no problem. */
  problem: string;
  result: Backtest | undefined;
}

export function PolicyForm({ draft, choose, run, isRunning, faults, problem, result }: PolicyFormProps) {
  const mayChange = useMayChange();
  const text = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    if (faults.length > 0) text.current?.focus();
  }, [faults]);
  const select = (line: number) => {
    const lines = draft.policy.split('\n');
    const start = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
    text.current?.focus();
    text.current?.setSelectionRange(start, start + (lines[line - 1]?.length ?? 0));
  };
  return (
    <form
      class="policy-form"
      aria-label="Backtest"
      onSubmit={(event) => {
        event.preventDefault();
        void run();
      }}
    >
      <div class="policy-text">
        <label for="policy-text">Policy to try (YAML)</label>
        <textarea
          id="policy-text"
          ref={text}
          rows={12}
          spellcheck={false}
          autocomplete="off"
          autocapitalize="off"
          aria-invalid={faults.length > 0}
          aria-describedby="policy-faults"
          value={draft.policy}
          onInput={(event) => choose({ policy: event.currentTarget.value })}
        />
      </div>
      <div class="policy-side">
        <div class="segments" role="group" aria-label="Alerts of">
          {PERIODS.map(({ label, days }) => (
            <button key={label} type="button" aria-pressed={days === draft.days} onClick={() => choose({ days })}>
              {label}
            </button>
          ))}
        </div>
        {mayChange ? (
          // Not disabled while it runs: the focus would be lost.
          <button type="submit" class="primary" aria-disabled={isRunning}>
            {isRunning ? 'Running…' : 'Run backtest'}
          </button>
        ) : (
          <p class="fine">Your token is read-only. A backtest needs the full one.</p>
        )}
        <p role="status" class={problem === '' ? 'fine' : 'wrong'}>
          {statusText({ isRunning, faults, problem, result })}
        </p>
        <ul id="policy-faults" class="faults" aria-label="Faults of the policy" hidden={faults.length === 0}>
          {faults.map(({ line, message }) => (
            <li key={`${line} ${message}`}>
              <button type="button" class="quiet" onClick={() => select(line)}>
                Line {line}
              </button>
              <span>{message}</span>
            </li>
          ))}
        </ul>
      </div>
    </form>
  );
}

function statusText({
  isRunning,
  faults,
  problem,
  result,
}: Pick<PolicyFormProps, 'isRunning' | 'faults' | 'problem' | 'result'>): string {
  if (isRunning) return 'The backtest is running. A long log takes up to a minute.';
  if (faults.length > 0) return `The policy has ${counted(faults.length, 'fault')}. Nothing was decided.`;
  if (problem !== '') return `The backtest failed: ${problem}`;
  if (!result) return '';
  if (result.missedTotal === 0) return 'Done. The new policy sends every alert that is sent today.';
  return `Done. The new policy does not send ${alertsText(result.missedTotal)} sent today, ${count(result.missedCritical)} of them critical.`;
}
