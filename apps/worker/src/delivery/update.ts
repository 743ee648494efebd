/**
 * An `update` job: edits the messages of an incident or a storm so that they show its state. The state is read when the job runs, so a late or
 * repeated job never shows an older one. An edit is idempotent: if it is not known whether Slack made it, it is made again.
 */
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import { areClicksTaken } from '@kora-wake/shared/store/clicks';
import { readStaleMessage, repostMessage, type StaleMessage } from '@kora-wake/shared/store/incidents';
import type { Posted, UpdateJob } from '@kora-wake/shared/store/queues';
import { loseDigest, nameMembers, readStorm, withdrawMembers } from '@kora-wake/shared/store/storms';
import { OLDER_LINE } from '@kora-wake/shared/wake/incident-line';
import { isStormId } from '@kora-wake/shared/wake/storm';
import type { Job } from 'bullmq';
import { nameFurther } from './digest.ts';
import type { Notices } from './notice.ts';
import { DeliveryFailure, type Messenger, mayBeAcceptedWithoutBlocks } from './slack.ts';
import { readSubject, type Subject } from './subject.ts';
import { retryLater } from './waiting.ts';

export interface Updates extends Omit<Notices, 'callWebhook'> {
  /** A message that is gone is posted again at most once in this time, ms. */
  repostAfterMs: number;
}

export function updater(options: Updates) {
  const { messenger, followups, redis, keys, log } = options;
  // It is the only sign of the incident in a dry run, so the log's level must not hide it.
  const printed = log.child({}, { level: 'warn' });

  return async ({ data: { incidentId } }: Job<UpdateJob>): Promise<void> => {
    try {
      await update(incidentId);
    } catch (error) {
      if (!(error instanceof DeliveryFailure)) throw error;
      await retryLater({ id: incidentId, failure: error, queue: followups, log });
    }
  };

  async function update(id: string): Promise<void> {
    if (messenger && isStormId(id)) {
      await withdrawMembers(redis, keys, id);
      const storm = await readStorm(redis, keys, id);
      // One edit each time, because Slack limits them.
      if (storm?.message && (await nameFurther(options, messenger, storm))) return;
    }
    const stale = await readStaleMessage(redis, keys, id);
    if (!stale) return;
    const subject = await readSubject(options, id);
    if (!subject) return;
    const line = stale.kind === 'older' ? OLDER_LINE : subject.line;
    if (!messenger) await print(subject, line);
    else if (stale.posted) await edit(messenger, subject, stale, stale.posted, line);
    await stale.edited();
  }

  /** A storm is printed as a whole: its diagnosis comes after its digest. */
  async function print(subject: Subject, line: string): Promise<void> {
    const content = isStormId(subject.id)
      ? await subject.message('', { note: '', line, hasButtons: false })
      : undefined;
    if (content) logEvent(printed, 'delivery.dry_run', { dm: { wakeId: subject.id, text: content.text } });
    else logEvent(printed, 'incidents.dry_run', { incident: { ...subject.names, line } });
  }

  async function edit(
    to: Messenger,
    subject: Subject,
    stale: StaleMessage,
    posted: Posted,
    line: string,
  ): Promise<void> {
    const { wakeId, kind } = stale;
    const hasButtons = kind === 'newest' && (await areClicksTaken(redis, keys));
    const content = await subject.message(wakeId, { note: posted.note ?? '', line, hasButtons });
    if (!content) return;
    const { text, blocks } = content;
    const about = { incidentId: subject.id, wakeId };
    try {
      await to.edit(posted, text, blocks).catch((error: unknown) => {
        if (!(error instanceof DeliveryFailure && mayBeAcceptedWithoutBlocks(error))) throw error;
        return to.edit(posted, text);
      });
      logEvent(log, 'incidents.message_edited', { ...about, line });
      // Further wakes of pairs that are named already.
      if (kind === 'newest' && isStormId(subject.id)) {
        options.digested('digest', await nameMembers(redis, keys, { id: subject.id }, wakeId));
      }
    } catch (error) {
      if (!(error instanceof DeliveryFailure && error.kind === 'permanent')) throw error;
      logEvent(log, 'incidents.message_not_edited', { ...about, code: error.code });
      // A person deleted the message, for example.
      if (kind !== 'newest') return;
      if (isStormId(subject.id)) await loseDigest(redis, keys, subject.id, posted, options.repostAfterMs);
      else await repostMessage(redis, keys, subject.id, posted, options.repostAfterMs);
    }
  }
}
