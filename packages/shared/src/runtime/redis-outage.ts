/** The outages of an app, over all its connections: one log line at the start and one at the end. */
import type { Logger } from './log.ts';
import { logEvent } from './log-events.ts';
import type { Fault } from './redis-fault.ts';

export interface OutageLog {
  /**
   * Logs the start of an outage. During an outage it logs only a fault that a person must correct, once.
   *
   * @param connection identifies the connection
   * @param message replaces the default message
   */
  down(connection: object, fault: Fault, message?: string): void;
  /** Registers a connection. @param reconnect closes it, so that ioredis connects again */
  add(connection: object, reconnect: () => void): void;
  /** All connections are down: they are closed, so that ioredis connects again. For an address that leads to a new server. */
  reconnectAll(fault: Fault): void;
  /** The connection may be dead. Nothing is logged, but an outage does not end before it is up. */
  overdue(connection: object): void;
  /** The connection works. The outage is over if no other connection is down or overdue. */
  up(connection: object): void;
  /** The connection was closed on purpose and no longer counts. BullMQ may open it again during an outage. */
  closed(connection: object): void;
}

export function outageLog(log: Logger): OutageLog {
  const down = new Set<object>();
  const reconnects = new Map<object, () => void>();
  /** Reasons that were logged in this outage. */
  const reported = new Set<string>();
  let isOutage = false;

  function onDown(connection: object, { reason, remedy, mayPass }: Fault, message?: string): void {
    down.add(connection);
    const isNews = !mayPass && !reported.has(reason);
    if (!isOutage || isNews) {
      logEvent(log, 'redis.down', { reason }, mayPass ? message : `Redis ${reason}. ${remedy}`);
    }
    reported.add(reason);
    isOutage = true;
  }

  return {
    add: (connection, reconnect) => {
      reconnects.set(connection, reconnect);
    },
    down: onDown,
    reconnectAll: (fault) => {
      // All are marked before the first one is closed: the first one that is back must not end the outage.
      for (const connection of reconnects.keys()) onDown(connection, fault);
      for (const reconnect of reconnects.values()) reconnect();
    },
    overdue: (connection) => {
      down.add(connection);
    },
    up: (connection) => {
      down.delete(connection);
      if (down.size > 0) return;
      if (isOutage) logEvent(log, 'redis.up', {});
      isOutage = false;
      reported.clear();
    },
    closed: (connection) => {
      reconnects.delete(connection);
      down.delete(connection);
    },
  };
}
