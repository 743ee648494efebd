/** Why there was no message in a span of time: what was suppressed, muted or only counted then. */
import { useResource } from '../../api/resource.ts';
import * as api from '../../api/resources.ts';
import { count } from '../../format.ts';
import type { Filter } from './filter.ts';

const HOUR_MS = 3_600_000;
/** The API counts by hour for this time. */
const MAX_HOURS = 35 * 24;

export function NotSentThen({ filter }: { filter: Filter }) {
  const from = Date.parse(filter.get('from'));
  const to = Date.parse(filter.get('to'));
  if (Number.isNaN(from)) return null;
  return (
    <div class="not-sent-then">
      <Hours from={from} to={Number.isNaN(to) ? Date.now() : to} />
      <p class="fine">An alert of the day before is listed if a repeat of it was suppressed since.</p>
    </div>
  );
}

/** @param from ms @param to ms */
function Hours({ from, to }: { from: number; to: number }) {
  const hours = Math.min(MAX_HOURS, Math.max(1, Math.ceil((Date.now() - from) / HOUR_MS) + 1));
  const { data } = useResource(api.statsByHour(`${hours}h`));
  const touched = (data?.entries ?? []).filter(({ start = '' }) => {
    const begin = Date.parse(start);
    return begin < to && begin + HOUR_MS > from;
  });
  const [first, last] = [touched[0]?.start, touched.at(-1)?.start];
  if (first === undefined || last === undefined) return null;
  const sum = (name: 'suppressed' | 'muted' | 'buffered') => touched.reduce((total, entry) => total + entry[name], 0);
  return (
    <p>
      In {touched.length === 1 ? 'this hour' : `these ${count(touched.length)} hours`} of all probes:{' '}
      <b>{count(sum('suppressed'))}</b> suppressed, <b>{count(sum('muted'))}</b> muted by the policy,{' '}
      <b>{count(sum('buffered'))}</b> counted only, because too few had come.
    </p>
  );
}
