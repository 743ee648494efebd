/** The state of pairs that decisions depend on, and the counts of buffered rows, which the tailer's commit changes. */
import type { PairState } from '../policy/decide.ts';
import type { RedisClient } from '../runtime/redis.ts';
import { REOPEN_MS } from '../wake/incident.ts';
import type { Keys } from './keys.ts';
import { luaScript } from './scripts.ts';

/** A change of the count of buffered rows of a pair. The commit refuses it if the count is not `was` any more. */
export interface CountChange {
  /** Deduplication id. */
  pair: string;
  was: number;
  /** 0: the rows led to a wake. */
  rows: number;
  /** Whether its first row is in this batch. */
  starts: boolean;
  /** The count lapses this long after its first row, ms. */
  forMs: number;
}

const READ = luaScript('read-pairs');

/** The state of each pair, by its deduplication id. */
export async function readPairStates(redis: RedisClient, keys: Keys, pairs: string[]): Promise<PairState[]> {
  if (pairs.length === 0) return [];
  const scriptKeys = pairs.flatMap((id) => [keys.dedup(id), keys.incidentOf(id), keys.buffered(id)]);
  const answer = await READ(redis, scriptKeys, keys.incident(''), REOPEN_MS);
  const fields = Array.isArray(answer) ? answer.map(String) : [];
  return pairs.map((_, i) => {
    const [holder = '', wakes = '', critical = '0', buffered = '0'] = fields.slice(4 * i, 4 * i + 4);
    return {
      holder: holder || undefined,
      wakes: wakes === '' ? undefined : Number(wakes),
      hadCritical: critical === '1',
      buffered: Number(buffered),
    };
  });
}
