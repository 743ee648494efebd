/**
 * `kora-wake audit`: proves that nothing was lost, and exits with 1 if it cannot. It checks twice: the counters in Redis must
 * add up, and each wake row of the log that became a wake must have an outcome or an unfinished job.
 */

import type { Config } from '@kora-wake/shared/runtime/config';
import { errorReason } from '@kora-wake/shared/runtime/errors';
import { closeRedis, type RedisClient } from '@kora-wake/shared/runtime/redis';
import { redactedUrl } from '@kora-wake/shared/runtime/redis-url';
import { type Account, readAccount } from '@kora-wake/shared/store/account';
import { hasSource } from '@kora-wake/shared/store/checkpoint';
import { type Keys, redisKeys, sourceId } from '@kora-wake/shared/store/keys';
import { NOWHERE } from '@kora-wake/shared/store/position';
import { deliveriesQueue, hasUnfinishedJob, wakesQueue } from '@kora-wake/shared/store/queues';
import { isWaitingMember } from '@kora-wake/shared/store/storms';
import { readWakeState } from '@kora-wake/shared/store/wake-record';
import { WAKE_SEAM } from '@kora-wake/shared/wake/wake';
import { wakeIdsIn } from '@kora-wake/tailer/decide/rows';
import { followLog } from '@kora-wake/tailer/log/follower';
import type { Line } from '@kora-wake/tailer/log/scan';
import { defineCommand, type Io } from '../command.ts';
import { commandConfig, openRedis, SILENT } from '../redis-settings.ts';

export const command = defineCommand({
  name: 'audit',
  summary: 'Checks that each row has a decision and each wake an outcome.',
  usage: '',
  details: [
    'Compares the counters in Redis with each other and with the rows of the audit log.',
    'Exit code: 0 nothing is missing, 1 something is missing, 2 the check could not run.',
  ],
  options: {},
  run: async (_input, env, io) => {
    const config = await commandConfig(env, io);
    const redis = await openRedis(config);
    try {
      const keys = redisKeys(config.queuePrefix);
      io.out(`Redis ${redactedUrl(config.redisUrl)}, prefix ${keys.prefix}, log ${config.auditLogPath}`);
      const account = await readAccount(redis, keys);
      io.out(accountText(account));
      const isLogAccounted = await checkLog(config, redis, keys, io);
      return account.unaccounted === 0 && isLogAccounted ? 0 : 1;
    } finally {
      await closeRedis(redis);
    }
  },
});

function accountText(account: Account): string {
  const {
    rows,
    enqueued,
    coalesced,
    buffered,
    muted,
    rejected,
    outcomes,
    recovered,
    incidents,
    inFlight,
    unreadLines,
    repaired,
    unaccounted,
  } = account;
  const recoveredRows = recovered.closed + recovered.partial + recovered.ignored;
  return `${rows} rows = ${enqueued} enqueued + ${coalesced} coalesced + ${buffered} buffered + ${muted} muted + rejected (${kinds(rejected)})
${enqueued} enqueued = ${kinds(outcomes)} + ${inFlight} in progress
${recoveredRows} recovered rows = ${kinds(recovered)}
${incidents.opened} openings of incidents = ${kinds(incidents.closed)} + ${incidents.open} open
unreadable lines: ${unreadLines}   repaired: ${kinds(repaired)}
unaccounted: ${unaccounted}`;
}

function kinds(counts: Record<string, number>): string {
  const parts = Object.entries(counts).map(([name, n]) => `${n} ${name.replace('_', ' ')}`);
  return parts.join(' + ') || '0';
}

/** Checks each wake row of the log and of its rotated files. False if a wake is lost, or if this Redis is not the log's. */
async function checkLog(config: Config, redis: RedisClient, keys: Keys, io: Io): Promise<boolean> {
  const { auditLogPath: path, sourceName } = config;
  let ids: Set<string>;
  try {
    ids = await readWakeIds(path, sourceName);
  } catch (error) {
    io.out(`cannot read the log ${path} (${errorReason(error)}), so only the counters in Redis were checked`);
    return true;
  }
  if (ids.size > 0 && !(await hasSource(redis, keys, sourceId(path, sourceName)))) {
    io.err(`The log has ${ids.size} wake rows, but this Redis has no record that a tailer watched this log.
Set REDIS_URL and KORA_QUEUE_PREFIX to the values that the tailer uses.`);
    return false;
  }
  const { enqueued, lost } = await findLostWakes([...ids], redis, keys);
  io.out(`on disk: ${ids.size} wake rows, ${enqueued} of them enqueued; without an outcome or a job: ${lost.length}`);
  for (const id of lost) io.out(`  lost: ${id}`);
  return lost.length === 0;
}

async function findLostWakes(ids: string[], redis: RedisClient, keys: Keys) {
  const wakes = wakesQueue(redis, keys.prefix);
  const deliveries = deliveriesQueue(redis, keys.prefix);
  const lost: string[] = [];
  let enqueued = 0;
  for (const id of ids) {
    const { isEnqueued, outcome } = await readWakeState(redis, keys, id);
    if (isEnqueued) enqueued++;
    if (!isEnqueued || outcome) continue;
    if (await hasUnfinishedJob({ wakes, deliveries }, id)) continue;
    if (!(await isWaitingMember(redis, keys, id))) lost.push(id);
  }
  await Promise.all([wakes.close(), deliveries.close()]);
  return { enqueued, lost };
}

async function readWakeIds(path: string, sourceName: string | undefined): Promise<Set<string>> {
  const ids = new Set<string>();
  const follower = followLog({
    path,
    start: NOWHERE,
    seams: [WAKE_SEAM],
    collect: () => ({
      take: (line: Line) => {
        for (const id of wakeIdsIn(line, sourceName)) ids.add(id);
        return true;
      },
      full: () => false,
    }),
    rotateWaitMs: 0,
    clock: () => performance.now(),
    log: SILENT,
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
