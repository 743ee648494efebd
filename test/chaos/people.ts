/** People who respond to incidents: over HTTP and with signed clicks, doubled and late. */
import { createHmac } from 'node:crypto';
import type { Random } from '../../apps/cli/src/random.ts';
import type { SeenAction } from './history.ts';

export const SIGNING_SECRET = 'signing-secret-of-the-chaos-run';

const ACTIONS = ['acknowledge', 'acknowledge', 'snooze', 'resolve', 'feedback', 'hold'] as const;
const SNOOZE_S = 60;
/** Requests in progress; more are not sent while the API does not answer. */
const MAX_OPEN = 5;

interface Named {
  id: string;
  probe: string;
  category: string;
}

/** @param url of the API */
export function people(url: string, chance: Random) {
  const actions: SeenAction[] = [];
  let open = 0;

  async function act(): Promise<void> {
    if (open >= MAX_OPEN) return;
    open++;
    try {
      const answer = await fetch(`${url}/v1/incidents?limit=50`, { signal: AbortSignal.timeout(5_000) });
      if (!answer.ok) return;
      const { entries }: { entries: Named[] } = JSON.parse(await answer.text());
      const incident = entries[chance.between(0, entries.length - 1)];
      if (!incident) return;
      const isClick = chance.fraction() < 0.5;
      const drawn = chance.of([...ACTIONS]);
      // A click snoozes for an hour and holds for half of it, which would outlast the run.
      const kind = isClick && (drawn === 'snooze' || drawn === 'hold') ? 'acknowledge' : drawn;
      const action: SeenAction = {
        incidentId: incident.id,
        pair: `${incident.probe} ${incident.category}`,
        kind,
        sentAt: Date.now(),
        status: 0,
        answeredAt: 0,
      };
      actions.push(action);
      action.status = await (isClick ? click(incident, kind) : request(incident, kind));
      action.answeredAt = Date.now();
    } catch {
      // No answer: the action may have been applied, or not.
    } finally {
      open--;
    }
  }

  function request({ id }: Named, kind: SeenAction['kind']): Promise<number> {
    const body = {
      snooze: { seconds: SNOOZE_S },
      feedback: { verdict: 'wrong', cause: 'a full disk' },
      hold: { seconds: 60 },
    };
    const given = kind === 'snooze' || kind === 'feedback' || kind === 'hold' ? body[kind] : undefined;
    return statusOf(kind === 'hold' ? '/v1/hold' : `/v1/incidents/${id}/${kind}`, {
      method: kind === 'hold' ? 'PUT' : 'POST',
      ...(given && { body: JSON.stringify(given), headers: { 'content-type': 'application/json' } }),
    });
  }

  /** One click, which Slack may deliver twice. */
  async function click({ id }: Named, kind: SeenAction['kind']): Promise<number> {
    const payload = JSON.stringify({
      type: 'block_actions',
      user: { id: 'U1', username: 'ada' },
      container: { message_ts: '1.1' },
      actions: [
        {
          action_id: kind === 'feedback' ? 'feedback_right' : kind,
          value: id,
          action_ts: String(Date.now() / 1_000),
        },
      ],
    });
    const body = new URLSearchParams({ payload }).toString();
    const timestamp = String(Math.floor(Date.now() / 1_000));
    const signature = createHmac('sha256', SIGNING_SECRET).update(`v0:${timestamp}:${body}`).digest('hex');
    const headers = {
      'content-type': 'application/x-www-form-urlencoded',
      'x-slack-request-timestamp': timestamp,
      'x-slack-signature': `v0=${signature}`,
    };
    const times = chance.fraction() < 0.2 ? 2 : 1;
    const statuses = await Promise.all(
      Array.from({ length: times }, () => statusOf('/slack/interactions', { method: 'POST', body, headers })),
    );
    return Math.max(...statuses);
  }

  async function statusOf(path: string, init: RequestInit): Promise<number> {
    const answer = await fetch(`${url}${path}`, { ...init, signal: AbortSignal.timeout(15_000) });
    await answer.text();
    return answer.status;
  }

  return { actions, act };
}
