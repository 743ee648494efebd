/** Asks Slack for our team, bot and scopes, and names missing scopes before a message needs them. */
import { sleep } from '@kora-wake/shared/runtime/async';
import { errorFields, type Logger } from '@kora-wake/shared/runtime/log';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import type { SlackIdentity } from '@kora-wake/shared/store/running-workers';
import { DeliveryFailure, isPerson, type SlackApp } from './slack.ts';

/** Time until the next check after Slack did not answer or refused the token, ms. */
const RETRY_MS = 60_000;
/** Time until the next check after Slack accepted the token, ms. */
const RECHECK_MS = 10 * 60_000;

/**
 * The scopes that the worker needs to post to `channel` and to look up a message there. Any one scope of each list is enough: an
 * id does not say whether a channel is private.
 *
 * @param channel id of a person, a channel or a DM
 */
export function neededScopes(channel: string): string[][] {
  if (isPerson(channel)) return [['chat:write'], ['im:history'], ['im:write']];
  if (channel.startsWith('D')) return [['chat:write'], ['im:history']];
  return [['chat:write'], ['channels:history', 'groups:history']];
}

/** The result of one check. */
export type Check = { identity: SlackIdentity } | { failure: DeliveryFailure };

interface WatchOptions {
  retryMs?: number;
  recheckMs?: number;
  /** Ends the checks. */
  signal: AbortSignal;
  /** Called after each check. */
  checked(check: Check): void;
  log: Logger;
}

/**
 * Asks Slack for team, bot and scopes, every minute until Slack accepts the token and then every ten minutes: a token that is
 * revoked is noticed before the next alert. Logs the answer, the missing scopes and a failure when they change. It never rejects.
 */
export async function watchIdentity(app: SlackApp, channel: string, options: WatchOptions): Promise<void> {
  const { retryMs = RETRY_MS, recheckMs = RECHECK_MS, signal, checked, log } = options;
  let logged = '';
  const logChange = (state: string, write: () => void) => {
    if (state !== logged) write();
    logged = state;
  };
  let waitMs: number;
  do {
    try {
      const { team, bot, scopes } = await app.identify();
      // Some proxies remove the header with the scopes.
      const missing = scopes ? neededScopes(channel).filter((any) => !any.some((one) => scopes.includes(one))) : [];
      const missingScopes = missing.map((any) => any.join(' or '));
      const identity = { team, bot, scopes: scopes ?? null, missingScopes };
      logChange(JSON.stringify(identity), () => {
        logEvent(log, 'slack.connected', { team, bot, scopes });
        if (missingScopes.length > 0) {
          logEvent(log, 'slack.scopes_missing', { missing: missingScopes }, missingText(missingScopes));
        }
      });
      checked({ identity });
      waitMs = recheckMs;
    } catch (error) {
      const failure = error instanceof DeliveryFailure ? error : new DeliveryFailure('unknown', 'unexpected');
      logChange(failure.code, () => logEvent(log, 'slack.check_failed', { code: failure.code, ...errorFields(error) }));
      checked({ failure });
      waitMs = retryMs;
    }
  } while (await sleep(waitMs, signal));
}

function missingText(names: string[]): string {
  const effect = names.includes('chat:write')
    ? 'no DM can be sent'
    : 'a DM that Slack did not confirm cannot be looked up, so it may be sent twice';
  return `the Slack app lacks ${names.join(', ')}: ${effect}. Add the scopes to the app and install it again`;
}
