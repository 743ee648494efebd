/** Problems with the connection to the API, shown once for the whole page. */
import type { Fault } from '../api/client.ts';
import { type Health, refresh } from '../api/resource.ts';
import { useNow } from '../clock.ts';
import { brief, capitalized, counted, span, withoutStop } from '../format.ts';

type PathFault = Health['faults'][number];

const HEADINGS: Record<Fault['kind'], string> = {
  unauthorized: 'Sign-in needed',
  unreachable: 'The API does not answer',
  redis_down: 'Redis is down',
  refused: 'The API reports an error',
  not_found: 'Not found',
  invalid: 'The API sent an unexpected answer',
};

/** The panels below keep their last good data. */
export function ConnectionBanner({ health }: { health: Health }) {
  useNow();
  const [first, ...others] = health.faults;
  const age = health.at === undefined ? undefined : Date.now() - health.at;
  const heading = first && HEADINGS[first.fault.kind];
  return (
    <div class={first ? (health.blank ? 'page-message' : 'banner') : 'visually-hidden'}>
      {/* A screen reader announces this once. The age changes each second, so it is outside. */}
      <div role="alert">
        {heading && (health.blank ? <h1>{heading}</h1> : <strong>{heading}.</strong>)}{' '}
        {first && <span>{reasonOf(first, others.length)}</span>}
      </div>
      {first && (
        <>
          <p>
            {age === undefined
              ? 'No data yet. Retrying every 3 seconds. Alerts may still be processed.'
              : `Showing data from ${span(age)} ago.`}
          </p>
          <button type="button" onClick={() => void refresh()}>
            Try again
          </button>
        </>
      )}
    </div>
  );
}

/** Empty if the heading says it all. */
function reasonOf({ path, fault }: PathFault, others: number): string {
  if (fault.kind === 'redis_down') return '';
  if (fault.kind === 'unreachable') return `${capitalized(withoutStop(fault.message))}.`;
  const more = others > 0 ? `, and ${counted(others, 'more request')} failed` : '';
  return `${brief(path.replace(/\?.*/, ''))}: ${withoutStop(fault.message)}${more}.`;
}

export const Unauthorized = () => (
  <div class="page-message">
    <h1>Sign-in needed</h1>
    <p>
      The API asks for a token. Reload this page. When the browser asks, enter your name as the user and the token as
      the password. If the password is rejected, ask your administrator for <code>KORA_API_TOKEN</code>.
    </p>
    <button type="button" class="primary" onClick={() => location.reload()}>
      Reload
    </button>
  </div>
);
