/**
 * What was found out about each wake, kept longer than its jobs: the next investigation of the pair reads it, and so do
 * people. It lies in the wake's own record, and is found by pair and by probe.
 */
import { debounceId } from './core/debounce.ts';
import type { Report } from './core/report.ts';
import type { Wake } from './core/wake.ts';
import type { Keys } from './keys.ts';
import { WAKE_RECORD_TTL_S } from './outcomes.ts';
import type { RedisClient } from './redis.ts';

export interface Investigated {
  wakeId: string;
  probe: string;
  category: string;
  severity: string;
  title: string;
  /** When the wake was investigated, ms since the epoch. */
  at: number;
  /** The diagnosis, or the code of the failure. */
  said: string;
  verdict: string;
  suppressed: number;
  /** How it ended, or `in flight`. */
  outcome: string;
}

/** KEYS: the wake's record, the pair's wakes, the probe's. ARGV: id, at, seconds to keep, then fields and values. */
const RECORD = `
redis.call('HSET', KEYS[1], unpack(ARGV, 4))
redis.call('EXPIRE', KEYS[1], ARGV[3])
for i = 2, 3 do
  redis.call('ZADD', KEYS[i], ARGV[2], ARGV[1])
  redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', ARGV[2] - ARGV[3] * 1000)
  redis.call('EXPIRE', KEYS[i], ARGV[3])
end`;

/** Keeps what was found out. Doing it again changes nothing. @param at ms since the epoch */
export async function recordInvestigation(
  redis: RedisClient,
  keys: Keys,
  wake: Wake,
  report: Report,
  at: number,
): Promise<void> {
  const fields = {
    probe: wake.probe,
    category: wake.category,
    severity: wake.severity,
    title: wake.title.slice(0, 500),
    investigatedAt: at,
    said: report.kind === 'diagnosis' ? report.text : report.code,
    verdict: report.kind === 'diagnosis' ? (report.verdict ?? 'plain text') : 'not investigated',
  };
  const { id, probe, category } = wake;
  const recordKeys = [keys.wake(id), keys.pair(debounceId(probe, category)), keys.ofProbe(probe)];
  await redis.eval(RECORD, 3, ...recordKeys, id, at, WAKE_RECORD_TTL_S, ...Object.entries(fields).flat());
}

/** The last investigations of a probe, or of one pair of it, newest first. */
export async function lastInvestigations(
  redis: RedisClient,
  keys: Keys,
  of: { probe: string; category?: string },
  limit: number,
): Promise<Investigated[]> {
  const index = of.category === undefined ? keys.ofProbe(of.probe) : keys.pair(debounceId(of.probe, of.category));
  const ids = await redis.zrevrange(index, 0, limit - 1);
  const records = await Promise.all(ids.map((id) => redis.hgetall(keys.wake(id))));
  return records.flatMap((record, i): Investigated[] => {
    const { probe, category, investigatedAt } = record;
    if (probe === undefined || category === undefined) return [];
    return [
      {
        wakeId: ids[i] ?? '',
        probe,
        category,
        severity: record.severity ?? 'unknown',
        title: record.title ?? '',
        at: Number(investigatedAt),
        said: record.said ?? '',
        verdict: record.verdict ?? '',
        suppressed: Number(record.suppressed ?? 0),
        outcome: record.outcome ?? 'in flight',
      },
    ];
  });
}
