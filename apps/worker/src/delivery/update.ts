/**
 * An `update` job: edits the messages of an incident so that they show its state. The state is read when the job runs, so a late or
 * repeated job never shows an older one. An edit is idempotent: if it is not known whether Slack made it, it is made again.
 */
import type { Logger } from '@kora-wake/shared/runtime/log';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import { areClicksTaken, readStaleMessage, type StaleMessage } from '@kora-wake/shared/store/incidents';
import type { Keys } from '@kora-wake/shared/store/keys';
import type { FollowupsQueue, UpdateJob } from '@kora-wake/shared/store/queues';
import { readWakeRecord, wakeFromRecord } from '@kora-wake/shared/store/wake-record';
import { buttonsFor, dmBlocks } from '@kora-wake/shared/wake/blocks';
import { incidentLine, OLDER_LINE } from '@kora-wake/shared/wake/incident-line';
import { directMessage } from '@kora-wake/shared/wake/message';
import { escapeForSlack } from '@kora-wake/shared/wake/text';
import { type Job, Worker } from 'bullmq';
import { DeliveryFailure, type Messenger, mayBeAcceptedWithoutBlocks } from './slack.ts';

/** How long edits wait after Slack refused the token, ms. */
const OUTAGE_MS = 10_000;

export interface Updates {
  /** Undefined: no Slack token, a dry run. */
  messenger: Messenger | undefined;
  consoleUrl?: string | undefined;
  followups: FollowupsQueue;
  redis: RedisClient;
  keys: Keys;
  log: Logger;
}

export function updater({ messenger, consoleUrl, followups, redis, keys, log }: Updates) {
  // It is the only sign of the incident in a dry run, so the log's level must not hide it.
  const printed = log.child({}, { level: 'warn' });

  return async ({ data: { incidentId } }: Job<UpdateJob>): Promise<void> => {
    const stale = await readStaleMessage(redis, keys, incidentId);
    if (!stale) return;
    const { incident, isNewest } = stale;
    const line = isNewest ? incidentLine(incident) : OLDER_LINE;
    if (!messenger) {
      const { probe, category } = incident;
      logEvent(printed, 'incidents.dry_run', { incident: { incidentId, probe, category, line } });
    } else if (stale.posted) await edit(messenger, stale, line);
    await stale.edited();
  };

  async function edit(
    to: Messenger,
    { incident, wakeId, posted, isNewest }: StaleMessage,
    line: string,
  ): Promise<void> {
    const record = await readWakeRecord(redis, keys, wakeId);
    if (!posted || !record?.report) return;
    const wake = wakeFromRecord(record);
    const extras = { note: `${record.posted?.note ?? ''}\n\n(${line})`, consoleUrl };
    const text = escapeForSlack(directMessage(wake, record.report, extras));
    const buttons = isNewest && (await areClicksTaken(redis, keys)) ? buttonsFor(incident.id, incident.state) : [];
    const blocks = [...dmBlocks(wake, record.report, extras), ...buttons];
    const about = { incidentId: incident.id, wakeId };
    try {
      await to.edit(posted, text, blocks).catch((error: unknown) => {
        if (!(error instanceof DeliveryFailure && mayBeAcceptedWithoutBlocks(error))) throw error;
        return to.edit(posted, text);
      });
      logEvent(log, 'incidents.message_edited', { ...about, line });
    } catch (error) {
      if (!(error instanceof DeliveryFailure)) throw error;
      const { kind, code, retryAfterMs } = error;
      const waitMs = kind === 'outage' ? OUTAGE_MS : retryAfterMs;
      if (waitMs !== undefined) {
        await followups.rateLimit(waitMs);
        throw Worker.RateLimitError();
      }
      // A person deleted the message, for example. The next alert is a new one.
      if (kind !== 'permanent') throw error;
      logEvent(log, 'incidents.message_not_edited', { ...about, code });
    }
  }
}
