/** Why the message of an alert is not in Slack, and what the operator can do about it. */
import { useState } from 'preact/hooks';
import { useResource } from '../../api/resource.ts';
import * as api from '../../api/resources.ts';
import type { InvestigationDetail } from '../../api/types.ts';
import { useNow } from '../../clock.ts';
import { DeliveryActions } from '../../components/delivery-actions.tsx';
import { Notice, type NoticeContent } from '../../components/notice.tsx';
import { When } from '../../components/values.tsx';
import { brief, counted } from '../../format.ts';
import { deliveryCodeLabel } from '../../labels.ts';
import { problemText } from '../../service-problem.ts';

export function DeliveryState({ entry }: { entry: InvestigationDetail }) {
  const [notice, setNotice] = useState<NoticeContent>();
  return (
    <>
      <Notice notice={notice} dismiss={() => setNotice(undefined)} />
      {entry.outcome === 'dead' && <NotSent entry={entry} notify={setNotice} />}
      {entry.state === 'delivering' && <Waiting />}
    </>
  );
}

interface NotSentProps {
  entry: InvestigationDetail;
  notify: (notice: NoticeContent) => void;
}

function NotSent({ entry, notify }: NotSentProps) {
  const mayChange = api.useMayChange();
  const { failure, dismissed, deadLetter } = entry;
  return (
    <div class="delivery-state not-sent">
      <p>
        <b>Not sent</b>
        {failure && (
          <>
            : {deliveryCodeLabel(failure.code)} <code>{brief(failure.code, 200)}</code>,{' '}
            <When at={failure.at} withAge />
            {failure.attempts > 1 && `, after ${counted(failure.attempts, 'attempt')}`}
          </>
        )}
      </p>
      {dismissed && (
        <p>
          Dismissed by {brief(dismissed.by)} <When at={dismissed.at} withAge />: {brief(dismissed.reason, 500)}
        </p>
      )}
      {!dismissed && !deadLetter && <p>It can no longer be retried. Read the alert below.</p>}
      {deadLetter && mayChange && (
        <DeliveryActions
          job={deadLetter}
          wakeId={entry.wakeId}
          name={`${brief(entry.probe)} / ${brief(entry.category)}`}
          notify={notify}
        />
      )}
    </div>
  );
}

function Waiting() {
  const now = useNow();
  const { data } = useResource(api.status);
  const problem = data?.problems.find(({ service }) => service === 'slack');
  if (!problem) return null;
  return (
    <div class="delivery-state">
      <p>
        <b>Not sent yet.</b> {problemText(problem, now)}.
      </p>
    </div>
  );
}
