/** `npm run audit`: prints the account, and fails where it does not add up. */

import { readAccount } from '@kora-wake/shared/account';
import { loadConfig } from '@kora-wake/shared/config';
import { StartupError } from '@kora-wake/shared/errors';
import { redisKeys } from '@kora-wake/shared/keys';
import { createLogger } from '@kora-wake/shared/log';
import { closeRedis, connectRedis } from '@kora-wake/shared/redis';

try {
  const { config } = loadConfig(process.env);
  const redis = await connectRedis(config.redisUrl, 'producer', createLogger('audit', 'silent', process.stdout));
  const account = await readAccount(redis, redisKeys(config.queuePrefix));
  await closeRedis(redis);
  const { rows, enqueued, coalesced, rejected, outcomes, inFlight, unreadLines, mended, unaccounted } = account;
  console.log(`${rows} rows = ${enqueued} enqueued + ${coalesced} coalesced + rejected (${kinds(rejected)})
${enqueued} enqueued = ${kinds(outcomes)} + ${inFlight} in flight
unread lines: ${unreadLines}   mended: ${kinds(mended)}
unaccounted: ${unaccounted}`);
  process.exitCode = unaccounted === 0 ? 0 : 1;
} catch (error) {
  if (!(error instanceof StartupError)) throw error;
  console.error(`kora-wake: ${error.message}`);
  process.exitCode = 2;
}

function kinds(counts: Record<string, number>): string {
  const parts = Object.entries(counts).map(([name, n]) => `${n} ${name.replace('_', ' ')}`);
  return parts.join(' + ') || '0';
}
