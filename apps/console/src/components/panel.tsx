/** A titled part of a page that shows whether its data is loading, old or missing. */
import type { ComponentChildren } from 'preact';
import type { Fault } from '../api/client.ts';
import type { ResourceState } from '../api/resource.ts';
import { useNow } from '../clock.ts';
import { ago } from '../format.ts';

interface PanelProps {
  id: string;
  title: string;
  /** A short explanation next to the title. */
  hint?: ComponentChildren;
  /** The resource that the panel shows; absent if the page has it already. */
  state?: ResourceState<unknown>;
  tools?: ComponentChildren;
  children: ComponentChildren;
}

export function Panel({ id, title, hint, state, tools, children }: PanelProps) {
  const { data, fault, at } = state ?? { data: true };
  return (
    <section class="panel" aria-labelledby={id} aria-busy={data === undefined && !fault}>
      <header>
        <h2 id={id}>{title}</h2>
        {hint !== undefined && <span class="hint">{hint}</span>}
        {data !== undefined && fault && at !== undefined && <DataAge at={at} />}
        {tools}
      </header>
      {data === undefined ? <NoData {...(fault && { fault })} /> : children}
    </section>
  );
}

/** Data younger than this is shown without its age, ms. */
const RECENT_MS = 5_000;

function DataAge({ at }: { at: number }) {
  useNow();
  const age = Date.now() - at;
  return age < RECENT_MS ? null : <span class="stale">as of {ago(age)}</span>;
}

const NoData = ({ fault }: { fault?: Fault }) =>
  fault ? (
    <p class="empty">Could not load: {fault.message}</p>
  ) : (
    <div class="skeleton">
      <span class="visually-hidden">Loading…</span>
      <i />
      <i />
      <i />
    </div>
  );

export const Empty = ({ children }: { children: ComponentChildren }) => <p class="empty">{children}</p>;
