/** `kora-wake incidents`: lists incidents, and does what the buttons of their messages do, over the API. */
import { only } from '@kora-wake/shared/runtime/config';
import { FEEDBACK_VERDICTS } from '@kora-wake/shared/wake/feedback';
import type { JsonObject } from '@kora-wake/shared/wake/json';
import { z } from 'zod';
import { API_VARIABLES, type ApiClient, apiClient } from '../api-client.ts';
import { columns, defineCommand, UsageError } from '../command.ts';
import { readConfig } from '../settings.ts';
import { readSpan } from '../span.ts';

const ACTIONS = ['acknowledge', 'snooze', 'resolve', 'feedback'] as const;

const INCIDENT = z.object({
  id: z.string(),
  probe: z.string(),
  category: z.string(),
  state: z.string(),
  severity: z.string(),
  rows: z.number(),
  startedAt: z.string(),
  acknowledgedBy: z.string().nullable(),
  closeReason: z.string().nullable(),
});
type Incident = z.infer<typeof INCIDENT>;
const INCIDENTS = z.object({ entries: z.array(INCIDENT) });

export const command = defineCommand({
  name: 'incidents',
  summary: 'Lists open incidents, or acknowledges, snoozes, resolves or judges one, as the buttons in Slack do.',
  usage: '[ACTION ID] [options]',
  details: [
    `ACTION is ${ACTIONS.join(', ')}. ID is the id of an incident, as the list shows it.`,
    'The API must run. Set KORA_API_TOKEN if it needs a token.',
  ],
  positionals: 2,
  options: {
    all: { type: 'boolean', default: false, about: 'list closed incidents too' },
    for: { type: 'string', value: 'TIME', about: 'how long to snooze, such as 90m or 8h (default: 1h)' },
    verdict: { type: 'string', value: 'WORD', about: `feedback: ${FEEDBACK_VERDICTS.join(', ')}` },
    cause: { type: 'string', value: 'TEXT', about: 'feedback: the real cause' },
    storm: { type: 'boolean', default: false, about: 'act on all incidents of its alert storm' },
    reason: { type: 'string', value: 'TEXT', about: 'why; stored in the audit log' },
  },
  run: async ({ values, positionals: [given, id] }, env, io) => {
    const action = ACTIONS.find((each) => each === given);
    if (given !== undefined && action === undefined) {
      throw new UsageError(`unknown action '${given}', expected one of ${ACTIONS.join(', ')}.`);
    }
    if (action !== undefined && id === undefined) throw new UsageError(`${action} needs the id of an incident.`);
    const api = apiClient(readConfig(env, io, only(...API_VARIABLES)));
    if (action === undefined) {
      for (const line of await list(api, values.all)) io.out(line);
      return 0;
    }
    if (values.storm && action === 'feedback') throw new UsageError('--storm: feedback concerns the storm already.');
    const path = `/v1/incidents/${encodeURIComponent(id ?? '')}/${action}${values.storm ? '?storm=true' : ''}`;
    const incident = await api.call(INCIDENT, 'POST', path, bodyOf(action, values), values.reason);
    io.out(describe(incident));
    return 0;
  },
});

function bodyOf(
  action: (typeof ACTIONS)[number],
  { for: span = '1h', verdict, cause }: { for?: string; verdict?: string; cause?: string },
): JsonObject | undefined {
  if (action === 'snooze') return { seconds: Math.round(readSpan('for', span) / 1_000) };
  if (action !== 'feedback') return undefined;
  if (!FEEDBACK_VERDICTS.some((each) => each === verdict)) {
    throw new UsageError(`--verdict: expected one of ${FEEDBACK_VERDICTS.join(', ')}.`);
  }
  return { verdict: verdict ?? '', ...(cause !== undefined && { cause }) };
}

async function list(api: ApiClient, isAll: boolean): Promise<string[]> {
  const { entries } = await api.call(INCIDENTS, 'GET', `/v1/incidents?limit=100&state=${isAll ? 'all' : 'open'}`);
  if (entries.length === 0) return [isAll ? 'There are no incidents.' : 'No incident is open.'];
  return columns(entries.map((incident) => [incident.id, describe(incident)]));
}

function describe({
  probe,
  category,
  state,
  severity,
  rows,
  startedAt,
  acknowledgedBy,
  closeReason,
}: Incident): string {
  const who = acknowledgedBy === null ? '' : ` by ${acknowledgedBy}`;
  const how = closeReason === null ? '' : ` (${closeReason})`;
  return `${probe} / ${category}: ${state}${who}${how}, ${severity}, since ${startedAt}, ${rows} ${rows === 1 ? 'alert' : 'alerts'}`;
}
