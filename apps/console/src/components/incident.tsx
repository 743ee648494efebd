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
  notify: (notice: NoticeContent) => void;
}

export function IncidentActions({ incident: { id, probe, category, state }, notify }: ActionsProps) {
  const [busy, setBusy] = useState(false);
  const name = `${brief(probe)} / ${brief(category)}`;
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
          aria-label={`Acknowledge: ${name}`}
          onClick={() =>
            void act(
              () => api.actOnIncident(id, 'acknowledge'),
              'acknowledged. Only its first critical alert is still sent.',
            )
          }
        >
          Acknowledge
        </button>
      )}
      {state !== 'snoozed' && (
        <button
          type="button"
          disabled={busy}
          aria-label={`Snooze 1 h: ${name}`}
          onClick={() => void act(() => api.snoozeIncident(id, HOUR_S), 'snoozed for 1 h.')}
        >
          Snooze 1 h
        </button>
      )}
      <button
        type="button"
        disabled={busy}
        aria-label={`Resolve: ${name}`}
        onClick={() => void act(() => api.actOnIncident(id, 'resolve'), 'resolved. Its next alert is sent.')}
      >
        Resolve
      </button>
    </span>
  );
}
