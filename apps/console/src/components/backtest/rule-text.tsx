/** Rules for the policy file, with a button that copies them. */
import { useRef, useState } from 'preact/hooks';
import { brief } from '../../format.ts';

export function RuleText({ rule, probe }: { rule: string; probe: string }) {
  const box = useRef<HTMLPreElement>(null);
  const [note, setNote] = useState('');
  // Indented as in the documents: a list in YAML needs one indentation.
  const text = rule.replace(/^/gm, '  ');
  const copy = async () => {
    setNote((await isCopied(text)) ? 'Copied.' : 'Selected: copy it with the keyboard.');
    if (box.current) getSelection()?.selectAllChildren(box.current);
  };
  return (
    <>
      <pre ref={box} class="rule">
        {text}
      </pre>
      <span class="actions">
        <button type="button" aria-label={`Copy rule for ${brief(probe, 30)}`} onClick={() => void copy()}>
          Copy rule
        </button>
        <span role="status" class="fine">
          {note}
        </span>
      </span>
    </>
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
