/** The configuration of commands that use Redis. Commands without Redis do not load its client, which takes a tenth of a second. */
import { join } from 'node:path';
import type { Config, Uses } from '@kora-wake/shared/runtime/config';
import { StartupError } from '@kora-wake/shared/runtime/errors';
import { createLogger } from '@kora-wake/shared/runtime/log';
import { connectRedisOnce, type RedisClient } from '@kora-wake/shared/runtime/redis';
import type { Env, Io } from './command.ts';
import { runningRedisUrl } from './private-redis.ts';
import { readConfig } from './settings.ts';

/** Commands write to the terminal, not to a log. */
export const SILENT = createLogger('cli', 'silent', { write: () => undefined });

/**
 * Folder of the private Redis of `npm start`.
 *
 * @throws StartupError if this user has no home folder and KORA_HOME is not set
 */
export function redisFolder({ home }: Config): string {
  if (home !== undefined) return join(home, 'redis');
  throw new StartupError('this user has no home folder for the data of Redis. Set KORA_HOME or REDIS_URL.');
}

/**
 * As `readConfig`. If REDIS_URL is not set and `npm start` runs a private Redis, `redisUrl` is that one, so commands
 * and apps use the same Redis.
 */
export async function commandConfig(env: Env, io: Io, uses?: Uses): Promise<Config> {
  const config = readConfig(env, io, uses);
  if (env.REDIS_URL?.trim() || config.home === undefined) return config;
  const redisUrl = await runningRedisUrl(redisFolder(config));
  return redisUrl === undefined ? config : { ...config, redisUrl };
}

/**
 * Connects to the Redis of a command.
 *
 * @throws StartupError with one sentence if Redis cannot be used
 */
export async function openRedis({ redisUrl }: Config): Promise<RedisClient> {
  return connectRedisOnce(redisUrl, 'producer', SILENT);
}
