import type { InvestigationDetail } from '../../api/types.ts';
import { Empty, Panel } from '../../components/panel.tsx';
import { When } from '../../components/values.tsx';
import { dmStatusLabel } from '../../labels.ts';

/** The message as Slack shows it, so an operator sees the same text as its recipient. */
export function SlackMessage({ entry }: { entry: InvestigationDetail }) {
  const { dm, posted, dmStatus, outcome } = entry;
  const hint = dmStatus === null ? undefined : dmStatusLabel(dmStatus);
  return (
    <Panel id="dm" title="Slack message" hint={outcome === 'dry_run' ? 'dry run: logged, not sent' : hint}>
      {dm === null ? (
        <Empty>{outcome === null ? 'Not written yet.' : 'The message was not stored.'}</Empty>
      ) : (
        <div class="slack">
          <svg viewBox="0 0 32 32" width="36" height="36" aria-hidden="true">
            <rect width="32" height="32" rx="7" />
            <path d="M4 18h6l3-9 5 15 3-10 2 4h5" />
          </svg>
          <div>
            <p class="sender">
              <b>Kora Wake</b> <span class="app">APP</span>{' '}
              {posted && Number(posted.ts) > 0 && <When at={new Date(Number(posted.ts) * 1000).toISOString()} />}
            </p>
            <p class="text">{dm}</p>
          </div>
        </div>
      )}
    </Panel>
  );
}
