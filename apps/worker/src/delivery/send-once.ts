/** Sends a message that belongs to no wake once, by the same rules as the DM of a wake: a claim before the post, and a look-up after it. */
import { type Begun, type Claim, setClaim } from '@kora-wake/shared/store/claims';
import type { LookUp, Posted } from '@kora-wake/shared/store/queues';
import type { Wake } from '@kora-wake/shared/wake/wake';
import type { Job } from 'bullmq';
import { findEarlierPost, possibleDataLoss } from './earlier-post.ts';
import type { Message, Poster } from './post.ts';
import type { Messenger } from './slack.ts';

/** Posts the message. Undefined: there is nothing to say any more. */
export type Post = (claim: Claim, before: Claim | undefined, mayRepeat: boolean) => Promise<Posted | undefined>;

/**
 * Makes sure that Slack has the message once.
 *
 * @param about `claim`: the one that was just made, unless there is an earlier one; `of`: the wake or the notice, for the time of an
 *   earlier post; `isRepeatable`: whether a post that Redis has lost may have had another id
 * @returns undefined if it is not needed any more
 * @throws DeliveryFailure; DelayedError if the job was delayed
 */
export async function sendOnce(
  options: Poster & { redisCompleteSince(): Promise<number> },
  job: Job<{ lookUp?: LookUp }>,
  token: string | undefined,
  to: Messenger,
  about: {
    message: Message;
    begun: Begun & { isWanted: boolean };
    claim: Claim;
    of: Pick<Wake, 'emittedAt' | 'appendedAfter'>;
    isRepeatable?: boolean;
  },
  post: Post,
): Promise<Posted | undefined> {
  const { message, begun, claim, of, isRepeatable = false } = about;
  const { redis, now } = options;
  const dataLoss = possibleDataLoss(of, begun, await options.redisCompleteSince(), now());
  if (!begun.earlier && !dataLoss) return begun.isWanted ? post(claim, undefined, false) : undefined;
  // Nothing was posted yet under the claim that was just made.
  if (!begun.earlier) await setClaim(redis, message.recordKey, undefined);
  const { found, open, mayRepeat } = await findEarlierPost(options, job, token, to, message, begun.earlier, dataLoss);
  if (found) return found;
  if (!begun.isWanted) return undefined;
  const next = { claimedAt: now(), firstClaimedAt: open?.firstClaimedAt ?? now() };
  await setClaim(redis, message.recordKey, next);
  return post(next, open, mayRepeat || (isRepeatable && dataLoss !== undefined));
}
