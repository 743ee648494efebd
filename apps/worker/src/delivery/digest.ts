/**
 * The messages of a storm. Its digest names as many alerts as fit, replies in its thread name the others, and the last reply is edited until
 * it is full. A wake that waits for the digest ends once Slack has accepted the message that names its pair.
 */
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import type { Claim } from '@kora-wake/shared/store/claims';
import { areClicksTaken } from '@kora-wake/shared/store/clicks';
import { endNotice, type Notice, readPostedNotice } from '@kora-wake/shared/store/notices';
import type { NoticeJob, Posted } from '@kora-wake/shared/store/queues';
import {
  addDigestPart,
  assignMembers,
  type BegunDigest,
  beginDigest,
  nameMembers,
  readStorm,
  type Storm,
  unassignMembers,
} from '@kora-wake/shared/store/storms';
import { readWakeRecord } from '@kora-wake/shared/store/wake-record';
import { namesForDigest, namesForPart, partText } from '@kora-wake/shared/wake/digest';
import { deliveryNote } from '@kora-wake/shared/wake/message';
import { type StormMember, wakeOfStorm } from '@kora-wake/shared/wake/storm';
import type { Job } from 'bullmq';
import type { Notices } from './notice.ts';
import { type Message, postMessage } from './post.ts';
import { sendOnce } from './send-once.ts';
import { DeliveryFailure, type Messenger } from './slack.ts';
import { stormSubject } from './subject.ts';
import { waitForHold } from './waiting.ts';

type Digests = Omit<Notices, 'callWebhook'>;

const isUnnamed = ({ isWaiting, notice }: StormMember) => isWaiting && notice === '';

export function digestSender(options: Digests) {
  const { messenger, services, redis, keys, now, log } = options;
  // The printed digest is the only output of a dry run, so the log's level must not hide it.
  const printed = log.child({}, { level: 'warn' });

  /** Sends a digest or a later part of one. @throws DeliveryFailure; DelayedError */
  return async (job: Job<NoticeJob>, token: string | undefined, notice: Notice): Promise<void> => {
    const at = now();
    const begun = await beginDigest(redis, keys, notice.id, at);
    if (begun.isEnded) return;
    if (begun.isWanted && !begun.earlier && begun.heldUntil !== undefined) {
      await waitForHold(options, job, token, begun.heldUntil);
    }
    const storm = await readStorm(redis, keys, notice.incidentId);
    if (!storm) return withdraw(notice);
    if (!messenger) return begun.isWanted ? print(notice, storm) : withdraw(notice);
    const posted = await send(job, token, messenger, notice, storm, begun, { claimedAt: at, firstClaimedAt: at });
    if (!posted) return withdraw(notice);
    services.posted();
    const { wakes } = await endNotice(redis, keys, { notice, outcome: 'sent', wakeId: notice.id, posted });
    options.digested('digest', wakes);
    const { channel, ts } = posted;
    const fields = { noticeId: notice.id, incidentId: storm.id, kind: notice.kind, channel, ts };
    logEvent(log, 'notices.sent', fields);
    await addParts(options, storm.id);
  };

  async function send(
    job: Job<NoticeJob>,
    token: string | undefined,
    to: Messenger,
    notice: Notice,
    storm: Storm,
    begun: BegunDigest,
    claim: Claim,
  ): Promise<Posted | undefined> {
    const isPart = notice.kind === 'digest_part';
    const message: Message = { id: notice.id, recordKey: keys.notice(notice.id), thread: notice.thread };
    // Redis may have lost the record of an earlier digest, which had another id.
    const last = await readWakeRecord(redis, keys, wakeOfStorm(storm.id));
    const of = last?.row ?? { emittedAt: notice.createdAt };
    const about = { message, begun, claim, of, isRepeatable: !isPart };
    return sendOnce(options, job, token, to, about, async (own, before, mayRepeat) => {
      const read = isPart ? storm : await assign(storm, notice);
      const content = await contentOf(read, notice, mayRepeat);
      return content && { ...(await postMessage(options, to, message, own, before, content)), note: content.note };
    });
  }

  /** Assigns names to a digest. @returns the storm after that */
  async function assign(storm: Storm, notice: Notice): Promise<Storm> {
    const unnamed = storm.members.filter(isUnnamed);
    // An earlier attempt has assigned names too.
    const present = storm.members.filter((member) => member.notice === notice.id);
    const names = messenger ? namesForDigest(unnamed, present) : unnamed;
    await assignMembers(
      redis,
      keys,
      storm,
      notice.id,
      names.map(({ pair }) => pair),
    );
    return (await readStorm(redis, keys, storm.id)) ?? storm;
  }

  async function contentOf(storm: Storm, notice: Notice, mayRepeat: boolean) {
    const note = deliveryNote({ lateMs: 0, older: 0, mayRepeat });
    if (notice.kind === 'digest_part') {
      const names = storm.members.filter((member) => member.notice === notice.id);
      return names.length > 0 ? { text: partText(names, note), note } : undefined;
    }
    const subject = stormSubject(options, storm);
    const hasButtons = await areClicksTaken(redis, keys);
    const content = await subject.message(notice.id, { note, line: subject.line, hasButtons });
    return content && { ...content, note };
  }

  async function print(notice: Notice, storm: Storm): Promise<void> {
    const assigned = await assign(storm, notice);
    const content = await contentOf(assigned, notice, false);
    logEvent(printed, 'delivery.dry_run', { dm: { wakeId: storm.id, text: content?.text ?? '' } });
    const { wakes } = await endNotice(redis, keys, { notice, outcome: 'sent', wakeId: notice.id });
    options.digested('dry_run', wakes);
  }

  async function withdraw(notice: Notice): Promise<void> {
    const { id: noticeId, incidentId, kind } = notice;
    const { isFirst } = await endNotice(redis, keys, { notice, outcome: 'withdrawn' });
    if (isFirst) logEvent(log, 'notices.withdrawn', { noticeId, incidentId, kind });
  }
}

/** Creates the replies that name the alerts which no message names yet. */
async function addParts({ redis, keys }: Digests, stormId: string): Promise<void> {
  const storm = await readStorm(redis, keys, stormId);
  if (!storm?.message) return;
  for (let left = storm.members.filter(isUnnamed); left.length > 0; ) {
    const names = namesForPart(left);
    await addDigestPart(
      redis,
      keys,
      storm,
      names.map(({ pair }) => pair),
    );
    left = left.filter((member) => !names.includes(member));
  }
}

/**
 * Names alerts that joined after the digest was posted: in the last reply, if it has room, or in further ones. It leaves them to a further
 * digest that is about to be sent. Ends wakes whose pair is named already.
 *
 * @returns whether a message was edited
 * @throws DeliveryFailure
 */
export async function nameFurther(options: Digests, to: Messenger, storm: Storm): Promise<boolean> {
  const { redis, keys, log } = options;
  if (storm.hasPendingDigest) return false;
  const posted = storm.part === null ? undefined : await readPostedNotice(redis, keys, storm.part);
  if (storm.part === null || !posted) {
    await addParts(options, storm.id);
    return false;
  }
  const part = storm.part;
  const present = storm.members.filter(({ notice }) => notice === part);
  const added = namesForPart(storm.members.filter(isUnnamed), present);
  if (added.length === 0 && present.every(({ isNamed }) => isNamed)) {
    await addParts(options, storm.id);
    return false;
  }
  await assignMembers(
    redis,
    keys,
    storm,
    part,
    added.map(({ pair }) => pair),
  );
  try {
    await to.edit(posted, partText([...present, ...added], posted.note ?? ''));
  } catch (error) {
    if (!(error instanceof DeliveryFailure && error.kind === 'permanent')) throw error;
    // A person deleted it, for example.
    logEvent(log, 'incidents.message_not_edited', { incidentId: storm.id, wakeId: part, code: error.code });
    await unassignMembers(redis, keys, storm, part);
    await addParts(options, storm.id);
    return true;
  }
  options.digested('digest', await nameMembers(redis, keys, storm, part));
  logEvent(log, 'incidents.message_edited', {
    incidentId: storm.id,
    wakeId: part,
    line: `${added.length} further names`,
  });
  return true;
}
