/** The result of a backtest: current policy next to the new one, and what the new one does not send. */
import { wakesOf } from '@kora-wake/shared/policy/backtest-figures';
import type { Backtest, BacktestPolicy } from '../../api/types.ts';
import { Comparison } from '../../components/backtest/comparison.tsx';
import { Missed } from '../../components/backtest/missed.tsx';
import { PolicyHeads } from '../../components/backtest/policy-heads.tsx';
import { Suggestions } from '../../components/backtest/suggestions.tsx';
import { Pair } from '../../components/pair.tsx';
import { Empty, Panel } from '../../components/panel.tsx';
import { When } from '../../components/values.tsx';
import { count } from '../../format.ts';
import { Hours } from './hours.tsx';

export function BacktestResult({ result, isOld }: { result: Backtest; isOld: boolean }) {
  const { from, to, timezone, policies, suggestions, warnings, doubts } = result;
  return (
    <div class="columns">
      <div class="main-column">
        <Panel
          id="comparison"
          title="Current and new"
          hint={
            from !== null &&
            to !== null && (
              <>
                alerts from <When at={from} /> to <When at={to} />
              </>
            )
          }
          tools={isOld && <span class="stale">before your last changes</span>}
        >
          {from === null ? <Empty>No alerts in this time.</Empty> : <Comparison policies={policies} />}
        </Panel>
        {from !== null && (
          <>
            <Missed result={result} />
            <Panel id="hours" title="By hour of the day" hint={timezone}>
              <Hours policies={policies} />
            </Panel>
            <Panel id="pairs" title="Pairs that notify most today">
              <Pairs policies={policies} />
            </Panel>
          </>
        )}
      </div>
      <div class="side-column">
        {warnings.length > 0 && <Notes id="warnings" title="Warnings" notes={warnings.map((text) => `Line ${text}`)} />}
        {suggestions.length > 0 && <Suggestions suggestions={suggestions} />}
        <Notes id="doubts" title="Doubts" notes={doubts} />
      </div>
    </div>
  );
}

function Notes({ id, title, notes }: { id: string; title: string; notes: string[] }) {
  return (
    <Panel id={id} title={title}>
      <ul class="notes">
        {notes.map((note) => (
          <li key={note}>{note}</li>
        ))}
      </ul>
    </Panel>
  );
}

const MAX_PAIRS = 10;

function Pairs({ policies: [current, ...others] }: { policies: BacktestPolicy[] }) {
  const noisy = current?.byPair.filter(({ wakes }) => wakes > 0).slice(0, MAX_PAIRS) ?? [];
  if (noisy.length === 0) return <Empty>No messages in this time.</Empty>;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Messages by pair">
      <table class="numbers">
        <thead>
          <tr>
            <th scope="col">Pair</th>
            <th scope="col">Alerts</th>
            <th scope="col">current</th>
            <PolicyHeads policies={others} />
          </tr>
        </thead>
        <tbody>
          {noisy.map(({ probe, category, rows, wakes }) => (
            <tr key={JSON.stringify([probe, category])}>
              <th scope="row">
                <Pair probe={probe} category={category} />
              </th>
              <td>{count(rows)}</td>
              <td>{count(wakes)}</td>
              {others.map((other) => (
                <td key={other.name}>{count(wakesOf(other, probe, category))}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
