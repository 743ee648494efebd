/**
 * `npm run audit`: prints the account, and fails where it does not add up. It is made twice: from the counters in Redis,
 * and, where the log can be read from here, row by row: every row that became a wake must have an end or a job.
 */
import { parseArgs } from 'node:util';
import { loadConfig } from '@kora-wake/shared/runtime/config';
import { errorReason, StartupError } from '@kora-wake/shared/runtime/errors';
import { createLogger } from '@kora-wake/shared/runtime/log';
import { closeRedis, connectRedisOnce, type RedisClient } from '@kora-wake/shared/runtime/redis';
import { type Account, readAccount } from '@kora-wake/shared/store/account';
import { type Keys, redisKeys } from '@kora-wake/shared/store/keys';
import { deliveriesQueue, deliverJobId, wakesQueue } from '@kora-wake/shared/store/queues';
import { readWakeState } from '@kora-wake/shared/store/wake-record';
import { WAKE_SEAM } from '@kora-wake/shared/wake/wake';
import { wakeIdIn } from '@kora-wake/tailer/decide/rows';
import { followLog } from '@kora-wake/tailer/log/follower';
import { NOWHERE } from '@kora-wake/tailer/log/position';
import type { Line } from '@kora-wake/tailer/log/scan';

const silent = createLogger('audit', 'silent', process.stdout);
const UNENDED = new Set(['waiting', 'active', 'delayed', 'prioritized']);

try {
  parseArgs({ options: {} });
  const { config } = loadConfig(process.env);
  const redis = await connectRedisOnce(config.redisUrl, 'producer', silent);
  const keys = redisKeys(config.queuePrefix);
  const account = await readAccount(redis, keys);
  console.log(told(account));
  const lost = await auditLog(config.auditLogPath, redis, keys);
  await closeRedis(redis);
  process.exitCode = account.unaccounted === 0 && lost.length === 0 ? 0 : 1;
} catch (error) {
  const told = error instanceof StartupError || errorReason(error).startsWith('ERR_PARSE_ARGS');
  if (!(error instanceof Error) || !told) throw error;
  console.error(`kora-wake: ${error.message}`);
  process.exitCode = 2;
}

function told({
  rows,
  enqueued,
  coalesced,
  rejected,
  outcomes,
  inFlight,
  unreadLines,
  repaired,
  unaccounted,
}: Account) {
  return `${rows} rows = ${enqueued} enqueued + ${coalesced} coalesced + rejected (${kinds(rejected)})
${enqueued} enqueued = ${kinds(outcomes)} + ${inFlight} in flight
unread lines: ${unreadLines}   repaired: ${kinds(repaired)}
unaccounted: ${unaccounted}`;
}

/** Reads the log and what rotation left of it, and gives the wakes that have neither an end nor a job. */
async function auditLog(path: string, redis: RedisClient, keys: Keys): Promise<string[]> {
  let ids: Set<string>;
  try {
    ids = await wakesIn(path);
  } catch (error) {
    console.log(`the log ${path} cannot be read from here (${errorReason(error)}): this is the account of Redis alone`);
    return [];
  }
  const wakes = wakesQueue(redis, keys.prefix);
  const deliveries = deliveriesQueue(redis, keys.prefix);
  const lost: string[] = [];
  let own = 0;
  for (const id of ids) {
    const { isEnqueued, outcome } = await readWakeState(redis, keys, id);
    if (isEnqueued) own++;
    if (!isEnqueued || outcome) continue;
    const states = await Promise.all([wakes.getJobState(id), deliveries.getJobState(deliverJobId(id))]);
    if (!states.some((state) => UNENDED.has(state))) lost.push(id);
  }
  await Promise.all([wakes.close(), deliveries.close()]);
  console.log(`on disk: ${ids.size} wake rows, ${own} of them enqueued; without an end or a job: ${lost.length}`);
  for (const id of lost) console.log(`  lost: ${id}`);
  return lost;
}

async function wakesIn(path: string): Promise<Set<string>> {
  const ids = new Set<string>();
  const follower = followLog({
    path,
    start: NOWHERE,
    seam: WAKE_SEAM,
    collect: () => ({
      take: (line: Line) => {
        const id = wakeIdIn(line);
        if (id !== undefined) ids.add(id);
      },
      full: () => false,
    }),
    rotateWaitMs: 0,
    clock: () => performance.now(),
    log: silent,
  });
  try {
    for (let batch = await follower.read(); batch; batch = await follower.read()) {
      follower.accept(batch);
    }
  } finally {
    await follower.close();
  }
  return ids;
}

function kinds(counts: Record<string, number>): string {
  const parts = Object.entries(counts).map(([name, n]) => `${n} ${name.replace('_', ' ')}`);
  return parts.join(' + ') || '0';
}
