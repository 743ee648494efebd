/** What was there before: earlier wakes, what was suppressed, what was found out then, and what came after. */

import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import type { Keys } from '@kora-wake/shared/store/keys';
import { listWakeRecords } from '@kora-wake/shared/store/wake-history';
import { type WakeRecord } from '@kora-wake/shared/store/wake-record';
import { z } from 'zod';
import { defineTool, type Tool } from './tool.ts';

const limit = z.number().int().min(1).max(20).default(10).describe('how many, the last first');

/** @param now ms since the epoch */
export function memoryTools(redis: RedisClient, keys: Keys, now: () => number): Tool[] {
  const ago = (at: number) => `${duration(now() - at)} ago`;
  const known = async (of: { probe: string; category?: string }, limit: number) =>
    (await listWakeRecords(redis, keys, of, { limit, since: 0 })).entries;
  return [
    defineTool({
      name: 'recent_wakes',
      secondhand: true,
      description:
        'Earlier wakes of this probe, or of just this probe and category: when, how severe, what they said, how many more were held back in their window, and how they ended.',
      input: z.object({ scope: z.enum(['pair', 'probe']).default('probe'), limit }),
      run: async ({ scope, limit: most }, { wake }) => {
        const of = { probe: wake.probe, ...(scope === 'pair' && { category: wake.category }) };
        const found = (await known(of, most + 1)).filter(({ wakeId }) => wakeId !== wake.id).slice(0, most);
        return found.map((each) => `${ago(each.enqueuedAt)}: ${told(each)}`).join('\n') || 'no earlier wake is known';
      },
    }),
    defineTool({
      name: 'past_investigations',
      secondhand: true,
      description:
        'Earlier diagnoses of this same probe and category: how long ago, how sure, what was said, and when the issue came back after. They are what was thought then, not proof of what is wrong now.',
      input: z.object({ limit }),
      run: async ({ limit: most }, { wake: { id, probe, category } }) => {
        const all = await known({ probe, category }, most + 1);
        const found = all.filter(({ wakeId, report }) => wakeId !== id && report !== null).slice(0, most);
        if (found.length === 0) return 'this was never investigated before';
        return found.map((each) => `${ago(each.enqueuedAt)} (${said(each)}\n${after(each, all)}`).join('\n\n');
      },
    }),
  ];
}

function told({ row, suppressed, outcome }: WakeRecord): string {
  const ended = outcome ? `ended as ${outcome}` : 'in flight';
  return `${row.category} (${row.severity}): ${row.title}; ${suppressed} more held back; ${ended}`;
}

function said({ report }: WakeRecord): string {
  if (report?.kind !== 'diagnosis') return `not investigated): ${report?.code}`;
  return `${report.verdict ?? 'no verdict'}): ${report.text}`;
}

function after(each: WakeRecord, all: WakeRecord[]): string {
  const next = all.findLast(({ enqueuedAt }) => enqueuedAt > each.enqueuedAt);
  return next
    ? `It came back ${duration(next.enqueuedAt - each.enqueuedAt)} later.`
    : 'It has not come back since, until now.';
}

/** In the largest unit that says enough. */
function duration(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 120) return `${minutes} min`;
  return minutes < 48 * 60 ? `${Math.round(minutes / 60)} h` : `${Math.round(minutes / 1_440)} d`;
}
