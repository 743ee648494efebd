/**
 * A `remind` or `escalate` job: sends one notice of an incident, once, by the same rules as the DM of a wake: a claim before the post, and
 * a look-up after a post whose result is not known. A notice repeats the newest message of its incident and says why.
 */
import type { Logger } from '@kora-wake/shared/runtime/log';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import { type Claim, setClaim } from '@kora-wake/shared/store/claims';
import { incidentJson } from '@kora-wake/shared/store/incident-json';
import { incidentMessage } from '@kora-wake/shared/store/incident-message';
import { type Incident, readIncident } from '@kora-wake/shared/store/incidents';
import type { Keys } from '@kora-wake/shared/store/keys';
import { type BegunNotice, beginNotice, endNotice, type Notice, readNotice } from '@kora-wake/shared/store/notices';
import type { FollowupsQueue, NoticeJob, Posted } from '@kora-wake/shared/store/queues';
import { incidentLine } from '@kora-wake/shared/wake/incident-line';
import { deliveryNote } from '@kora-wake/shared/wake/message';
import { noticeNote, WEBHOOK } from '@kora-wake/shared/wake/notice';
import { DelayedError, type Job } from 'bullmq';
import type { ServiceReports } from '../presence.ts';
import { findEarlierPost, possibleDataLoss } from './earlier-post.ts';
import { type Message, postMessage } from './post.ts';
import { DeliveryFailure, type Messenger, mayConcernRecipient } from './slack.ts';
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
  now(): number;
  holdMs?: number;
  log: Logger;
}

export function noticeSender(options: Notices) {
  const { messenger, followups, services, redis, keys, now, log } = options;
  // The printed notice is the only output of a dry run, so the log's level must not hide it.
  const printed = log.child({}, { level: 'warn' });

  return async (job: Job<NoticeJob>, token?: string): Promise<void> => {
    const notice = await readNotice(redis, keys, job.data.noticeId);
    if (!notice) return;
    const at = now();
    const begun = await beginNotice(redis, keys, notice.id, at);
    if (begun.isEnded) return;
    const incident = await readIncident(redis, keys, notice.incidentId);
    if (!incident) return withdraw(notice);
    if (begun.isWanted && !begun.earlier) {
      if (begun.heldUntil !== undefined) await waitForHold(options, job, token, begun.heldUntil);
      if (!begun.isReady) {
        await job.moveToDelayed(Date.now() + UNREADY_MS, token);
        throw new DelayedError();
      }
    }
    const claim = { claimedAt: at, firstClaimedAt: at };
    try {
      if (notice.to === WEBHOOK || !messenger) {
        const isDone =
          begun.isWanted && (await (notice.to === WEBHOOK ? call(notice, incident) : print(notice, incident)));
        if (!isDone) return await withdraw(notice);
        await endNotice(redis, keys, { notice, outcome: 'sent' });
        return;
      }
      const posted = await send(job, token, messenger, { notice, incident, begun, claim });
      if (!posted) return await withdraw(notice);
      services.posted();
      await endNotice(redis, keys, { notice, outcome: 'sent', wakeId: begun.wakeId, posted });
      const { id: noticeId, incidentId, kind } = notice;
      logEvent(log, 'notices.sent', { noticeId, incidentId, kind, channel: posted.channel, ts: posted.ts });
    } catch (error) {
      if (!(error instanceof DeliveryFailure)) throw error;
      // One person who cannot be reached must not hold up the messages to everybody else.
      const isTheirs = notice.to !== '' && mayConcernRecipient(error);
      const failure = isTheirs ? new DeliveryFailure('permanent', error.code) : error;
      if (!isTheirs) services.notPosted(failure);
      await retryLater({ id: notice.id, failure, queue: followups, holdMs: options.holdMs, log });
    }
  };

  /** Makes sure that Slack has the notice once. Undefined if it is not needed any more. */
  async function send(
    job: Job<NoticeJob>,
    token: string | undefined,
    to: Messenger,
    about: { notice: Notice; incident: Incident; begun: BegunNotice; claim: Claim },
  ): Promise<Posted | undefined> {
    const { notice, begun, claim } = about;
    const message: Message = { id: notice.id, recordKey: keys.notice(notice.id), to: notice.to || undefined };
    const made = { emittedAt: notice.createdAt };
    const dataLoss = possibleDataLoss(made, begun, await options.redisCompleteSince(), now());
    if (!begun.earlier && !dataLoss)
      return begun.isWanted ? post(to, message, claim, undefined, false, about) : undefined;
    // Nothing was posted yet under the claim that was just made.
    if (!begun.earlier) await setClaim(redis, message.recordKey, undefined);
    const { found, open, mayRepeat } = await findEarlierPost(options, job, token, to, message, begun.earlier, dataLoss);
    if (found) return found;
    if (!begun.isWanted) return undefined;
    const next = { claimedAt: now(), firstClaimedAt: open?.firstClaimedAt ?? now() };
    await setClaim(redis, message.recordKey, next);
    return post(to, message, next, open, mayRepeat, about);
  }

  async function post(
    to: Messenger,
    message: Message,
    claim: Claim,
    before: Claim | undefined,
    mayRepeat: boolean,
    { notice, incident, begun }: { notice: Notice; incident: Incident; begun: BegunNotice },
  ): Promise<Posted | undefined> {
    const note = noteOf(notice, incident) + deliveryNote({ lateMs: 0, older: 0, mayRepeat });
    const about = { note, line: incidentLine(incident), hasButtons: begun.areClicksTaken };
    const content = await incidentMessage(options, incident, begun.wakeId, about);
    if (!content) return undefined;
    return { ...(await postMessage(options, to, message, claim, before, content)), note };
  }

  function noteOf({ kind }: Notice, { startedAt, acknowledgedAt, by }: Incident): string {
    const since = kind === 'reminder' ? (acknowledgedAt ?? startedAt) : startedAt;
    return noticeNote(kind, now() - since, by);
  }

  /** Any answer ends it: the receiver has it. @returns false if the policy names no webhook any more */
  async function call({ id: noticeId, incidentId, kind }: Notice, incident: Incident): Promise<boolean> {
    const status = await options.callWebhook({ incident: incidentJson(incident), reason: kind }, noticeId);
    if (status === undefined) return false;
    logEvent(log, 'notices.webhook_answered', { noticeId, incidentId, status });
    return true;
  }

  async function print(notice: Notice, incident: Incident): Promise<boolean> {
    const { id: incidentId, probe, category } = incident;
    const line = `${noteOf(notice, incident).trim()} ${incidentLine(incident)}`;
    logEvent(printed, 'incidents.dry_run', { incident: { incidentId, probe, category, line } });
    return true;
  }

  async function withdraw(notice: Notice): Promise<void> {
    const { id: noticeId, incidentId, kind } = notice;
    if (await endNotice(redis, keys, { notice, outcome: 'withdrawn' })) {
      logEvent(log, 'notices.withdrawn', { noticeId, incidentId, kind });
    }
  }
}
