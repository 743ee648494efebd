/**
 * An `update` job: edits the messages of an incident so that they show its state. The state is read when the job runs, so a late or
 * repeated job never shows an older one. An edit is idempotent: if it is not known whether Slack made it, it is made again.
 */
import type { Logger } from '@kora-wake/shared/runtime/log';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import { areClicksTaken } from '@kora-wake/shared/store/clicks';
import { incidentMessage } from '@kora-wake/shared/store/incident-message';
import { readStaleMessage, repostMessage, type StaleMessage } from '@kora-wake/shared/store/incidents';
import type { Keys } from '@kora-wake/shared/store/keys';
import type { FollowupsQueue, Posted, UpdateJob } from '@kora-wake/shared/store/queues';
import { incidentLine, OLDER_LINE } from '@kora-wake/shared/wake/incident-line';
import type { Job } from 'bullmq';
import { DeliveryFailure, type Messenger, mayBeAcceptedWithoutBlocks } from './slack.ts';
import { retryLater } from './waiting.ts';

export interface Updates {
  /** Undefined: no Slack token, a dry run. */
  messenger: Messenger | undefined;
  consoleUrl?: string | undefined;
  followups: FollowupsQueue;
  /** A message that is gone is posted again at most once in this time, ms. */
  repostAfterMs: number;
  redis: RedisClient;
  keys: Keys;
  log: Logger;
}

export function updater(options: Updates) {
  const { messenger, followups, redis, keys, log } = options;
  // It is the only sign of the incident in a dry run, so the log's level must not hide it.
  const printed = log.child({}, { level: 'warn' });

  return async ({ data: { incidentId } }: Job<UpdateJob>): Promise<void> => {
    const stale = await readStaleMessage(redis, keys, incidentId);
    if (!stale) return;
    const { incident, kind } = stale;
    const line = kind === 'older' ? OLDER_LINE : incidentLine(incident);
    if (!messenger) {
      const { probe, category } = incident;
      logEvent(printed, 'incidents.dry_run', { incident: { incidentId, probe, category, line } });
    } else if (stale.posted) await edit(messenger, stale, stale.posted, line);
    await stale.edited();
  };

  async function edit(to: Messenger, stale: StaleMessage, posted: Posted, line: string): Promise<void> {
    const { incident, wakeId, kind } = stale;
    const hasButtons = kind === 'newest' && (await areClicksTaken(redis, keys));
    const content = await incidentMessage(options, incident, wakeId, { note: posted.note ?? '', line, hasButtons });
    if (!content) return;
    const { text, blocks } = content;
    const about = { incidentId: incident.id, wakeId };
    try {
      await to.edit(posted, text, blocks).catch((error: unknown) => {
        if (!(error instanceof DeliveryFailure && mayBeAcceptedWithoutBlocks(error))) throw error;
        return to.edit(posted, text);
      });
      logEvent(log, 'incidents.message_edited', { ...about, line });
    } catch (error) {
      if (!(error instanceof DeliveryFailure)) throw error;
      const { kind: failure, code } = error;
      if (failure !== 'permanent') return retryLater({ id: incident.id, failure: error, queue: followups, log });
      logEvent(log, 'incidents.message_not_edited', { ...about, code });
      // A person deleted the message, for example.
      if (kind === 'newest') await repostMessage(redis, keys, incident.id, posted, options.repostAfterMs);
    }
  }
}
