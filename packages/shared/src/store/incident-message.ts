/** Text and blocks of a message that shows how an incident develops. */
import type { RedisClient } from '../runtime/redis.ts';
import { buttonsFor, type DmBlock, dmBlocks } from '../wake/blocks.ts';
import { directMessage } from '../wake/message.ts';
import { fallbackReport } from '../wake/report.ts';
import { escapeForSlack } from '../wake/text.ts';
import type { Incident } from './incidents.ts';
import type { Keys } from './keys.ts';
import { readShownFeedback, readWakeRecord, wakeFromRecord } from './wake-record.ts';

/** The investigation of the wake failed before it had a report. */
const NO_REPORT = fallbackReport('engine_exception:InvestigationFailed');

/**
 * The message of a wake with the state of its incident. Undefined if the wake has no record.
 *
 * @param about `note`: about its delivery; `line`: the state; `hasButtons`: whether people can act on it
 */
export async function incidentMessage(
  { redis, keys, consoleUrl }: { redis: RedisClient; keys: Keys; consoleUrl?: string | undefined },
  incident: Incident,
  wakeId: string,
  { note, line, hasButtons }: { note: string; line: string; hasButtons: boolean },
): Promise<{ text: string; blocks: DmBlock[] } | undefined> {
  const record = await readWakeRecord(redis, keys, wakeId);
  if (!record) return undefined;
  const feedback = await readShownFeedback(redis, keys, record);
  const report = record.report ?? NO_REPORT;
  const wake = wakeFromRecord(record);
  const extras = { consoleUrl, isOver: incident.state === 'closed' };
  return {
    text: escapeForSlack(directMessage(wake, report, { ...extras, note: `${note}\n\n(${line})` })),
    blocks: [
      ...dmBlocks(wake, report, { ...extras, note, line, feedback }),
      ...(hasButtons ? buttonsFor(incident.id, incident.state, report) : []),
    ],
  };
}
