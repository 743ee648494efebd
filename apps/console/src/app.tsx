/** The frame: where one is, whether what one sees is fresh, and the pages. */
import { useEffect, useErrorBoundary, useRef } from 'preact/hooks';
import { useNow } from './clock.ts';
import { Costs } from './costs.tsx';
import { type Fault, type Health, refresh, useHealth, useMayChange } from './data.ts';
import { ago, brief, span, within } from './format.ts';
import { Investigations } from './investigations.tsx';
import { Now } from './now.tsx';
import { OneInvestigation } from './one.tsx';
import { type Route, useRoute } from './route.ts';

/** Older than this, what is shown is not called live, ms. */
const FRESH_MS = 12_000;

const TITLES: Record<Route['page'], string> = {
  now: 'Now',
  investigations: 'Investigations',
  investigation: 'Investigation',
  costs: 'Costs',
  unknown: 'Not found',
};

export function Console() {
  const route = useRoute();
  const health = useHealth();
  const mayChange = useMayChange();
  const main = useRef<HTMLElement>(null);
  const arrived = useRef(false);
  const place = route.page === 'investigation' ? route.wakeId : route.page;
  useEffect(() => {
    document.title = `${TITLES[route.page]} · Kora Wake`;
    // A page that was gone to is read from its top; the first one was not gone to.
    if (arrived.current) {
      main.current?.focus({ preventScroll: true });
      scrollTo(0, 0);
    }
    arrived.current = true;
  }, [place]);

  return (
    <>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
      >
        Skip to the page
      </a>
      <header class="top">
        <a class="brand" href="#/">
          <svg viewBox="0 0 32 32" width="20" height="20" aria-hidden="true">
            <path d="M2 18h7l3-10 6 16 3-11 2 5h7" />
          </svg>
          Kora Wake
        </a>
        <nav aria-label="Pages">
          <Tab to="#/" here={route.page === 'now'}>
            Now
          </Tab>
          <Tab to="#/investigations" here={route.page === 'investigations' || route.page === 'investigation'}>
            Investigations
          </Tab>
          <Tab to="#/costs" here={route.page === 'costs'}>
            Costs
          </Tab>
        </nav>
        <nav aria-label="Elsewhere" class="elsewhere">
          <a href="/admin/queues">Bull Board</a>
          <a href="/docs">API</a>
        </nav>
        {!mayChange && (
          <span class="tag" title="The token that was given may look, and change nothing">
            read-only
          </span>
        )}
        <Freshness health={health} />
      </header>
      <main id="main" ref={main} tabIndex={-1}>
        {health.barred ? (
          <NoPermission />
        ) : (
          <>
            <Trouble health={health} />
            {/* Unseen, not unmounted, while there is nothing to show: its parts are asked for, and it comes by itself. */}
            <div hidden={health.blank && health.faults.length > 0}>
              <PageOf key={place} route={route} />
            </div>
          </>
        )}
      </main>
    </>
  );
}

function PageOf({ route }: { route: Route }) {
  const [broken] = useErrorBoundary();
  if (broken) {
    return (
      <div class="notice" role="alert">
        <h1>This page cannot be drawn</h1>
        <p>It met something in the answers of the API that it does not know. The API itself has it all.</p>
        <button type="button" onClick={() => location.reload()}>
          Reload
        </button>
      </div>
    );
  }
  if (route.page === 'now') return <Now />;
  if (route.page === 'investigations') return <Investigations />;
  if (route.page === 'investigation') return <OneInvestigation key={route.wakeId} wakeId={route.wakeId} />;
  if (route.page === 'costs') return <Costs />;
  return (
    <div class="notice">
      <h1>There is no such page</h1>
      <p>
        <a href="#/">What is going on now</a>
      </p>
    </div>
  );
}

const Tab = ({ to, here, children }: { to: string; here: boolean; children: string }) => (
  <a href={to} {...(here && { 'aria-current': 'page' })}>
    {children}
  </a>
);

function Freshness({ health }: { health: Health }) {
  useNow();
  const age = health.at === undefined ? undefined : Date.now() - health.at;
  const live = age !== undefined && age < FRESH_MS && health.faults.length === 0 && !health.barred;
  const silence = health.barred ? 'no permission' : health.faults.length > 0 ? 'no answer' : 'reading…';
  const text = live ? 'live' : age === undefined ? silence : `${span(age)} old`;
  return (
    <span class={live ? 'freshness live' : 'freshness'} title="Read again every 3 seconds while this page is visible">
      <i aria-hidden="true" />
      {text}
    </span>
  );
}

/** What cannot be read, in one place; the parts keep what they last had. */
function Trouble({ health }: { health: Health }) {
  useNow();
  const [first, ...others] = health.faults;
  const age = health.at === undefined ? undefined : Date.now() - health.at;
  return (
    <div class={first ? (health.blank ? 'notice' : 'trouble') : 'unseen'}>
      {/* Said once: what changes each second stands outside. */}
      <div role="alert">
        {first &&
          (health.blank ? (
            <h1>{headingOf(first.fault)}</h1>
          ) : (
            <>
              <strong>{headingOf(first.fault)}.</strong>{' '}
            </>
          ))}
        {first && <span>{reasonFor(first, others.length)}</span>}
      </div>
      {first && (
        <>
          <p>
            {age === undefined
              ? 'Wakes are investigated and told without the API, but nothing here can say whether they are. It is tried again every 3 seconds.'
              : `What you see is from ${ago(age)}.`}
          </p>
          <button type="button" onClick={() => void refresh()}>
            Try again
          </button>
        </>
      )}
    </div>
  );
}

const headingOf = ({ kind }: Fault) => (kind === 'unreachable' ? 'The API does not answer' : 'The API cannot say');

function reasonFor({ path, fault }: Health['faults'][number], others: number): string {
  if (fault.kind === 'unreachable') return `${sentence(within(fault.message))}.`;
  const more = others > 0 ? `, and ${others} more cannot be read` : '';
  return `${brief(path.replace(/\?.*/, ''))} answers ${within(fault.message)}${more}.`;
}

const sentence = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

const NoPermission = () => (
  <div class="notice">
    <h1>You have no permission to look</h1>
    <p>
      The API wants its token. Reload this page; when the browser asks, leave the name as it is and give the token as
      the password. If it asks in vain, the token has changed: whoever runs Kora Wake has it in{' '}
      <code>KORA_API_TOKEN</code>.
    </p>
    <button type="button" class="primary" onClick={() => location.reload()}>
      Reload
    </button>
  </div>
);
