/** At the start of a worker: asks Slack for our team, bot and scopes, and names missing scopes before a message needs them. */
import { sleep } from '@kora-wake/shared/runtime/async';
import { errorFields, type Logger } from '@kora-wake/shared/runtime/log';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import { DeliveryFailure, isPerson, type SlackApp } from './slack.ts';

/** Time between two attempts if Slack does not answer or refuses the token, ms. */
const RETRY_MS = 60_000;

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

/**
 * Logs team, bot and scopes once Slack has answered, and the missing scopes as a warning. A failure is logged when its code
 * changes, and tried again every minute. It never rejects.
 *
 * @param signal ends the attempts
 */
export async function reportIdentity(
  app: SlackApp,
  channel: string,
  { retryMs = RETRY_MS, signal, log }: { retryMs?: number; signal: AbortSignal; log: Logger },
): Promise<void> {
  let lastCode: string | undefined;
  do {
    try {
      const { team, bot, scopes } = await app.identify();
      logEvent(log, 'slack.connected', { team, bot, scopes });
      // Some proxies remove the header with the scopes.
      const missing = scopes ? neededScopes(channel).filter((any) => !any.some((one) => scopes.includes(one))) : [];
      if (missing.length > 0) {
        const names = missing.map((any) => any.join(' or '));
        logEvent(log, 'slack.scopes_missing', { missing: names }, missingText(names));
      }
      return;
    } catch (error) {
      const code = error instanceof DeliveryFailure ? error.code : 'unexpected';
      if (code !== lastCode) logEvent(log, 'slack.check_failed', { code, ...errorFields(error) });
      lastCode = code;
    }
  } while (await sleep(retryMs, signal));
}

function missingText(names: string[]): string {
  const effect = names.includes('chat:write')
    ? 'no DM can be sent'
    : 'a DM that Slack did not confirm cannot be looked up, so it may be sent twice';
  return `the Slack app lacks ${names.join(', ')}: ${effect}. Add the scopes to the app and install it again`;
}
