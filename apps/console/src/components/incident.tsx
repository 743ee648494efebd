/** The state of an incident in words, and what people do about it. */
import { useState } from 'preact/hooks';
import * as api from '../api/resources.ts';
import type { Incident } from '../api/types.ts';
import { useNow } from '../clock.ts';
import { brief, counted, span, time, withoutStop } from '../format.ts';
import type { NoticeContent } from './notice.tsx';

const HOUR_S = 3_600;

/** Such as `acknowledged by ada · firing for 12 min · 31 repeats`. */
export function useIncidentText(incident: Incident): string {
  const { state, acknowledgedBy, snoozedUntil, startedAt, closedAt, closeReason, rows, flaps } = incident;
  const now = useNow();
  const by = acknowledgedBy === null ? '' : ` by ${acknowledgedBy}`;
  return [
    ...(state === 'acknowledged' ? [`acknowledged${by}`] : []),
    ...(state === 'snoozed' && snoozedUntil !== null
      ? [`snoozed${by} until ${time(Date.parse(snoozedUntil), now)}`]
      : []),
    closedAt === null
      ? `firing for ${span(Math.max(0, now - Date.parse(startedAt)))}`
      : `${closeReason === 'expired' ? 'no alert for long' : closeReason} after ${span(Date.parse(closedAt) - Date.parse(startedAt))}`,
    ...(rows > 1 ? [counted(rows - 1, 'repeat')] : []),
    ...(flaps > 0 ? [`reopened ${counted(flaps, 'time')}`] : []),
  ].join(' · ');
}

interface ActionsProps {
  incident: Incident;
  /** Whether they concern all alerts of its storm. */
  ofStorm?: boolean;
  notify: (notice: NoticeContent) => void;
}

export function IncidentActions({ incident: { id, probe, category, state }, ofStorm = false, notify }: ActionsProps) {
  const [busy, setBusy] = useState(false);
  const name = ofStorm ? 'All alerts of the storm' : `${brief(probe)} / ${brief(category)}`;
  const act = async (request: () => ReturnType<typeof api.actOnIncident>, done: string) => {
    setBusy(true);
    const result = await request();
    setBusy(false);
    notify(
      result.ok
        ? { tone: 'good', text: `${name}: ${done}` }
        : { tone: 'bad', text: `${name} was not changed: ${withoutStop(result.fault.message)}.` },
    );
  };
  return (
    <span class="actions">
      {state !== 'acknowledged' && (
        <button
          type="button"
          disabled={busy}
          aria-label={`${ofStorm ? 'Acknowledge all' : 'Acknowledge'}: ${name}`}
          onClick={() =>
            void act(
              () => api.actOnIncident(id, 'acknowledge', ofStorm),
              ofStorm
                ? 'acknowledged. Only first critical alerts are still sent.'
                : 'acknowledged. Only its first critical alert is still sent.',
            )
          }
        >
          {ofStorm ? 'Acknowledge all' : 'Acknowledge'}
        </button>
      )}
      {state !== 'snoozed' && (
        <button
          type="button"
          disabled={busy}
          aria-label={`${ofStorm ? 'Snooze all 1 h' : 'Snooze 1 h'}: ${name}`}
          onClick={() => void act(() => api.snoozeIncident(id, HOUR_S, ofStorm), 'snoozed for 1 h.')}
        >
          {ofStorm ? 'Snooze all 1 h' : 'Snooze 1 h'}
        </button>
      )}
      <button
        type="button"
        disabled={busy}
        aria-label={`${ofStorm ? 'Resolve all' : 'Resolve'}: ${name}`}
        onClick={() =>
          void act(
            () => api.actOnIncident(id, 'resolve', ofStorm),
            ofStorm ? 'resolved. Their next alerts are sent.' : 'resolved. Its next alert is sent.',
          )
        }
      >
        {ofStorm ? 'Resolve all' : 'Resolve'}
      </button>
    </span>
  );
}
