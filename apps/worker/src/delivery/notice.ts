/**
 * A `remind` or `escalate` job: sends one notice of an incident, once, by the same rules as the DM of a wake: a claim before the post, and
 * a look-up after a post whose result is not known. A notice repeats the newest message of its incident and says why.
 */
import type { Logger } from '@kora-wake/shared/runtime/log';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import type { Keys } from '@kora-wake/shared/store/keys';
import { beginNotice, endNotice, type Notice, readNotice } from '@kora-wake/shared/store/notices';
import type { FollowupsQueue, NoticeJob, Posted } from '@kora-wake/shared/store/queues';
import { deliveryNote } from '@kora-wake/shared/wake/message';
import { isRepeating, noticeNote, type RepeatingKind, WEBHOOK } from '@kora-wake/shared/wake/notice';
import { DelayedError, type Job } from 'bullmq';
import type { ServiceReports } from '../presence.ts';
import { digestSender } from './digest.ts';
import { type Message, postMessage } from './post.ts';
import { sendOnce } from './send-once.ts';
import { DeliveryFailure, type Messenger, mayConcernRecipient } from './slack.ts';
import { readSubject, type Subject } from './subject.ts';
import { retryLater, waitForHold } from './waiting.ts';

/** Time until a look whether the wake of an incident is investigated now, ms. */
const UNREADY_MS = 5_000;

export interface Notices {
  /** Undefined: no Slack token, a dry run. */
  messenger: Messenger | undefined;
  /** Calls the webhook of the escalation. Resolves to the status of its answer, undefined if there is no webhook. Rejects if none came. */
  callWebhook(body: object, idempotencyKey: string): Promise<number | undefined>;
  consoleUrl?: string | undefined;
  followups: FollowupsQueue;
  services: Pick<ServiceReports, 'posted' | 'notPosted'>;
  redis: RedisClient;
  keys: Keys;
  /** Time from which the data of Redis is complete, ms since the epoch by its clock. */
  redisCompleteSince(): Promise<number>;
  /** Called with the number of wakes that ended together with a digest. */
  digested(outcome: 'digest' | 'dry_run', wakes: number): void;
  now(): number;
  holdMs?: number;
  log: Logger;
}

/** A notice that repeats the newest message of its incident or storm. */
type Repeat = Notice & { kind: RepeatingKind };

function isRepeat(notice: Notice): notice is Repeat {
  return isRepeating(notice.kind);
}

export function noticeSender(options: Notices) {
  const { messenger, followups, services, redis, keys, now, log } = options;
  const sendDigest = digestSender(options);
  // The printed notice is the only output of a dry run, so the log's level must not hide it.
  const printed = log.child({}, { level: 'warn' });

  return async (job: Job<NoticeJob>, token?: string): Promise<void> => {
    const notice = await readNotice(redis, keys, job.data.noticeId);
    if (!notice) return;
    try {
      await (isRepeat(notice) ? repeat(job, token, notice) : sendDigest(job, token, notice));
    } catch (error) {
      if (!(error instanceof DeliveryFailure)) throw error;
      // One person who cannot be reached must not hold up the messages to everybody else.
      const isTheirs = notice.to !== '' && mayConcernRecipient(error);
      const failure = isTheirs ? new DeliveryFailure('permanent', error.code) : error;
      if (!isTheirs) services.notPosted(failure);
      await retryLater({ id: notice.id, failure, queue: followups, holdMs: options.holdMs, log });
    }
  };

  async function repeat(job: Job<NoticeJob>, token: string | undefined, notice: Repeat): Promise<void> {
    const at = now();
    const begun = await beginNotice(redis, keys, notice.id, at);
    if (begun.isEnded) return;
    const subject = await readSubject(options, notice.incidentId);
    if (!subject) return withdraw(notice);
    if (begun.isWanted && !begun.earlier) {
      if (begun.heldUntil !== undefined) await waitForHold(options, job, token, begun.heldUntil);
      if (!begun.isReady) {
        await job.moveToDelayed(Date.now() + UNREADY_MS, token);
        throw new DelayedError();
      }
    }
    if (notice.to === WEBHOOK || !messenger) {
      const isDone = begun.isWanted && (await (notice.to === WEBHOOK ? call(notice, subject) : print(notice, subject)));
      if (!isDone) return withdraw(notice);
      await endNotice(redis, keys, { notice, outcome: 'sent' });
      return;
    }
    const message: Message = { id: notice.id, recordKey: keys.notice(notice.id), to: notice.to || undefined };
    const claim = { claimedAt: at, firstClaimedAt: at };
    const about = { message, begun, claim, of: { emittedAt: notice.createdAt } };
    const posted = await sendOnce(
      options,
      job,
      token,
      messenger,
      about,
      async (own, before, mayRepeat): Promise<Posted | undefined> => {
        const note = noteOf(notice, subject) + deliveryNote({ lateMs: 0, older: 0, mayRepeat });
        const shown = { note, line: subject.line, hasButtons: begun.areClicksTaken };
        const content = await subject.message(begun.wakeId, shown);
        return content && { ...(await postMessage(options, messenger, message, own, before, content)), note };
      },
    );
    if (!posted) return withdraw(notice);
    services.posted();
    await endNotice(redis, keys, { notice, outcome: 'sent', wakeId: begun.wakeId, posted });
    const { id: noticeId, incidentId, kind } = notice;
    logEvent(log, 'notices.sent', { noticeId, incidentId, kind, channel: posted.channel, ts: posted.ts });
  }

  function noteOf({ kind }: Repeat, { startedAt, acknowledgedAt, by }: Subject): string {
    const since = kind === 'reminder' ? (acknowledgedAt ?? startedAt) : startedAt;
    return noticeNote(kind, now() - since, by);
  }

  /** Any answer ends it: the receiver has it. @returns false if the policy names no webhook any more */
  async function call({ id: noticeId, incidentId, kind }: Repeat, { json }: Subject): Promise<boolean> {
    const status = await options.callWebhook({ incident: json, reason: kind }, noticeId);
    if (status === undefined) return false;
    logEvent(log, 'notices.webhook_answered', { noticeId, incidentId, status });
    return true;
  }

  async function print(notice: Repeat, subject: Subject): Promise<boolean> {
    const line = `${noteOf(notice, subject).trim()} ${subject.line}`;
    logEvent(printed, 'incidents.dry_run', { incident: { ...subject.names, line } });
    return true;
  }

  async function withdraw(notice: Notice): Promise<void> {
    const { id: noticeId, incidentId, kind } = notice;
    const { isFirst } = await endNotice(redis, keys, { notice, outcome: 'withdrawn' });
    if (isFirst) logEvent(log, 'notices.withdrawn', { noticeId, incidentId, kind });
  }
}
