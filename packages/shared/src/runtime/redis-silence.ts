/**
 * Gives up connections that died silently: a NAT table or a load balancer forgot them, or Redis is frozen. Nothing closes
 * such a connection, so TCP alone reports it after many minutes, and never while nothing is sent.
 */
import type { Redis } from 'ioredis';

export interface Silence {
  /** Time between two checks, ms. */
  checkMs: number;
  /** A connection is given up after this many checks in a row without a byte from Redis. */
  checks: number;
}

/** 20 s. BullMQ's blocking command lets Redis be silent for up to 10 s. */
export const SILENCE: Silence = { checkMs: 5_000, checks: 4 };

/** After this many checks an answer is overdue: the first check asks, and only BullMQ's blocking command takes longer. */
const OVERDUE_CHECKS = 2;

interface Watcher {
  /** An answer is overdue. */
  onOverdue(): void;
  /** The overdue answer came. */
  onAnswer(): void;
  /** Called before a silent connection is closed; ioredis then connects again. */
  onSilent(): void;
}

/**
 * Watches a connection from its next start to its end, and all connections that it makes in between. Each check without
 * a byte since the last one sends a PING, so that Redis owes an answer. Checks are counted instead of time: a process that
 * was frozen itself finds one check overdue, not many, and then reads the answers that wait for it.
 */
export function giveUpSilent(redis: Redis, watcher: Watcher, { checkMs, checks }: Silence): void {
  let timer: NodeJS.Timeout | undefined;
  let bytesRead = 0;
  let silentChecks = 0;
  let asked = false;

  function check(): void {
    // Without a connection, ioredis has its own limit for opening one.
    const isOpen = redis.status === 'connect' || redis.status === 'ready';
    if (!isOpen || redis.stream.bytesRead !== bytesRead) {
      bytesRead = isOpen ? redis.stream.bytesRead : 0;
      if (redis.status === 'ready' && silentChecks >= OVERDUE_CHECKS) watcher.onAnswer();
      silentChecks = 0;
      return;
    }
    silentChecks++;
    if (silentChecks === OVERDUE_CHECKS) watcher.onOverdue();
    if (silentChecks >= checks) {
      silentChecks = 0;
      watcher.onSilent();
      redis.disconnect(true);
    } else if (!asked && redis.status === 'ready') {
      asked = true;
      void redis
        .ping()
        .catch(() => undefined)
        .finally(() => {
          asked = false;
        });
    }
  }

  const start = () => {
    timer ??= setInterval(check, checkMs).unref();
  };
  redis.on('connecting', start);
  redis.on('end', () => {
    clearInterval(timer);
    timer = undefined;
  });
  if (redis.status !== 'wait' && redis.status !== 'end') start();
}
