/** Alerts that are sent today and would not be sent, critical ones first. */
import type { Backtest, MissedAlert } from '../../api/types.ts';
import { count } from '../../format.ts';
import { Severity } from '../outcome.tsx';
import { Pair } from '../pair.tsx';
import { Empty, Panel } from '../panel.tsx';
import { useShowMore } from '../show-more.tsx';
import { When } from '../values.tsx';

const GROUPS: Array<{ message: MissedAlert['message']; title: string }> = [
  { message: 'none', title: 'Nobody would hear of these' },
  { message: 'later', title: 'A later message of the same pair would be sent' },
  { message: 'earlier', title: 'Counted on an earlier message of the same pair' },
];

export function Missed({ result: { missed, missedTotal, missedCritical } }: { result: Backtest }) {
  const isPart = missed.length < missedTotal;
  return (
    <Panel
      id="missed"
      title="No longer sent"
      hint={missedTotal > 0 && `${count(missedTotal)}, ${count(missedCritical)} critical`}
    >
      {missedTotal === 0 && <Empty>The new policy sends every alert that is sent today.</Empty>}
      {isPart && <p class="fine">The first {count(missed.length)} are listed, critical ones first.</p>}
      {GROUPS.map(({ message, title }) => (
        <Group key={message} title={title} alerts={missed.filter((alert) => alert.message === message)} />
      ))}
    </Panel>
  );
}

function Group({ title, alerts }: { title: string; alerts: MissedAlert[] }) {
  const [shown, more] = useShowMore(alerts, 10, 'alerts');
  if (alerts.length === 0) return null;
  return (
    <>
      <h3>
        {title}: {count(alerts.length)}
      </h3>
      <ol class="missed">
        {shown.map((alert, i) => (
          <MissedRow key={i} alert={alert} />
        ))}
      </ol>
      {more}
    </>
  );
}

const DECISIONS: Record<MissedAlert['decision'], string> = {
  coalesced: 'suppressed',
  buffered: 'too few',
  muted: 'muted',
};

const MissedRow = ({
  alert: { severity, emittedAt, probe, category, title, decision, messageAt },
}: {
  alert: MissedAlert;
}) => (
  <li>
    <Severity of={severity} />
    <When at={emittedAt} />
    <span class="subject">
      <Pair probe={probe} category={category} />
      <span class="title" title={title}>
        {title || '(no title)'}
      </span>
    </span>
    <span class="detail">
      {DECISIONS[decision]}
      {messageAt !== null && (
        <>
          , message <When at={messageAt} />
        </>
      )}
    </span>
  </li>
);
