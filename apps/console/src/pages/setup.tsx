/** Whether everything is set up, what to do if not, and a test alert that shows each step on its way. */
import type { ComponentChildren } from 'preact';
import { useResource } from '../api/resource.ts';
import * as api from '../api/resources.ts';
import type { Check } from '../api/types.ts';
import { Panel } from '../components/panel.tsx';
import { When } from '../components/values.tsx';
import { counted } from '../format.ts';
import { TestAlertPanel } from './setup/test-alert.tsx';

const LABELS: Record<Check['state'], string> = {
  ok: 'Ready',
  off: 'Optional',
  warning: 'Check',
  problem: 'Problem',
};

export function Setup() {
  const state = useResource(api.status);
  const checks = state.data?.checks ?? [];
  return (
    <div class="setup">
      <div class="toolbar">
        <h1>{headline(checks)}</h1>
        <p class="fine">
          In a terminal: <code>npm run doctor</code>
        </p>
      </div>
      <div class="columns">
        <div class="main-column">
          <Panel id="checks" title="Set-up" state={state}>
            <ul class="checks">
              {checks.map((check) => (
                <CheckRow key={check.id} check={check} />
              ))}
            </ul>
          </Panel>
        </div>
        <div class="side-column">
          <TestAlertPanel />
        </div>
      </div>
    </div>
  );
}

function headline(checks: Check[]): string {
  if (checks.length === 0) return 'Set-up';
  const open = checks.filter(({ state }) => state === 'problem' || state === 'warning').length;
  if (open > 0) return `${counted(open, 'part needs', 'parts need')} attention`;
  const off = checks.filter(({ state }) => state === 'off').length;
  return off > 0 ? `Running, ${counted(off, 'part is', 'parts are')} not set up` : 'Everything is set up';
}

const CheckRow = ({ check: { title, state, text, at, fix } }: { check: Check }) => (
  <li class={state}>
    <span class="state">
      <Mark state={state} /> {LABELS[state]}
    </span>
    <span class="what">
      <b>{title}</b> {text} {at !== null && <When at={at} withAge />}
      {fix !== null && <span class="fix">{fix}</span>}
    </span>
  </li>
);

const SHAPES: Record<Check['state'], ComponentChildren> = {
  ok: <path class="line" d="M2.5 8.5 6.5 12.5 13.5 4" />,
  off: <circle class="open" cx="8" cy="8" r="5" />,
  warning: <path class="solid" d="M8 1.5 15 14H1z" />,
  problem: <path class="cross" d="M3 3 13 13M13 3 3 13" />,
};

/** Each state has its own shape, so colour is never the only difference. */
const Mark = ({ state }: { state: Check['state'] }) => (
  <svg class="mark" viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
    {SHAPES[state]}
  </svg>
);
