/** The configuration of commands that use Redis. */
import { join } from 'node:path';
import { type Config, loadConfig } from '@kora-wake/shared/runtime/config';
import { createLogger } from '@kora-wake/shared/runtime/log';
import { connectRedisOnce, type RedisClient } from '@kora-wake/shared/runtime/redis';
import type { Env } from './command.ts';
import { runningRedisUrl } from './private-redis.ts';

/** Commands write to the terminal, not to a log. */
export const SILENT = createLogger('cli', 'silent', { write: () => undefined });

/** Folder of the private Redis of `npm start`. */
export function redisFolder({ home }: Config): string {
  return join(home, 'redis');
}

/**
 * Reads the environment. If REDIS_URL is not set and `npm start` runs a private Redis, `redisUrl` is that one, so commands
 * and apps use the same Redis.
 *
 * @throws StartupError if the configuration is not valid
 */
export async function commandConfig(env: Env): Promise<Config> {
  const { config } = loadConfig(env);
  if (env.REDIS_URL?.trim()) return config;
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
