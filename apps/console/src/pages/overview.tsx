/** The first page: problems, the latest alerts, suppressed repeats, cost, and the state of each part. */
import { useRef } from 'preact/hooks';
import { useResource } from '../api/resource.ts';
import * as api from '../api/resources.ts';
import { BudgetTiers, Spent } from '../components/budget.tsx';
import { Panel } from '../components/panel.tsx';
import { DeliveryCheck } from './overview/delivery-check.tsx';
import { FailedDeliveries } from './overview/failed-deliveries.tsx';
import { Headline } from './overview/headline.tsx';
import { HoldPanel } from './overview/hold.tsx';
import { LatestAlerts } from './overview/latest-alerts.tsx';
import { LogWatcher } from './overview/log-watcher.tsx';
import { OpenIncidents } from './overview/open-incidents.tsx';
import { Operations } from './overview/operations.tsx';
import { Queues } from './overview/queues.tsx';
import { SuppressionWindows } from './overview/suppression-windows.tsx';

export function Overview() {
  const windows = useResource(api.windows);
  const queues = useResource(api.queues);
  const account = useResource(api.account);
  const tailer = useResource(api.tailer);
  const costs = useResource(api.costs);
  const failed = useResource(api.deadLetters);
  const incidents = useResource(api.openIncidents);
  const hold = useResource(api.hold);
  const latest = useResource(api.latest);
  const status = useResource(api.status);
  const operations = useResource(api.operations);
  const failedCount = failed.data?.entries.length;
  // The panel stays after the last one was retried: it says how that ended.
  const hadFailures = useRef(false);
  if (failedCount !== undefined && failedCount > 0) hadFailures.current = true;
  return (
    <>
      <Headline {...{ windows, queues, account, tailer, costs, failed, latest, status, hold }} />
      {account.data?.rows === 0 && (
        <p class="first-run">
          No alert has come yet. <a href="#/setup">Check the set-up and send a test alert</a>
        </p>
      )}
      <div class="overview">
        <div class="main-column">
          {hadFailures.current && <FailedDeliveries state={failed} />}
          {incidents.data && incidents.data.entries.length > 0 && <OpenIncidents state={incidents} />}
          <LatestAlerts state={latest} />
          <SuppressionWindows state={windows} />
        </div>
        <div class="side-column">
          <Panel id="cost" title="Cost" hint={<a href="#/costs">by day and model</a>} state={costs}>
            {costs.data && (
              <>
                <BudgetTiers costs={costs.data} />
                <Spent costs={costs.data} />
              </>
            )}
          </Panel>
          <Queues state={queues} />
          <LogWatcher state={tailer} />
          <DeliveryCheck state={account} />
          <HoldPanel state={hold} />
          <Operations state={operations} />
          {failedCount === 0 && !hadFailures.current && <p class="fine">No failed deliveries.</p>}
        </div>
      </div>
    </>
  );
}
