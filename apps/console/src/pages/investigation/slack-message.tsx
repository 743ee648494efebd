import type { InvestigationDetail } from '../../api/types.ts';
import { Empty, Panel } from '../../components/panel.tsx';
import { SlackFrame } from '../../components/slack-frame.tsx';
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
        <SlackFrame at={posted && Number(posted.ts) > 0 ? new Date(Number(posted.ts) * 1000).toISOString() : undefined}>
          <p class="text">{dm}</p>
        </SlackFrame>
      )}
    </Panel>
  );
}
