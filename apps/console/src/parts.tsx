/** What every page is made of. */
import type { ComponentChildren, RefObject } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { useNow } from './clock.ts';
import type { Investigation } from './contract.ts';
import { type Fault, type Known, useMayChange } from './data.ts';
import { ago, brief, duration, exactTime, plain, span, time, usd } from './format.ts';
import { toInvestigation } from './route.ts';
import { FATES, type Fate, fateOf, finding, STATES } from './words.ts';

/** A fate is told by its shape as well as by its colour. */
export function Mark({ fate, labelled = false }: { fate: Fate; labelled?: boolean }) {
  return (
    <svg
      class={`mark ${fate}`}
      viewBox="0 0 16 16"
      width="14"
      height="14"
      {...(labelled ? { role: 'img', 'aria-label': FATES[fate] } : { 'aria-hidden': 'true' })}
    >
      {labelled && <title>{FATES[fate]}</title>}
      {SHAPES[fate]}
    </svg>
  );
}

const SHAPES: Record<Fate, ComponentChildren> = {
  told: <circle class="solid" cx="8" cy="8" r="6" />,
  dry_run: <circle class="open" cx="8" cy="8" r="5" />,
  fallback: <path class="solid" d="M8 1.5 15 14H1z" />,
  failed: <path class="cross" d="M3 3 13 13M13 3 3 13" />,
  in_flight: <path class="open" d="M8 1.8 14.2 8 8 14.2 1.8 8z" />,
};

/** Long or strange names stay names: text, cut by the style, whole in the title. */
export function Pair({ probe, category }: { probe: string; category: string }) {
  return (
    <span class="pair" title={`${probe} / ${category}`}>
      <b>{plain(probe)}</b>
      <span class="category">{plain(category)}</span>
    </span>
  );
}

export function When({ at, withAge = false }: { at: string; withAge?: boolean }) {
  const now = useNow();
  const then = Date.parse(at);
  return (
    <time dateTime={at} title={exactTime(at)}>
      {time(then, now)}
      {withAge && <span class="age">{ago(now - then)}</span>}
    </time>
  );
}

export function Ago({ at }: { at: string }) {
  const now = useNow();
  return (
    <time dateTime={at} title={exactTime(at)}>
      {ago(now - Date.parse(at))}
    </time>
  );
}

export const Money = ({ amount }: { amount: number }) => (
  <data value={amount} title={`$${amount}`}>
    {usd(amount)}
  </data>
);

export const Took = ({ ms }: { ms: number }) => (
  <data value={ms} title={`${ms.toLocaleString('en')} ms`}>
    {duration(ms)}
  </data>
);

const Held = ({ entry }: { entry: Pick<Investigation, 'suppressed'> }) =>
  entry.suppressed > 0 ? (
    <span class="held" title={`${entry.suppressed} more of this pair were held back by its window`}>
      +{entry.suppressed.toLocaleString('en')}
    </span>
  ) : null;

/** Severity in words; only what is critical stands out. */
export const Severity = ({ of }: { of: string }) => (
  <span class={of === 'critical' ? 'severity critical' : 'severity'} title={of}>
    {brief(of, 24)}
  </span>
);

export function Outcome({ entry }: { entry: Investigation }) {
  const fate = fateOf(entry);
  return (
    <span class={`outcome ${fate}`}>
      <Mark fate={fate} /> {FATES[fate]}
    </span>
  );
}

/** One wake in two lines: what happened, and what it came to. */
export function WakeRow({ entry }: { entry: Investigation }) {
  const fate = fateOf(entry);
  const found = finding(entry);
  return (
    <li class={`wake ${fate}`}>
      <Mark fate={fate} labelled />
      <a href={toInvestigation(entry.wakeId)} class="what">
        <Pair probe={entry.probe} category={entry.category} />
        <span class="title" title={entry.title}>
          {plain(entry.title) || '(no title)'}
        </span>
      </a>
      <span class="marks">
        <Held entry={entry} />
        <Severity of={entry.severity} />
      </span>
      <span class="when">
        <When at={entry.enqueuedAt} withAge />
      </span>
      <span class="found" title={found}>
        {entry.verdict && <b>{entry.verdict}: </b>}
        {found}
      </span>
      <span class="cost">
        <FateTag entry={entry} />
        {entry.costUsd !== null && <Money amount={entry.costUsd} />}
      </span>
    </li>
  );
}

/** How a wake stands, where its line says what was found. */
function FateTag({ entry }: { entry: Investigation }) {
  const fate = fateOf(entry);
  const needed = fate === 'dry_run' || (entry.summary !== null && (fate === 'failed' || fate === 'in_flight'));
  if (!needed) return null;
  return <span class={`tag ${fate}`}>{(fate === 'in_flight' ? STATES[entry.state] : FATES[fate]).toLowerCase()}</span>;
}

interface PanelProps {
  id: string;
  title: string;
  /** what the panel answers */
  hint?: ComponentChildren;
  known?: Known<unknown>;
  tools?: ComponentChildren;
  children: ComponentChildren;
}

/** A titled part of a page. While its data is not there it says so; when its data is old it says how old. */
export function Panel({ id, title, hint, known, tools, children }: PanelProps) {
  const { data, fault, at } = known ?? { data: true };
  return (
    <section class="panel" aria-labelledby={id} aria-busy={data === undefined && !fault}>
      <header>
        <h2 id={id}>{title}</h2>
        {hint !== undefined && <span class="hint">{hint}</span>}
        {data !== undefined && fault && at !== undefined && <Stale at={at} />}
        {tools}
      </header>
      {data === undefined ? <Missing {...(fault && { fault })} /> : children}
    </section>
  );
}

/** Younger than this, what could not be read again is as good as new, ms. */
const STALE_MS = 5_000;

function Stale({ at }: { at: number }) {
  useNow();
  const age = Date.now() - at;
  return age < STALE_MS ? null : <span class="stale">as of {ago(age)}</span>;
}

const Missing = ({ fault }: { fault?: Fault }) =>
  fault ? (
    <p class="empty">Cannot be read: {fault.message}</p>
  ) : (
    <div class="skeleton">
      <span class="unseen">Reading…</span>
      <i />
      <i />
      <i />
    </div>
  );

export const Empty = ({ children }: { children: ComponentChildren }) => <p class="empty">{children}</p>;

export interface Said {
  tone: 'good' | 'bad';
  text: string;
}

/** What an action came to. Takes the focus, since the control that was used may be gone. */
export function Saying({ said, dismiss }: { said: Said | undefined; dismiss: () => void }) {
  const box = useRef<HTMLParagraphElement>(null);
  useLayoutEffect(() => {
    if (said) box.current?.focus({ preventScroll: true });
  }, [said]);
  return (
    <div role="status" class="saying">
      {said && (
        <p ref={box} tabIndex={-1} class={said.tone}>
          <span>{said.text}</span>
          <button type="button" class="quiet" aria-label="Dismiss this message" onClick={dismiss}>
            ✕
          </button>
        </p>
      )}
    </div>
  );
}

interface AskProps {
  label: string;
  /** what the button is for, where the label alone does not say */
  of: string;
  question: string;
  yes: string;
  /** @param reason why, or empty */
  act: (reason: string) => Promise<void>;
}

/** A button that asks once, in its place, before it acts. The way back stands where the button stood. */
export function Ask({ label, of, question, yes, act }: AskProps) {
  const mayChange = useMayChange();
  const [step, setStep] = useState<'idle' | 'asking' | 'acting'>('idle');
  const [reason, setReason] = useState('');
  const button = useRef<HTMLButtonElement>(null);
  const keep = useRef<HTMLButtonElement>(null);
  const wasAsking = useRef(false);
  useLayoutEffect(() => {
    if (step === 'asking') keep.current?.focus();
    else if (step === 'idle' && wasAsking.current) button.current?.focus();
    wasAsking.current = step === 'asking';
  }, [step]);
  const confirm = async () => {
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
      class="ask"
      aria-label={question}
      onKeyDown={escape(() => setStep('idle'))}
      onSubmit={(event) => {
        event.preventDefault();
        void confirm();
      }}
    >
      <span class="question">{question}</span>
      <input
        aria-label="Why, if you want to say"
        placeholder="why (optional)"
        maxLength={500}
        disabled={step === 'acting'}
        value={reason}
        onInput={(event) => setReason(event.currentTarget.value)}
      />
      <button type="submit" class="danger" disabled={step === 'acting'}>
        {step === 'acting' ? 'Working…' : yes}
      </button>
      <button type="button" ref={keep} disabled={step === 'acting'} onClick={() => setStep('idle')}>
        Keep
      </button>
    </form>
  );
}

export const escape = (act: () => void) => (event: KeyboardEvent) => {
  if (event.key === 'Escape') act();
};

/** The width of an element, for what is drawn to measure. */
export function useWidth(): [RefObject<HTMLDivElement>, number] {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [box, width];
}

/** The first few of a list, and all of it when asked. */
export function useSome<T>(all: T[], few: number, noun: string): [T[], ComponentChildren] {
  const [open, setOpen] = useState(false);
  const more =
    all.length > few ? (
      <button type="button" class="more" aria-expanded={open} onClick={() => setOpen(!open)}>
        {open ? `Show the first ${few}` : `Show all ${all.length} ${noun}`}
      </button>
    ) : null;
  return [open ? all : all.slice(0, few), more];
}

export const Waited = ({ ms }: { ms: number }) => (
  <data value={ms} title={`${ms.toLocaleString('en')} ms`}>
    {span(ms)}
  </data>
);
