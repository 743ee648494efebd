/** The log lines about outages: one at the start and one at the end, over all connections of an app. */
import type { Logger } from './log.ts';
import { logEvent } from './log-events.ts';

export interface OutageLog {
  /** @param connection identifies the connection @param message instead of the default one */
  down(connection: object, reason: string, message?: string): void;
  /** The connection may be dead. Nothing is logged, but an outage does not end before it is up. */
  overdue(connection: object): void;
  /** The connection works. The outage is over if no other connection is down or overdue. */
  up(connection: object): void;
  /** The connection was closed on purpose and no longer counts. BullMQ may open it again during an outage. */
  closed(connection: object): void;
}

export function outageLog(log: Logger): OutageLog {
  const down = new Set<object>();
  let isOutage = false;
  return {
    down: (connection, reason, message) => {
      down.add(connection);
      if (!isOutage) logEvent(log, 'redis.down', { reason }, message);
      isOutage = true;
    },
    overdue: (connection) => {
      down.add(connection);
    },
    up: (connection) => {
      down.delete(connection);
      if (down.size > 0) return;
      if (isOutage) logEvent(log, 'redis.up', {});
      isOutage = false;
    },
    closed: (connection) => {
      down.delete(connection);
    },
  };
}
