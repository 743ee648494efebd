/** The steps of an investigation in their order. Each opens to its input and output. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { KeptStep } from '../../api/types.ts';
import { CopyButton } from '../../components/copy-button.tsx';
import { Duration } from '../../components/values.tsx';
import { counted, tokens } from '../../format.ts';
import { codeLabel, routeLabel, TOOL_STATUS_LABELS } from '../../labels.ts';
import { type ShownQuote, splitAt, stepOf } from './shown-quote.ts';

type OneStep = Exclude<KeptStep, { kind: 'omitted' }>;

interface StepListProps {
  steps: KeptStep[];
  shown: ShownQuote | undefined;
  /** The command that replays the steps before one; undefined: they cannot run again. @param number from 1 */
  replayFrom: (number: number) => string | undefined;
}

export function StepList({ steps, shown, replayFrom }: StepListProps) {
  const target = shown && stepOf(steps, shown.source);
  return (
    <ol class="step-list">
      {steps.map((step, i) => (
        <li key={i} class={step.kind}>
          {step.kind === 'omitted' ? (
            <p class="fine">
              {counted(step.count, 'step')} left out here: they did not fit into the space for one alert.
            </p>
          ) : (
            <StepItem step={step} number={i + 1} shown={i === target ? shown : undefined}>
              {step.kind === 'llm' && <Replay command={replayFrom(i + 1)} />}
            </StepItem>
          )}
        </li>
      ))}
    </ol>
  );
}

const Replay = ({ command }: { command: string | undefined }) =>
  command === undefined ? null : (
    <p class="replay">
      Replay from here: <code>{command}</code> <CopyButton label="Copy command" text={() => command} />
    </p>
  );

interface StepItemProps {
  step: OneStep;
  number: number;
  shown: ShownQuote | undefined;
  children: ComponentChildren;
}

function StepItem({ step, number, shown, children }: StepItemProps) {
  const box = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    if (!shown || !box.current) return;
    box.current.open = true;
    const quote = box.current.querySelector('mark');
    (quote?.closest('pre') ?? box.current.querySelector('summary'))?.focus({ preventScroll: true });
    (quote ?? box.current).scrollIntoView({ block: 'center' });
  }, [shown]);
  const name = step.kind === 'llm' ? step.model : step.name;
  const note = step.kind === 'llm' ? routeLabel(step.route).toLowerCase() : step.source;
  // The alert is in the input of the first request, and the output of a tool is evidence.
  const [inInput, inOutput] = step.kind === 'llm' ? [shown?.quote, undefined] : [undefined, shown?.quote];
  return (
    <details ref={box}>
      <summary>
        <span class="number">{number}.</span>{' '}
        <span class="step-name" title={`${name}, ${note}`}>
          {name} <span class="note">{note}</span>
        </span>{' '}
        <Result step={step} />{' '}
        <span class="note took">
          {step.kind === 'llm' && `${tokens(step.usage)}, `}
          <Duration ms={step.durationMs} />
        </span>
      </summary>
      <Text
        title="Input"
        of={`${number}, ${name}`}
        text={step.input}
        quote={inInput}
        none={step.kind === 'llm' ? 'Nothing new: the same as before, and the results of the tools.' : 'None.'}
      />
      <Text title="Output" of={`${number}, ${name}`} text={step.output} quote={inOutput} none="None." />
      {children}
    </details>
  );
}

function Result({ step }: { step: OneStep }) {
  if (step.kind === 'llm') {
    if (step.error === undefined) return null;
    return (
      <span class="wrong" title={step.error}>
        {codeLabel(step.error)}
        {step.reason && `, ${step.reason}`}
      </span>
    );
  }
  if (step.status === 'ok') return null;
  return (
    <span class="wrong">
      {TOOL_STATUS_LABELS[step.status]}
      {step.excType && `, ${step.excType}`}
    </span>
  );
}

interface TextProps {
  title: string;
  /** The step, for readers who do not see where the text is. */
  of: string;
  text: string;
  quote: string | undefined;
  /** Shown if the text is empty. */
  none: string;
}

function Text({ title, of, text, quote, none }: TextProps) {
  const parts = quote === undefined ? undefined : splitAt(text, quote);
  return (
    <>
      <h3>{title}</h3>
      {text === '' ? (
        <p class="fine">{none}</p>
      ) : (
        <pre tabIndex={0} aria-label={`${title} of step ${of}`}>
          {parts ? (
            <>
              {parts[0]}
              <mark>{parts[1]}</mark>
              {parts[2]}
            </>
          ) : (
            text
          )}
        </pre>
      )}
    </>
  );
}
