/** The options of ioredis for each kind of address and connection. */
import { Cluster, Redis } from 'ioredis';
import { connectorClass, identityCheck } from './redis-connector.ts';
import { becameReplica, ReadOnlyReplica } from './redis-fault.ts';
import type { RedisAddress } from './redis-url.ts';

/** Limit for opening one TCP or TLS connection, ms. */
export const CONNECT_TIMEOUT_MS = 5_000;
/** A healthy Redis answers each of our commands sooner, ms. */
export const COMMAND_TIMEOUT_MS = 10_000;

/** One Redis, found directly or through Sentinels, or a cluster. */
export type RedisClient = Redis | Cluster;

/**
 * `producer` connections reject commands at once while Redis is unavailable. `worker` connections keep commands until
 * Redis is back, which BullMQ's workers need.
 */
export type ConnectionKind = 'producer' | 'worker';

export interface ClientHooks {
  /** The last error of one connection. ioredis itself does not report all of them. */
  lastError: Error | undefined;
  /** Called if Redis refused a write because it became a replica. ioredis then closes that connection. */
  onReplica(): void;
}

/**
 * A client that is not connected yet. It makes one attempt to connect.
 *
 * @param hooks called later too, also for copies of the client
 */
export function createClient(address: RedisAddress, kind: ConnectionKind, hooks: ClientHooks): RedisClient {
  const { tls, nodes, username, password, db } = address;
  const hosts = nodes.map(({ host }) => host);
  const waits = kind === 'worker';
  const onError = (error: Error) => {
    hooks.lastError = error;
  };
  const connector = (mustBeMaster: boolean) => connectorClass({ tls, hosts, mustBeMaster, onError });
  const common = {
    username,
    password,
    connectTimeout: CONNECT_TIMEOUT_MS,
    ...(!waits && { commandTimeout: COMMAND_TIMEOUT_MS }),
    ...(tls && { tls: { checkServerIdentity: identityCheck(hosts) } }),
    // After a fail-over behind one address, connections to the old master stay open. A new one leads to the new master.
    reconnectOnError: (error: Error) => {
      if (!becameReplica(error)) return false;
      hooks.lastError = new ReadOnlyReplica();
      hooks.onReplica();
      return true;
    },
  };
  if (address.kind === 'cluster') {
    return new Cluster(nodes, {
      redisOptions: { ...common, Connector: connector(false) },
      lazyConnect: true,
      enableOfflineQueue: waits,
      clusterRetryStrategy: doNotRetry,
      // Certificates have names, so the names must not be replaced with addresses.
      ...(tls && { dnsLookup: (name, callback) => callback(null, name) }),
    });
  }
  const target = address.kind === 'sentinel' ? throughSentinels(address) : { ...nodes[0], Connector: connector(true) };
  return new Redis({
    ...common,
    ...target,
    db,
    enableOfflineQueue: waits,
    maxRetriesPerRequest: waits ? null : 1,
    lazyConnect: true,
    retryStrategy: doNotRetry,
    // It needs INFO. It is switched on once this user is known to have that right.
    enableReadyCheck: false,
  });
}

function throughSentinels({ nodes, name, tls, sentinelUsername, sentinelPassword }: RedisAddress) {
  return {
    sentinels: nodes,
    name,
    sentinelUsername,
    sentinelPassword,
    failoverDetector: true,
    sentinelRetryStrategy: doNotRetry,
    sentinelCommandTimeout: COMMAND_TIMEOUT_MS,
    ...(tls && {
      enableTLSForSentinelMode: true,
      sentinelTLS: { checkServerIdentity: identityCheck(nodes.map(({ host }) => host)) },
    }),
  };
}

const doNotRetry = () => null;
