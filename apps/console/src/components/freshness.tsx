/** The age of the data, always visible in the top bar. */
import { isStreaming, RARE_POLL_MS } from '../api/live-events.ts';
import type { Health } from '../api/resource.ts';
import { useNow } from '../clock.ts';
import { span } from '../format.ts';

/** Data older than this is not called live, ms. With an open stream a change would have been read at once. */
const FRESH_MS = 12_000;
const FRESH_WITH_STREAM_MS = RARE_POLL_MS + FRESH_MS;

export function Freshness({ health }: { health: Health }) {
  useNow();
  const age = health.at === undefined ? undefined : Date.now() - health.at;
  const live =
    age !== undefined &&
    age < (isStreaming() ? FRESH_WITH_STREAM_MS : FRESH_MS) &&
    health.faults.length === 0 &&
    !health.unauthorized;
  const text = live ? 'live' : age === undefined ? withoutData(health) : `${span(age)} old`;
  return (
    <span
      class={live ? 'freshness live' : 'freshness'}
      title="Updated at once after a change, while this page is visible"
    >
      <i aria-hidden="true" />
      {text}
    </span>
  );
}

function withoutData({ unauthorized, faults }: Health): string {
  if (unauthorized) return 'no access';
  return faults.length > 0 ? 'no answer' : 'loading…';
}
