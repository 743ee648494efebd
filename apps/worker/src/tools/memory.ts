/** What was there before: earlier wakes, what was suppressed, what was found out then, and what came after. */

import { type Investigated, lastInvestigations } from '@kora-wake/shared/investigations';
import type { Keys } from '@kora-wake/shared/keys';
import type { RedisClient } from '@kora-wake/shared/redis';
import { z } from 'zod';
import { defineTool, type Tool } from './tool.ts';

const limit = z.number().int().min(1).max(20).default(10).describe('how many, the last first');

/** @param now ms since the epoch */
export function memoryTools(redis: RedisClient, keys: Keys, now: () => number): Tool[] {
  const ago = (at: number) => `${duration(now() - at)} ago`;
  return [
    defineTool({
      name: 'recent_wakes',
      description:
        'Earlier wakes of this probe, or of just this probe and category: when, how severe, what they said, how many more were held back in their window, and how they ended.',
      input: z.object({ scope: z.enum(['pair', 'probe']).default('probe'), limit }),
      run: async ({ scope, limit: most }, { wake }) => {
        const of = { probe: wake.probe, ...(scope === 'pair' && { category: wake.category }) };
        const found = (await lastInvestigations(redis, keys, of, most + 1)).filter(({ wakeId }) => wakeId !== wake.id);
        if (found.length === 0) return 'no earlier wake is known';
        return found
          .slice(0, most)
          .map(
            ({ at, category, severity, title, suppressed, outcome }) =>
              `${ago(at)}: ${category} (${severity}): ${title}; ${suppressed} more held back; ended as ${outcome}`,
          )
          .join('\n');
      },
    }),
    defineTool({
      name: 'past_investigations',
      description:
        'Earlier diagnoses of this same probe and category: how long ago, how sure, what was said, and when the issue came back after. They are what was thought then, not proof of what is wrong now.',
      input: z.object({ limit }),
      run: async ({ limit: most }, { wake }) => {
        const all = await lastInvestigations(redis, keys, wake, most + 1);
        const found = all.filter(({ wakeId }) => wakeId !== wake.id).slice(0, most);
        if (found.length === 0) return 'this was never investigated before';
        return found.map((each) => `${ago(each.at)} (${each.verdict}): ${each.said}\n${after(each, all)}`).join('\n\n');
      },
    }),
  ];
}

function after(each: Investigated, all: Investigated[]): string {
  const next = all.findLast(({ at }) => at > each.at);
  return next ? `It came back ${duration(next.at - each.at)} later.` : 'It has not come back since, until now.';
}

/** In the largest unit that says enough. */
function duration(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 120) return `${minutes} min`;
  return minutes < 48 * 60 ? `${Math.round(minutes / 60)} h` : `${Math.round(minutes / 1_440)} d`;
}
