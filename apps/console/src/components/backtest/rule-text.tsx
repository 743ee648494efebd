/** Rules for the policy file, with a button that copies them. */
import { brief } from '../../format.ts';
import { CopyButton } from '../copy-button.tsx';

export function RuleText({ rule, probe }: { rule: string; probe: string }) {
  // Indented as in the documents: a list in YAML needs one indentation.
  const text = rule.replace(/^/gm, '  ');
  return (
    <>
      <pre class="rule">{text}</pre>
      <CopyButton label="Copy rule" name={`Copy rule for ${brief(probe, 30)}`} text={() => text} />
    </>
  );
}
