/** A button that asks for confirmation in its place before it acts. Cancel gets the focus. */
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { useMayChange } from '../api/resources.ts';
import { brief } from '../format.ts';
import { onEscape } from './keyboard.ts';

interface ConfirmButtonProps {
  label: string;
  /** The object of the action, for readers who do not see the row of the button. */
  of: string;
  question: string;
  /** Label of the button that acts. */
  confirm: string;
  /** @param reason why, or empty */
  act: (reason: string) => Promise<void>;
}

/** Renders nothing for a caller who may only read. */
export function ConfirmButton({ label, of, question, confirm, act }: ConfirmButtonProps) {
  const mayChange = useMayChange();
  const [step, setStep] = useState<'idle' | 'asking' | 'acting'>('idle');
  const [reason, setReason] = useState('');
  const button = useRef<HTMLButtonElement>(null);
  const cancel = useRef<HTMLButtonElement>(null);
  const wasAsking = useRef(false);
  useLayoutEffect(() => {
    if (step === 'asking') cancel.current?.focus();
    else if (step === 'idle' && wasAsking.current) button.current?.focus();
    wasAsking.current = step === 'asking';
  }, [step]);
  const submit = async () => {
    setStep('acting');
    wasAsking.current = false;
    await act(reason.trim());
    setReason('');
    setStep('idle');
  };
  if (!mayChange) return null;
  if (step === 'idle') {
    return (
      <button type="button" ref={button} aria-label={`${label}: ${brief(of)}`} onClick={() => setStep('asking')}>
        {label}
      </button>
    );
  }
  return (
    <form
      class="confirm"
      aria-label={question}
      onKeyDown={onEscape(() => setStep('idle'))}
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <span class="question">{question}</span>
      <input
        aria-label="Reason (optional)"
        placeholder="reason (optional)"
        maxLength={500}
        disabled={step === 'acting'}
        value={reason}
        onInput={(event) => setReason(event.currentTarget.value)}
      />
      <button type="submit" class="danger" disabled={step === 'acting'}>
        {step === 'acting' ? 'Working…' : confirm}
      </button>
      <button type="button" ref={cancel} disabled={step === 'acting'} onClick={() => setStep('idle')}>
        Cancel
      </button>
    </form>
  );
}
