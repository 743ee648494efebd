/** A message as Slack shows it: our picture, our name, the time, and the text. */
import type { ComponentChildren } from 'preact';
import { When } from './values.tsx';

/** @param at time of the message; undefined: not shown */
export const SlackFrame = ({ at, children }: { at?: string | undefined; children: ComponentChildren }) => (
  <div class="slack">
    <svg viewBox="0 0 32 32" width="36" height="36" aria-hidden="true">
      <rect width="32" height="32" rx="7" />
      <path d="M4 18h6l3-9 5 15 3-10 2 4h5" />
    </svg>
    <div>
      <p class="sender">
        <b>Kora Wake</b> <span class="app">APP</span> {at !== undefined && <When at={at} />}
      </p>
      {children}
    </div>
  </div>
);
