/** A button that copies a text. If the browser has no clipboard, as on plain HTTP, it shows the text instead, selected. */
import { useLayoutEffect, useRef, useState } from 'preact/hooks';

interface CopyButtonProps {
  label: string;
  /** The label for a reader of the screen, if there are several of these buttons. */
  name?: string;
  /** Made when the button is pressed. */
  text: () => string;
}

type Result = { kind: 'none' | 'copied' } | { kind: 'shown'; text: string };

export function CopyButton({ label, name = label, text }: CopyButtonProps) {
  const [result, setResult] = useState<Result>({ kind: 'none' });
  const copy = async () => {
    const copied = text();
    try {
      await navigator.clipboard.writeText(copied);
      setResult({ kind: 'copied' });
    } catch {
      setResult({ kind: 'shown', text: copied });
    }
  };
  return (
    <span class="copy">
      <span role="status">{result.kind === 'copied' && 'Copied'}</span>
      <button type="button" aria-label={name} onClick={() => void copy()}>
        {label}
      </button>
      {result.kind === 'shown' && <Selected text={result.text} />}
    </span>
  );
}

function Selected({ text }: { text: string }) {
  const area = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => area.current?.select(), [text]);
  return <textarea ref={area} readOnly rows={4} aria-label="Text to copy" value={text} />;
}
