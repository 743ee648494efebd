/** Every label for a code of the API. The person on call reads these: an alert is a wake, the AI is the LLM. */
import { reasonOfCode } from '@kora-wake/shared/wake/reasons';
import type { Investigation, Operation } from './api/types.ts';
import { brief, counted, signedUsd } from './format.ts';

/** How a wake ended, for the person on call. */
export type Outcome =
  | 'sent'
  | 'dry_run'
  | 'fallback'
  | 'unchanged'
  | 'digest'
  | 'joined'
  | 'withdrawn'
  | 'not_sent'
  | 'in_progress';

export function outcomeOf({ outcome }: Pick<Investigation, 'outcome'>): Outcome {
  if (outcome === null) return 'in_progress';
  if (outcome === 'diagnosis') return 'sent';
  return outcome === 'dead' ? 'not_sent' : outcome;
}

export const OUTCOME_LABELS: Record<Outcome, string> = {
  sent: 'Sent',
  fallback: 'Sent without diagnosis',
  dry_run: 'Dry run',
  unchanged: 'Sent with earlier diagnosis',
  digest: 'Sent in a digest',
  joined: 'Sent with a newer alert',
  withdrawn: 'Recovered before it was sent',
  not_sent: 'Not sent',
  in_progress: 'In progress',
};

/** Outcomes of a filter: value of the API and label. */
export const OUTCOME_OPTIONS: [string, string][] = [
  ...(['diagnosis', 'fallback', 'unchanged', 'digest', 'joined', 'withdrawn', 'dry_run', 'dead'] as const).map(
    (outcome): [string, string] => [outcome, OUTCOME_LABELS[outcomeOf({ outcome })]],
  ),
  ['pending', OUTCOME_LABELS.in_progress],
];

export const STATE_LABELS: Record<Investigation['state'], string> = {
  waiting: 'Queued',
  investigating: 'Investigating',
  delivering: 'Sending',
  ended: 'Done',
};

/** Severities that filters offer. A probe may use others. */
export const SEVERITIES = ['critical', 'warning', 'info'];

export const VERDICT_LABELS: Record<NonNullable<Investigation['verdict']>, string> = {
  confirmed: 'Confirmed',
  likely: 'Likely',
  inconclusive: 'Inconclusive',
};

/** Why there is no diagnosis. A code without a label is shown as it is. */
export const codeLabel = (code: string) => reasonOfCode(code) ?? code;

/** Codes come from services: one may have the name of a property that every object has, such as `constructor`. */
const ownLabel = <T>(labels: Record<string, T>, code: string): T | undefined =>
  Object.hasOwn(labels, code) ? labels[code] : undefined;

const DELIVERY_CODE_LABELS: Record<string, string> = {
  operator_unset: 'no recipient is configured',
  channel_not_found: 'Slack does not know the recipient',
  user_not_found: 'Slack does not know the recipient',
  is_archived: 'the channel is archived',
  not_in_channel: 'the Slack app is not in the channel',
  cannot_dm_bot: 'the recipient is a bot',
  user_disabled: "the recipient's account is disabled",
};

/** Why a message was not sent. */
export const deliveryCodeLabel = (code: string) => ownLabel(DELIVERY_CODE_LABELS, code) ?? 'the delivery failed';

/** The result of a wake in one line. */
export function finding(entry: Investigation): string {
  if (entry.outcome === null && entry.summary === null) return STATE_LABELS[entry.state];
  if (entry.summary !== null) return withoutVerdict(entry.summary);
  if (entry.code !== null) return `No diagnosis: ${codeLabel(entry.code)}`;
  return OUTCOME_LABELS[outcomeOf(entry)];
}

/** Removes the verdict that the Slack message starts with: the console shows it separately. */
export function withoutVerdict(text: string): string {
  return text.replace(/^(?:Likely, not confirmed|Inconclusive): /, '');
}

const DM_STATUS_LABELS: Record<string, string> = {
  sent: 'sent',
  failed_send: 'rejected by Slack',
  engine_unavailable_fallback: 'sent without diagnosis',
  engine_unavailable_failed_send: 'rejected by Slack, without diagnosis',
};

export const dmStatusLabel = (status: string) => ownLabel(DM_STATUS_LABELS, status) ?? status;

export const TOOL_STATUS_LABELS = { ok: '', not_allowed: 'not allowed', execution_error: 'failed' };

const QUEUES: Record<string, { label: string; effect: string }> = {
  wakes: { label: 'Investigations', effect: 'no alert is investigated' },
  deliveries: { label: 'Slack messages', effect: 'no alert is sent' },
  followups: { label: 'Message updates', effect: 'messages do not show how their incident develops' },
};

export const queueLabel = (name: string) => ownLabel(QUEUES, name)?.label ?? brief(name);

/** The consequence of a queue that is paused or has no worker. */
export const queueEffect = (name: string) => ownLabel(QUEUES, name)?.effect ?? 'its jobs wait';

const ROUTE_LABELS: Record<string, string> = {
  probe_investigation: 'First step',
  tool_loop_iteration: 'Follow-up steps',
};

export const routeLabel = (route: string) => ownLabel(ROUTE_LABELS, route) ?? route;

const OPERATION_LABELS: Record<string, string> = {
  window_cleared: 'ended the suppression of',
  windows_cleared: 'ended every suppression of',
  queue_paused: 'paused',
  queue_resumed: 'resumed',
  incident_acknowledged: 'acknowledged',
  incident_snoozed: 'snoozed',
  incident_resolved: 'resolved',
  incident_feedback: 'judged the diagnosis of',
  hold_set: 'held all messages',
  test_sent: 'sent a test alert,',
  hold_ended: 'ended the hold',
  dead_letters_retried: 'retried failed deliveries',
  dead_letter_retried: 'retried the delivery of',
  dead_letter_dropped: 'dismissed the failed delivery of',
  ledger_corrected: 'corrected the AI costs of',
  bull_board_used: 'used Bull Board:',
};

/** An operation as a predicate, such as `paused Slack messages`. */
export function operationLabel({ what, details }: Operation): string {
  const action = ownLabel(OPERATION_LABELS, what) ?? `${what.replaceAll('_', ' ')}:`;
  return `${action} ${operationObject(details)}`.replace(/[: ]*$/, '');
}

function operationObject(details: Record<string, unknown>): string {
  const { probe, category, queue, request, jobId, month, usd, alerts } = details;
  if (typeof alerts === 'number') return `an alert storm of ${counted(alerts, 'alert')}`;
  if (typeof month === 'string' && typeof usd === 'number') return `${month} by ${signedUsd(usd)}`;
  const pair = [probe, category].filter((part) => typeof part === 'string');
  if (pair.length > 0) return brief(pair.join(' / '));
  if (typeof request === 'string') return brief(request);
  if (typeof jobId === 'string') return brief(jobId);
  return typeof queue === 'string' ? queueLabel(queue) : '';
}
