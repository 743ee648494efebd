/** Posts a message under a claim, with its blocks if Slack takes them. */
import type { Logger } from '@kora-wake/shared/runtime/log';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import { type Claim, setClaim } from '@kora-wake/shared/store/claims';
import type { Posted } from '@kora-wake/shared/store/queues';
import type { DmBlock } from '@kora-wake/shared/wake/blocks';
import { DeliveryFailure, type Messenger, mayBeAcceptedWithoutBlocks } from './slack.ts';

/** Storing a claim and posting are consecutive, so a claim is never older than this at the post, ms. */
const CLAIM_FRESH_MS = 2_000;

/** A message that is posted once: that of a wake, or a notice. */
export interface Message {
  /** Id of the wake or the notice. Slack stores it with the message, so that a look-up finds it. */
  id: string;
  /** Key of its record, which has the claim. */
  recordKey: string;
  /** Id of the recipient in Slack. Undefined: the operator. */
  to?: string | undefined;
  /** The message in whose thread it is a reply. */
  thread?: Posted | undefined;
}

export interface Poster {
  redis: RedisClient;
  now(): number;
  log: Logger;
}

/**
 * Posts a message. If Slack refuses the blocks, the text is sent alone.
 *
 * @param claim the stored claim for this post
 * @param before the claim that is restored if Slack does not have the message
 * @param content `text` is escaped
 * @throws DeliveryFailure
 */
export async function postMessage(
  { redis, now, log }: Poster,
  messenger: Messenger,
  message: Message,
  claim: Claim,
  before: Claim | undefined,
  { text, blocks }: { text: string; blocks?: DmBlock[] },
): Promise<Posted> {
  const { id, recordKey, to, thread } = message;

  /** Makes one request under a claim. */
  async function send({ claimedAt }: Claim, withBlocks?: DmBlock[]): Promise<Posted> {
    try {
      // This process was frozen since the claim, so another worker may have the job by now.
      if (now() - claimedAt > CLAIM_FRESH_MS) throw new DeliveryFailure('not_posted', 'claim_went_stale');
      return await messenger.post(text, id, withBlocks, to, thread);
    } catch (error) {
      if (error instanceof DeliveryFailure && error.kind !== 'unknown') await setClaim(redis, recordKey, before);
      throw error;
    }
  }

  try {
    return await send(claim, blocks);
  } catch (error) {
    if (!(error instanceof DeliveryFailure && mayBeAcceptedWithoutBlocks(error))) throw error;
    logEvent(log, 'delivery.blocks_refused', { wakeId: id, code: error.code });
    const again = { ...claim, claimedAt: now() };
    await setClaim(redis, recordKey, again);
    return send(again);
  }
}
