/**
 * The Slack adapter, the only file that uses Slack's SDK. Each failure leaves it as one of four kinds, which decide the next
 * step.
 */

import { errorCode } from '@kora-wake/shared/runtime/errors';
import { noSlackLog } from '@kora-wake/shared/runtime/log';
import { traced } from '@kora-wake/shared/runtime/tracing';
import type { Posted } from '@kora-wake/shared/store/queues';
import type { DmBlock } from '@kora-wake/shared/wake/blocks';
import { isJsonObject } from '@kora-wake/shared/wake/json';
import {
  ErrorCode,
  LogLevel,
  SlackError,
  WebAPIHTTPError,
  WebAPIPlatformError,
  WebAPIRateLimitedError,
  WebAPIRequestError,
  WebClient,
} from '@slack/web-api';
import { type Period, type Progress, searchHistory } from './history.ts';

export interface Messenger {
  /**
   * Posts one message. `text` must be escaped by Slack's rule already; it is what notifications show.
   *
   * @param id of the wake or the notice
   * @param blocks shown instead of the text
   * @param to id of the recipient; default: the operator
   * @param thread the message in whose thread it is a reply
   * @throws DeliveryFailure
   */
  post(text: string, id: string, blocks?: DmBlock[], to?: string, thread?: Posted): Promise<Posted>;
  /**
   * Changes a message that was posted. Slack notifies nobody.
   *
   * @param text escaped, as for `post`
   * @throws DeliveryFailure
   */
  edit(posted: Posted, text: string, blocks?: DmBlock[]): Promise<void>;
  /**
   * Searches the recipient's messages for that of a wake or a notice, by the metadata of its post.
   *
   * @param since ms since the epoch
   * @param progress to continue an earlier search that failed
   * @param thread searches the replies to this message
   * @throws DeliveryFailure; `permanent` if the token may not do this, for example without `im:history` or `im:write`
   */
  find(id: string, since: number, progress?: Progress, to?: string, thread?: Posted): Promise<Posted | undefined>;
}

export interface SlackApp extends Messenger {
  /** Asks Slack for the owner of the token. @throws DeliveryFailure */
  identify(): Promise<Identity>;
}

interface Identity {
  /** Names, empty if Slack gives none. */
  team: string;
  bot: string;
  /** Undefined if the answer does not name them. */
  scopes: string[] | undefined;
}

/**
 * - `not_posted`: Slack does not have the message; post it again later.
 * - `unknown`: Slack may have the message.
 * - `permanent`: Slack will never accept this message, or never allows this look-up.
 * - `outage`: Slack accepts nothing from us until a person corrects the token or its rights.
 */
export type FailureKind = 'not_posted' | 'unknown' | 'permanent' | 'outage';

type Purpose = 'post' | 'look-up';

export class DeliveryFailure extends Error {
  override name = 'DeliveryFailure';
  readonly kind: FailureKind;
  /** Slack's error code, or ours in the same style. */
  readonly code: string;
  /** The time that Slack asks us to wait, ms. */
  readonly retryAfterMs: number | undefined;

  constructor(kind: FailureKind, code: string, retryAfterMs?: number) {
    super(`Slack: ${code}`);
    this.kind = kind;
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

const EVENT_TYPE = 'kora_wake';
export const SLACK_TIMEOUT_MS = 10_000;
/** Wait after a 429 without a Retry-After, ms. */
const DEFAULT_RETRY_AFTER_MS = 30_000;

const OUTAGE = new Set(['invalid_auth', 'not_authed', 'token_revoked', 'token_expired', 'account_inactive']);
/** The token is valid, but may not do this. A person corrects that, for example by installing the app again. */
const RIGHTS_MISSING = new Set([
  'missing_scope',
  'not_allowed_token_type',
  'no_permission',
  'team_access_not_granted',
  'two_factor_setup_required',
]);
const UNKNOWN = new Set(['internal_error', 'fatal_error', 'service_unavailable', 'request_timeout']);
/** States of the workspace that pass: a migration, or a limit that its administrators set for a time. */
const PASSING = new Set([
  'org_login_required',
  'team_added_to_org',
  'external_channel_migrating',
  'accesslimited',
  'ekm_access_denied',
]);
const RATE_LIMITED = new Set(['ratelimited', 'rate_limited', 'message_limit_exceeded']);
/** Slack may say this because of the blocks, and still accept the text alone. */
const BLOCKS_REFUSED = new Set([
  'invalid_blocks',
  'invalid_blocks_format',
  'msg_blocks_too_long',
  'msg_too_long',
  'invalid_arguments',
]);
/** The connection was never established, so nothing was posted. */
const NOT_CONNECTED = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'proxy_refused',
]);

/** Whether an id of Slack is that of a person, so that messages to it open a DM. */
export const isPerson = (id: string) => /^[UW]/.test(id);

/** True if Slack may refuse only this recipient, and accept messages to others. */
export function mayConcernRecipient({ kind, code }: DeliveryFailure): boolean {
  return kind === 'outage' && (code === 'no_permission' || code === 'team_access_not_granted');
}

/** True if the same message may be accepted without its blocks. */
export function mayBeAcceptedWithoutBlocks({ kind, code }: DeliveryFailure): boolean {
  return kind === 'permanent' && BLOCKS_REFUSED.has(code);
}

/** @param options `channel`: a channel id or a user id; `fetch` reaches the network through a proxy */
export function slackMessenger(options: {
  token: string;
  channel: string;
  apiUrl: string | undefined;
  fetch?: typeof globalThis.fetch;
}): SlackApp {
  const client = new WebClient(options.token, {
    ...(options.apiUrl && { slackApiUrl: options.apiUrl }),
    ...(options.fetch && { fetch: options.fetch }),
    // BullMQ owns all retries. The SDK's own would post twice if an answer is lost.
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    timeout: SLACK_TIMEOUT_MS,
    logger: noSlackLog(LogLevel.ERROR),
  });
  return {
    post: (text, wakeId, blocks, to = options.channel, thread) =>
      withSpan('post', wakeId, async () => {
        const channel = thread?.channel ?? to;
        const answer = await client.chat.postMessage({
          channel,
          text,
          ...(thread && { thread_ts: thread.ts }),
          ...(blocks && { blocks }),
          mrkdwn: false,
          unfurl_links: false,
          unfurl_media: false,
          metadata: { event_type: EVENT_TYPE, event_payload: { wake_id: wakeId } },
        });
        // A proxy may answer with JSON of its own, which the SDK takes for success.
        if (!answer.ok || !answer.ts) throw new DeliveryFailure('unknown', 'unreadable_answer');
        return { channel: answer.channel ?? channel, ts: answer.ts };
      }),
    edit: async ({ channel, ts }, text, blocks = []) => {
      await traced('slack edit', {}, () =>
        client.chat
          .update({ channel, ts, text, blocks })
          .catch((error: unknown) => Promise.reject(classify(error, 'post'))),
      );
    },
    find: (wakeId, since, progress = { reached: () => undefined }, to = options.channel, thread) =>
      withSpan('look-up', wakeId, async () => {
        const channel = thread?.channel ?? (isPerson(to) ? await openDm(to) : to);
        const found = await searchHistory(
          (period, cursor) => readHistory(channel, period, cursor, thread),
          ({ metadata }) => belongsToWake(metadata, wakeId),
          since,
          progress,
        );
        return found?.ts ? { channel, ts: found.ts } : undefined;
      }),
    identify: async () => {
      const answer = await client.auth.test().catch((error: unknown) => Promise.reject(classify(error, 'post')));
      const { team = '', user: bot = '', response_metadata: metadata } = answer;
      return { team, bot, scopes: metadata?.scopes };
    },
  };

  /** The id of the DM with a person. */
  async function openDm(person: string): Promise<string> {
    const { channel } = await client.conversations.open({ users: person });
    return channel?.id ?? person;
  }

  /** @param thread its replies instead of the messages of the channel */
  async function readHistory(channel: string, { oldest, latest }: Period, cursor?: string, thread?: Posted) {
    const asked = {
      channel,
      oldest: String(oldest),
      ...(latest !== undefined && { latest: String(latest) }),
      inclusive: true,
      include_all_metadata: true,
      limit: 200,
      ...(cursor && { cursor }),
    };
    const page = thread
      ? await client.conversations.replies({ ...asked, ts: thread.ts })
      : await client.conversations.history(asked);
    return { messages: page.messages ?? [], cursor: page.response_metadata?.next_cursor };
  }
}

/** One call, or a few calls with one purpose, as a span of the wake's trace. @throws DeliveryFailure */
function withSpan<T>(purpose: Purpose, wakeId: string, call: () => Promise<T>): Promise<T> {
  return traced(`slack ${purpose}`, { 'kora.wake_id': wakeId }, () =>
    call().catch((error: unknown) => Promise.reject(classify(error, purpose))),
  );
}

function belongsToWake(metadata: unknown, wakeId: string): boolean {
  if (!isJsonObject(metadata) || metadata.event_type !== EVENT_TYPE) return false;
  return isJsonObject(metadata.event_payload) && metadata.event_payload.wake_id === wakeId;
}

/** The only place that turns an error of the SDK into a kind. */
function classify(error: unknown, purpose: Purpose): DeliveryFailure {
  if (error instanceof DeliveryFailure) return error;
  if (error instanceof WebAPIRateLimitedError)
    return new DeliveryFailure('not_posted', 'ratelimited', Math.ceil(error.retryAfter * 1000));
  if (error instanceof WebAPIPlatformError) return classifyCode(error.data.error, purpose);
  if (error instanceof WebAPIHTTPError) return classifyStatus(error, purpose);
  if (error instanceof WebAPIRequestError) {
    const code = connectionCode(error.original);
    return new DeliveryFailure(NOT_CONNECTED.has(code) ? 'not_posted' : 'unknown', code);
  }
  if (error instanceof SlackError && error.code !== ErrorCode.RequestError)
    return new DeliveryFailure('permanent', error.code);
  // The SDK throws a plain Error without a code for a 429 without a usable header.
  if (error instanceof Error && error.message.startsWith('Retry header did not contain')) {
    return new DeliveryFailure('not_posted', 'ratelimited', DEFAULT_RETRY_AFTER_MS);
  }
  return new DeliveryFailure('unknown', connectionCode(error));
}

/**
 * Slack refuses with status 200. Any other status without Slack's own JSON comes from a proxy, which may have answered after
 * Slack took the message.
 */
function classifyStatus({ statusCode, body }: WebAPIHTTPError, purpose: Purpose): DeliveryFailure {
  const code = statusCode < 500 ? refusalCode(body) : undefined;
  return code === undefined ? new DeliveryFailure('unknown', `http_${statusCode}`) : classifyCode(code, purpose);
}

/** The error code of an answer in Slack's form, undefined for any other body. */
function refusalCode(body: unknown): string | undefined {
  return isJsonObject(body) && body.ok === false && typeof body.error === 'string' ? body.error : undefined;
}

/** @param code undefined if the answer is JSON without one */
function classifyCode(code: string | undefined, purpose: Purpose): DeliveryFailure {
  // The SDK gives the text of an error page as the code. A proxy wrote that page, so it is not Slack's answer to this post.
  if (code === undefined || !/^[a-z0-9_]{1,80}$/.test(code)) return new DeliveryFailure('unknown', 'unreadable_answer');
  if (RATE_LIMITED.has(code)) return new DeliveryFailure('not_posted', code, DEFAULT_RETRY_AFTER_MS);
  if (OUTAGE.has(code)) return new DeliveryFailure('outage', code);
  if (PASSING.has(code)) return new DeliveryFailure('not_posted', code);
  if (UNKNOWN.has(code)) return new DeliveryFailure('unknown', code);
  // A message is posted without the rights for a look-up, so they hold nothing up.
  if (RIGHTS_MISSING.has(code)) return new DeliveryFailure(purpose === 'post' ? 'outage' : 'permanent', code);
  return new DeliveryFailure('permanent', code);
}

function connectionCode(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown_error';
  if (error.name === 'TimeoutError' || error.name === 'AbortError') return 'timeout';
  const code = codeOfCause(error);
  // The client of Node uses this code for a proxy that refuses the tunnel. Our own time limit has an error name, see above.
  return code === 'UND_ERR_ABORTED' ? 'proxy_refused' : (code ?? 'connection_lost');
}

/** The code of the error behind an error of `fetch`, which may be wrapped twice. */
function codeOfCause({ cause }: Error): string | undefined {
  return cause instanceof Error ? (errorCode(cause) ?? codeOfCause(cause)) : undefined;
}
