/** A storm as text for the LLM: its alerts, and what they share. It is not sanitized yet. */
import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import type { Keys } from '@kora-wake/shared/store/keys';
import type { Storm } from '@kora-wake/shared/store/storms';
import { readWakeRecord } from '@kora-wake/shared/store/wake-record';
import { spanText } from '@kora-wake/shared/wake/message';
import type { StormMember } from '@kora-wake/shared/wake/storm';
import { shorten } from '@kora-wake/shared/wake/text';

/** Alerts that are listed, and those whose titles are read. */
const MAX_LISTED = 200;
const MAX_TITLES = 40;
/** Characters. */
const MAX_NAME = 100;
const MAX_TITLE = 150;
/** Values that are counted, and the share of the alerts from which on one is mentioned. */
const MAX_SHARED = 5;
const MIN_SHARE = 0.3;

/** @param now ms since the epoch */
export async function stormText(
  { redis, keys }: { redis: RedisClient; keys: Keys },
  storm: Storm,
  now: number,
): Promise<string> {
  const { members, openedAt } = storm;
  const listed = members.toSorted((a, b) => isCritical(b) - isCritical(a)).slice(0, MAX_LISTED);
  const titles = await Promise.all(listed.slice(0, MAX_TITLES).map(titleOf));
  const lines = listed.map((member, i) => `- ${lineOf(member)}${titles[i] ? `: ${titles[i]}` : ''}`);
  const left = members.length - listed.length;
  return [
    `This alert is one of ${members.length} that came together, the first ${spanText(Math.max(0, now - openedAt))} ago.`,
    ...shared(members, 'probe'),
    ...shared(members, 'category'),
    ...shared(members, 'severity'),
    'Alerts (probe / category, severity, title):',
    ...lines,
    ...(left > 0 ? [`and ${left} more.`] : []),
  ].join('\n');

  /** The title of its newest wake, or an empty text. */
  async function titleOf({ lastWakeId }: StormMember): Promise<string> {
    const record = await readWakeRecord(redis, keys, lastWakeId);
    return shorten(record?.row.title ?? '', MAX_TITLE);
  }
}

const isCritical = ({ severity }: StormMember) => Number(severity === 'critical');

function lineOf({ probe, category, severity, state, rows }: StormMember): string {
  const over = state === 'closed' ? ', over' : '';
  const alerts = rows > 1 ? `, ${rows} times` : '';
  return `${shorten(probe, MAX_NAME)} / ${shorten(category, MAX_NAME)}, ${severity}${alerts}${over}`;
}

/** A sentence about the values that many alerts share, if there are some. */
function shared(members: StormMember[], name: 'probe' | 'category' | 'severity'): string[] {
  const counts = new Map<string, number>();
  for (const member of members) counts.set(member[name], (counts.get(member[name]) ?? 0) + 1);
  const frequent = [...counts]
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, MAX_SHARED)
    .filter(([, count]) => count > 1 && count >= MIN_SHARE * members.length);
  if (frequent.length === 0) return [];
  return [`Same ${name}: ${frequent.map(([value, count]) => `${shorten(value, MAX_NAME)} (${count})`).join(', ')}.`];
}
