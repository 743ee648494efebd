/** The frame around every page: navigation, freshness of the data, connection problems. */
import { useEffect, useErrorBoundary, useRef } from 'preact/hooks';
import { type Health, useHealth } from './api/resource.ts';
import { useMayChange } from './api/resources.ts';
import { ConnectionBanner, Unauthorized } from './components/connection.tsx';
import { Freshness } from './components/freshness.tsx';
import { useTabTitle } from './components/tab-title.ts';
import { Costs } from './pages/costs.tsx';
import { IncidentPage } from './pages/incident.tsx';
import { Incidents } from './pages/incidents.tsx';
import { InvestigationPage } from './pages/investigation.tsx';
import { Investigations } from './pages/investigations.tsx';
import { Noise } from './pages/noise.tsx';
import { Overview } from './pages/overview.tsx';
import { PolicyPage } from './pages/policy.tsx';
import { Setup } from './pages/setup.tsx';
import { type Route, useRoute } from './route.ts';
import { useScrollPosition } from './scroll-position.ts';
import { Shortcuts } from './shortcuts.tsx';
import { timeZone } from './time-zone.ts';

const TITLES: Record<Route['page'], string> = {
  overview: 'Overview',
  incidents: 'Incidents',
  investigations: 'Investigations',
  investigation: 'Investigation',
  incident: 'Incident',
  noise: 'Noise',
  costs: 'Costs',
  policy: 'Policy',
  setup: 'Set-up',
  unknown: 'Page not found',
};

export function Console() {
  const route = useRoute();
  const health = useHealth();
  const main = useRef<HTMLElement>(null);
  const pageKey = 'wakeId' in route ? route.wakeId : 'id' in route ? route.id : route.page;
  timeZone.use();
  useTabTitle(TITLES[route.page]);
  useScrollPosition(pageKey);
  const lastPage = useRef(pageKey);
  useEffect(() => {
    // A reader of the screen starts at the content of the next page. The browser places the first page itself.
    if (lastPage.current !== pageKey) main.current?.focus({ preventScroll: true });
    lastPage.current = pageKey;
  }, [pageKey]);

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
        Skip to content
      </a>
      <TopBar route={route} health={health} />
      <main id="main" ref={main} tabIndex={-1}>
        {health.unauthorized ? (
          <Unauthorized />
        ) : (
          <>
            <ConnectionBanner health={health} />
            {/* Hidden, not unmounted, while there is no data: the page keeps asking and appears by itself. */}
            <div hidden={health.blank && health.faults.length > 0}>
              <CurrentPage key={pageKey} route={route} />
            </div>
          </>
        )}
      </main>
    </>
  );
}

function TopBar({ route, health }: { route: Route; health: Health }) {
  const mayChange = useMayChange();
  return (
    <header class="top">
      <a class="brand" href="#/">
        <svg viewBox="0 0 32 32" width="20" height="20" aria-hidden="true">
          <path d="M2 18h7l3-10 6 16 3-11 2 5h7" />
        </svg>
        Kora Wake
      </a>
      <nav aria-label="Pages">
        <Tab to="#/" current={route.page === 'overview'}>
          Overview
        </Tab>
        <Tab to="#/incidents" current={route.page === 'incidents' || route.page === 'incident'}>
          Incidents
        </Tab>
        <Tab to="#/investigations" current={route.page === 'investigations' || route.page === 'investigation'}>
          Investigations
        </Tab>
        <Tab to="#/noise" current={route.page === 'noise'}>
          Noise
        </Tab>
        <Tab to="#/costs" current={route.page === 'costs'}>
          Costs
        </Tab>
        <Tab to="#/policy" current={route.page === 'policy'}>
          Policy
        </Tab>
        <Tab to="#/setup" current={route.page === 'setup'}>
          Set-up
        </Tab>
      </nav>
      <nav aria-label="Other tools" class="external">
        <a href="./admin/queues">Bull Board</a>
        <a href="./docs">API</a>
      </nav>
      {!mayChange && (
        <span class="tag" title="Your token is read-only">
          read-only
        </span>
      )}
      <TimeZoneButton />
      <Shortcuts />
      <Freshness health={health} />
    </header>
  );
}

function TimeZoneButton() {
  const isUtc = timeZone.use() === 'utc';
  return (
    <button
      type="button"
      class="quiet"
      title={isUtc ? 'Times are shown in UTC' : 'Times are shown in the time zone of this browser'}
      onClick={() => timeZone.set(isUtc ? 'local' : 'utc')}
    >
      {isUtc ? 'UTC' : 'Local time'}
    </button>
  );
}

const Tab = ({ to, current, children }: { to: string; current: boolean; children: string }) => (
  <a href={to} {...(current && { 'aria-current': 'page' })}>
    {children}
  </a>
);

function CurrentPage({ route }: { route: Route }) {
  const [error] = useErrorBoundary();
  if (error) return <BrokenPage />;
  if (route.page === 'overview') return <Overview />;
  if (route.page === 'incidents') return <Incidents />;
  if (route.page === 'investigations') return <Investigations />;
  if (route.page === 'investigation') return <InvestigationPage key={route.wakeId} wakeId={route.wakeId} />;
  if (route.page === 'incident') return <IncidentPage key={route.id} id={route.id} />;
  if (route.page === 'noise') return <Noise />;
  if (route.page === 'costs') return <Costs />;
  if (route.page === 'policy') return <PolicyPage />;
  if (route.page === 'setup') return <Setup />;
  return (
    <div class="page-message">
      <h1>Page not found</h1>
      <p>
        <a href="#/">Go to the overview</a>
      </p>
    </div>
  );
}

const BrokenPage = () => (
  <div class="page-message" role="alert">
    <h1>This page cannot be shown</h1>
    <p>The API sent data that the console cannot display. The other pages still work; the API has the data.</p>
    <button type="button" onClick={() => location.reload()}>
      Reload
    </button>
  </div>
);
