/** Lua scripts that run for each wake: sent by their digest, the text only to a Redis that does not know it yet. */
import { createHash } from 'node:crypto';
import type { RedisClient } from '../runtime/redis.ts';

type Script = (redis: RedisClient, keys: string[], ...args: Array<string | number>) => Promise<unknown>;

/** Makes a script of its text. */
export function script(text: string): Script {
  const sha = createHash('sha1').update(text).digest('hex');
  return async (redis, keys, ...args) => {
    try {
      return await redis.evalsha(sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (!String(error).includes('NOSCRIPT')) throw error;
      return redis.eval(text, keys.length, ...keys, ...args);
    }
  };
}
