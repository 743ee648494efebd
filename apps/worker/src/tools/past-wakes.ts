/** Earlier wakes and investigations: their suppressed rows, their diagnoses, and whether the issue came back. */
import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import type { Keys } from '@kora-wake/shared/store/keys';
import { listWakeRecords } from '@kora-wake/shared/store/wake-history';
import { type WakeRecord } from '@kora-wake/shared/store/wake-record';
import { isRepeated } from '@kora-wake/shared/wake/report';
import { z } from 'zod';
import { defineTool, type Tool } from './tool.ts';

const limit = z.number().int().min(1).max(20).default(10).describe('maximum number, newest first');

/** Earlier wakes of the pair that are searched for causes. */
const MAX_JUDGED = 200;

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
        'Earlier diagnoses of this probe and category: their age, verdict and text, what people said about them, and when the issue came back. They are opinions of that time, not proof of the present cause.',
      input: z.object({ limit }),
      run: async ({ limit: most }, { wake: { id, probe, category } }) => {
        const all = await readRecords({ probe, category }, most + 1);
        const found = all
          .filter(({ wakeId, report }) => wakeId !== id && report !== null && !isRepeated(report))
          .slice(0, most);
        if (found.length === 0) return 'this was never investigated before';
        return found
          .map((each) => `${ago(each.enqueuedAt)} (${diagnosis(each)}\n${judged(each)}${recurrence(each, all)}`)
          .join('\n\n');
      },
    }),
    // A person's words are evidence, unlike an earlier answer of a model.
    defineTool({
      name: 'confirmed_causes',
      description:
        'Causes of earlier alerts of this probe and category, in the words of the people who found them. Look here first if the issue came back.',
      input: z.object({ limit }),
      run: async ({ limit: most }, { wake: { id, probe, category } }) => {
        const all = await readRecords({ probe, category }, MAX_JUDGED);
        const found = all
          .filter(({ wakeId, feedback }) => wakeId !== id && feedback?.cause !== undefined)
          .slice(0, most);
        return (
          found.map((each) => `${ago(each.enqueuedAt)}: ${each.row.title}\n${judged(each)}`.trim()).join('\n\n') ||
          'nobody has named the cause of an earlier alert'
        );
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

/** A line with what a person said about the diagnosis, or an empty text. */
function judged({ feedback }: WakeRecord): string {
  if (!feedback) return '';
  const { verdict, by, cause } = feedback;
  const said = { right: 'right', partly: 'partly right', wrong: 'wrong' }[verdict];
  return `${by} said that the diagnosis was ${said}${cause === undefined ? '.' : `. The real cause: ${cause}`}\n`;
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
