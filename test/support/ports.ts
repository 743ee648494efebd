/** Ports for servers that a test starts later, or stops and starts again. */
import { randomInt } from 'node:crypto';
import { tryListen } from '../../apps/cli/src/private-redis.ts';

/** Below the ports that operating systems give to `listen(0)` and to outgoing connections of other tests. */
const FIRST = 10_000;
const COUNT = 10_000;
const TRIES = 50;

/**
 * A port of 127.0.0.1 on which nothing listens, and that the system gives to nobody else. The same is true of this port
 * plus 10,000, which a node of a Redis cluster also uses.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < TRIES; tries++) {
    const port = FIRST + randomInt(COUNT);
    const listened = await Promise.allSettled([tryListen(port), tryListen(port + COUNT)]);
    if (listened.every(({ status }) => status === 'fulfilled')) return port;
  }
  throw new Error(`no free port between ${FIRST} and ${FIRST + COUNT}`);
}
