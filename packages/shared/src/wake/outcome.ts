/** How a wake ends. */
import { isRepeated, type Report } from './report.ts';

/**
 * Each wake ends exactly once. A `dead` one can be retried by a person, and then ends as one of the others. `unchanged`: it was sent
 * with the diagnosis of an earlier wake. `digest`: the digest of a storm names it. `joined`: it waited for long, and a newer wake of its pair was sent for both. `withdrawn`: its
 * pair recovered before it was sent.
 */
export const OUTCOMES = [
  'diagnosis',
  'fallback',
  'dry_run',
  'unchanged',
  'digest',
  'joined',
  'withdrawn',
  'dead',
] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** `dm_status` of a `probe.investigation_completed` row. */
export const DM_STATUSES = [
  'sent',
  'failed_send',
  'engine_unavailable_fallback',
  'engine_unavailable_failed_send',
] as const;
export type DmStatus = (typeof DM_STATUSES)[number];

/** How sure a diagnosis is. `confirmed` needs a quote that proves it. */
export const VERDICTS = ['confirmed', 'likely', 'inconclusive'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** The outcome of a wake whose message Slack has accepted. */
export function sentOutcome(report: Report): 'diagnosis' | 'fallback' | 'unchanged' {
  return isRepeated(report) ? 'unchanged' : report.kind;
}

/** The `dm_status` for a report. @param accepted whether Slack accepted its message */
export function dmStatus(report: Report, accepted: boolean): DmStatus {
  if (report.kind === 'diagnosis') return accepted ? 'sent' : 'failed_send';
  return accepted ? 'engine_unavailable_fallback' : 'engine_unavailable_failed_send';
}
