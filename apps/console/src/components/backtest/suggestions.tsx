/** Rules that would halve the messages of noisy pairs. */
import type { BacktestSuggestion } from '../../api/types.ts';
import { alertsText, count, counted } from '../../format.ts';
import { Pair } from '../pair.tsx';
import { Panel } from '../panel.tsx';
import { RuleText } from './rule-text.tsx';

export const Suggestions = ({ suggestions }: { suggestions: BacktestSuggestion[] }) => (
  <Panel id="suggestions" title="Suggestions" hint="paste before the other rules">
    <ul class="suggestions">
      {suggestions.map((suggestion) => (
        <Suggestion key={suggestion.rule} of={suggestion} />
      ))}
    </ul>
  </Panel>
);

function Suggestion({
  of: { probe, category, messages, messagesThen, hides, hidesCritical, rule },
}: {
  of: BacktestSuggestion;
}) {
  return (
    <li>
      <Pair probe={probe} category={category} />
      <p>
        {counted(messagesThen, 'message')} instead of {count(messages)}. It does not send {alertsText(hides)} sent
        today, {count(hidesCritical)} of them critical.
      </p>
      <RuleText rule={rule} probe={probe} />
    </li>
  );
}
