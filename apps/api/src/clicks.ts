/** Clicks on the buttons of a message in Slack, however they arrive. */
import { createHash } from 'node:crypto';
import { type LogTarget, logEvent } from '@kora-wake/shared/runtime/log-events';
import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import { type Click, recordClicksTaken } from '@kora-wake/shared/store/clicks';
import { setHold } from '@kora-wake/shared/store/hold';
import {
  type ActionResult,
  actOnIncident,
  type IncidentAction,
  readIncident,
  recordFeedback,
} from '@kora-wake/shared/store/incidents';
import type { Keys } from '@kora-wake/shared/store/keys';
import { readStorm } from '@kora-wake/shared/store/storms';
import { type ButtonAction, isButtonAction } from '@kora-wake/shared/wake/blocks';
import type { FeedbackVerdict } from '@kora-wake/shared/wake/feedback';
import type { JsonObject } from '@kora-wake/shared/wake/json';
import { isStormId } from '@kora-wake/shared/wake/storm';
import { z } from 'zod';
import { feedbackOperation, holdOperation, incidentOperation, stormOperation } from './incident-operations.ts';
import type { OperationLog } from './operations.ts';

const HOUR_S = 3_600;
const HOLD_S = 1_800;
const ACTIONS: Partial<Record<ButtonAction, IncidentAction>> = {
  acknowledge: { kind: 'acknowledge' },
  snooze_1h: { kind: 'snooze', seconds: HOUR_S },
  snooze_8h: { kind: 'snooze', seconds: 8 * HOUR_S },
  resolve: { kind: 'resolve' },
};
const VERDICTS: Partial<Record<ButtonAction, FeedbackVerdict>> = { feedback_right: 'right', feedback_wrong: 'wrong' };

/** The parts of a `block_actions` payload that are used. */
const Interaction = z.object({
  type: z.literal('block_actions'),
  user: z.object({ id: z.string(), username: z.string().optional(), name: z.string().optional() }),
  container: z.object({ message_ts: z.string() }).optional(),
  actions: z.array(
    z.object({ action_id: z.string(), value: z.string().optional(), action_ts: z.string().regex(/^\d+(?:\.\d+)?$/) }),
  ),
});

export interface Clicks {
  /**
   * Applies the clicks of one payload, each once. Anything but a click on one of our buttons is ignored.
   *
   * @throws if Redis does not answer: the click must not be acknowledged then
   */
  handle(payload: unknown): Promise<void>;
}

export function clicks(options: { redis: RedisClient; keys: Keys; operations: OperationLog; log: LogTarget }): Clicks {
  const { redis, keys, operations, log } = options;

  async function apply(
    button: ButtonAction,
    incidentId: string,
    click: Click,
    who: string,
    messageTs: string | undefined,
  ) {
    const by = operations.cleanName(who);
    const [action, verdict] = [ACTIONS[button], VERDICTS[button]];
    if (action) {
      const result = await actOnIncident(redis, keys, incidentId, action, by, click);
      const storm = result === 'done' && isStormId(incidentId) ? await readStorm(redis, keys, incidentId) : undefined;
      await recordIf(result, incidentId, button, by, (incident) =>
        storm ? stormOperation(storm, action) : incidentOperation(incident, action),
      );
    } else if (verdict) {
      const result = await recordFeedback(redis, keys, incidentId, { verdict, by }, { ...click, messageTs });
      await recordIf(result, incidentId, button, by, (incident) => feedbackOperation(incident, { verdict }));
    } else {
      const result = (await setHold(redis, keys, HOLD_S, by, click)) ? 'done' : 'unchanged';
      await recordIf(result, incidentId, button, by, () => holdOperation(HOLD_S));
    }
  }

  async function recordIf(
    result: ActionResult,
    incidentId: string,
    action: ButtonAction,
    by: string,
    operationOf: (incident: { id: string; probe: string; category: string }) => { what: string; details: JsonObject },
  ) {
    logEvent(log, 'api.clicked', { incidentId, action, result });
    if (result !== 'done') return;
    const incident = await readIncident(redis, keys, incidentId);
    const { what, details } = operationOf(incident ?? { id: incidentId, probe: '', category: '' });
    await operations.recordClick(by, what, details);
  }

  return {
    handle: async (payload) => {
      const { data: interaction } = Interaction.safeParse(payload);
      if (!interaction) return;
      const { user, container, actions } = interaction;
      for (const { action_id: action, value, action_ts: clickedAt } of actions) {
        if (!isButtonAction(action) || value === undefined) continue;
        const facts = JSON.stringify([container?.message_ts, action, clickedAt, user.id]);
        const id = createHash('sha256').update(facts).digest('hex').slice(0, 32);
        await apply(
          action,
          value,
          { id, at: Number(clickedAt) * 1_000 },
          user.username ?? user.name ?? user.id,
          container?.message_ts,
        );
      }
    },
  };
}

/** Time between two notes that clicks are taken, ms. */
const ANNOUNCE_MS = 10_000;

/** Lets workers show buttons for as long as `takes` returns true, until the returned function is called. */
export function announceClicks(redis: RedisClient, keys: Keys, takes: () => boolean): () => void {
  const announce = () => {
    if (takes()) recordClicksTaken(redis, keys).catch(() => undefined);
  };
  announce();
  const timer = setInterval(announce, ANNOUNCE_MS);
  return () => clearInterval(timer);
}
