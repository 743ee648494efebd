/** Two Redis servers behind one address, as with managed Redis, HAProxy or a Kubernetes Service. */
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { onTestFinished } from 'vitest';
import { ownServer } from './fixtures.ts';
import { tcpProxy } from './proxy.ts';
import { redisProcess } from './redis-process.ts';

/**
 * Starts a master, its replica, and a proxy that leads to the master. The end of the test stops all three.
 *
 * @returns direct connections to both servers, and `leadToNew`, which makes new connections lead to the replica
 */
export async function twoServers(folder: string) {
  const first = await ownServer(redisProcess(join(folder, 'first'), ['--repl-diskless-sync-delay', '0']));
  const second = await ownServer(redisProcess(join(folder, 'second'), ['--replicaof', `127.0.0.1 ${first.port}`]));
  const target = { hostname: '127.0.0.1', port: first.port };
  const proxy = await tcpProxy(target, {
    requests: (chunk, forward) => forward(chunk),
    answers: (chunk, forward) => forward(chunk),
  });
  onTestFinished(() => proxy.close());
  const [old, next] = [new Redis(first.port, '127.0.0.1'), new Redis(second.port, '127.0.0.1')];
  onTestFinished(() => {
    for (const redis of [old, next]) redis.disconnect();
  });
  const leadToNew = () => {
    target.port = second.port;
  };
  return { url: `redis://127.0.0.1:${proxy.port}`, old, next, second, leadToNew };
}
