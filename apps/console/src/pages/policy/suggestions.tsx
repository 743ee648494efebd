/** Rules that would halve the messages of noisy pairs. */
import { useRef, useState } from 'preact/hooks';
import type { BacktestSuggestion } from '../../api/types.ts';
import { Pair } from '../../components/pair.tsx';
import { Panel } from '../../components/panel.tsx';
import { brief, count } from '../../format.ts';
import { alertsText } from './form.tsx';

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
  const box = useRef<HTMLPreElement>(null);
  const [note, setNote] = useState('');
  const copy = async () => {
    setNote((await isCopied(rule)) ? 'Copied.' : 'Selected: copy it with the keyboard.');
    if (box.current) getSelection()?.selectAllChildren(box.current);
  };
  return (
    <li>
      <Pair probe={probe} category={category} />
      <p>
        {count(messagesThen)} messages instead of {count(messages)}. It does not send {alertsText(hides)} sent today,{' '}
        {count(hidesCritical)} of them critical.
      </p>
      <pre ref={box}>{rule}</pre>
      <span class="actions">
        <button type="button" aria-label={`Copy rule for ${brief(probe, 30)}`} onClick={() => void copy()}>
          Copy rule
        </button>
        <span role="status" class="fine">
          {note}
        </span>
      </span>
    </li>
  );
}

/** Browsers have a clipboard only on pages that came through TLS or from this machine. */
async function isCopied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
