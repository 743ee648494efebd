/** Checks that every alert in the log has an outcome. */
import type { ResourceState } from '../../api/resource.ts';
import type { Account } from '../../api/types.ts';
import { Panel } from '../../components/panel.tsx';
import { brief, count, counted } from '../../format.ts';

const total = (counts: Record<string, number>) => Object.values(counts).reduce((sum, n) => sum + n, 0);

const listed = (counts: Record<string, number>) =>
  Object.entries(counts)
    .map(([name, n]) => `${count(n)} ${brief(name)}`)
    .join(', ');

export function DeliveryCheck({ state }: { state: ResourceState<Account> }) {
  const { data } = state;
  return (
    <Panel
      id="delivery-check"
      title="Delivery check"
      state={state}
      tools={
        data && (
          <span class={data.unaccounted === 0 ? 'missing-count' : 'missing-count wrong'}>
            <b>{count(data.unaccounted)}</b> missing
          </span>
        )
      }
    >
      {data && <Sums account={data} />}
    </Panel>
  );
}

function Sums({ account }: { account: Account }) {
  const { rows, enqueued, coalesced, buffered, muted, rejected, outcomes, recovered, inFlight, unreadLines, repaired } =
    account;
  return (
    <p class="sum">
      <span title={listed(rejected)}>
        {counted(rows, 'alert')} = {count(enqueued)} accepted + {count(coalesced)} suppressed
        {buffered > 0 && ` + ${count(buffered)} counted only`}
        {muted > 0 && ` + ${count(muted)} muted`} + {count(total(rejected))} rejected
      </span>
      <br />
      <span>
        {count(enqueued)} accepted = {count(outcomes.diagnosis)} sent + {count(outcomes.fallback)} sent without
        diagnosis + {count(outcomes.unchanged)} sent with earlier diagnosis + {count(outcomes.digest)} sent in a digest
        + {count(outcomes.joined)} sent with a newer alert + {count(outcomes.withdrawn)} recovered before +{' '}
        {count(outcomes.dry_run)} dry run + {count(outcomes.dead)} not sent + {count(inFlight)} in progress
      </span>
      {total(recovered) > 0 && (
        <>
          <br />
          <span>
            {counted(total(recovered), 'recovery', 'recoveries')} = {count(recovered.closed)} ended an alert +{' '}
            {count(recovered.partial)} in part + {count(recovered.ignored)} without an alert
          </span>
        </>
      )}
      {(unreadLines > 0 || total(repaired) > 0) && (
        <>
          <br />
          <span title={listed(repaired)}>
            {counted(unreadLines, 'unreadable line')}, {count(total(repaired))} repaired
          </span>
        </>
      )}
    </p>
  );
}
