/** A fail-over between two Redis servers that loses no write. */
import type { Redis } from 'ioredis';
import type { RedisProcess } from './redis-process.ts';

/** Limit of each step, ms. It only ends a failed run. */
const STEP_MS = 60_000;

/** Makes `to` the master, once it has all writes of the master `from`, which becomes its replica. Connections stay open. */
export async function failOver(from: Redis, to: Redis, { port }: RedisProcess): Promise<void> {
  await until(to, 'master_link_status:up');
  await until(from, 'state=online');
  await from.call('FAILOVER', 'TO', '127.0.0.1', String(port));
  await until(to, 'role:master');
  await until(from, 'role:slave');
}

async function until(redis: Redis, line: string): Promise<void> {
  const end = performance.now() + STEP_MS;
  while (!(await redis.info('replication')).includes(line)) {
    if (performance.now() > end) throw new Error(`no ${line} within ${STEP_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
