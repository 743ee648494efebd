/** Earlier wakes and investigations: their suppressed rows, their diagnoses, and whether the issue came back. */
import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import type { Keys } from '@kora-wake/shared/store/keys';
import { listWakeRecords } from '@kora-wake/shared/store/wake-history';
import { type WakeRecord } from '@kora-wake/shared/store/wake-record';
import { z } from 'zod';
import { defineTool, type Tool } from './tool.ts';

const limit = z.number().int().min(1).max(20).default(10).describe('maximum number, newest first');

/** @param now ms since the epoch */
export function pastWakesTools(redis: RedisClient, keys: Keys, now: () => number): Tool[] {
  const ago = (at: number) => `${duration(now() - at)} ago`;
  const readRecords = async (filter: { probe: string; category?: string }, limit: number) =>
    (await listWakeRecords(redis, keys, filter, { limit, since: 0 })).entries;
  return [
    defineTool({
      name: 'recent_wakes',
      secondhand: true,
      description:
        'Earlier wakes of this probe, or only of this probe and category: time, severity, title, number of suppressed rows, and outcome.',
      input: z.object({ scope: z.enum(['pair', 'probe']).default('probe'), limit }),
      run: async ({ scope, limit: most }, { wake }) => {
        const filter = { probe: wake.probe, ...(scope === 'pair' && { category: wake.category }) };
        const found = (await readRecords(filter, most + 1)).filter(({ wakeId }) => wakeId !== wake.id).slice(0, most);
        return (
          found.map((each) => `${ago(each.enqueuedAt)}: ${summary(each)}`).join('\n') ||
          'there is no record of an earlier wake'
        );
      },
    }),
    defineTool({
      name: 'past_investigations',
      secondhand: true,
      description:
        'Earlier diagnoses of this probe and category: their age, verdict and text, and when the issue came back. They are opinions of that time, not proof of the present cause.',
      input: z.object({ limit }),
      run: async ({ limit: most }, { wake: { id, probe, category } }) => {
        const all = await readRecords({ probe, category }, most + 1);
        const found = all.filter(({ wakeId, report }) => wakeId !== id && report !== null).slice(0, most);
        if (found.length === 0) return 'this was never investigated before';
        return found
          .map((each) => `${ago(each.enqueuedAt)} (${diagnosis(each)}\n${recurrence(each, all)}`)
          .join('\n\n');
      },
    }),
  ];
}

function summary({ row, suppressed, outcome }: WakeRecord): string {
  const ended = outcome ? `ended as ${outcome}` : 'in progress';
  return `${row.category} (${row.severity}): ${row.title}; ${suppressed} more suppressed; ${ended}`;
}

function diagnosis({ report }: WakeRecord): string {
  if (report?.kind !== 'diagnosis') return `not investigated): ${report?.code}`;
  return `${report.verdict ?? 'no verdict'}): ${report.text}`;
}

function recurrence(each: WakeRecord, all: WakeRecord[]): string {
  const next = all.findLast(({ enqueuedAt }) => enqueuedAt > each.enqueuedAt);
  return next
    ? `It came back ${duration(next.enqueuedAt - each.enqueuedAt)} later.`
    : 'It has not come back since, until now.';
}

/** Rounded to the largest useful unit. */
function duration(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 120) return `${minutes} min`;
  return minutes < 48 * 60 ? `${Math.round(minutes / 60)} h` : `${Math.round(minutes / 1_440)} d`;
}
