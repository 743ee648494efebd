/** Opens the connections of ioredis: sends the host name in TLS, checks certificates, and refuses read-only replicas. */
import { createConnection, isIP } from 'node:net';
import { type ConnectionOptions, checkServerIdentity, connect as connectTls } from 'node:tls';
import { AbstractConnector, type RedisOptions } from 'ioredis';
import { ReadOnlyReplica } from './redis-fault.ts';

/** Limit for closing a connection in order, ms. */
const DISCONNECT_MS = 2_000;

type Stream = Awaited<ReturnType<AbstractConnector['connect']>>;

export interface ConnectorOptions {
  tls: boolean;
  /** Hosts in REDIS_URL. */
  hosts: string[];
  /** True if the address must lead to a master. Nodes of a cluster may be replicas. */
  mustBeMaster: boolean;
  /** Called with each error of a connection. ioredis itself hides some of them, for example those of a cluster's nodes. */
  onError(error: Error): void;
}

/** The class for the option `Connector` of ioredis. */
export function connectorClass({ tls, hosts, mustBeMaster, onError }: ConnectorOptions): RedisOptions['Connector'] {
  return class extends AbstractConnector {
    readonly #options: unknown;

    constructor(options: unknown) {
      super(DISCONNECT_MS);
      this.#options = options;
    }

    override check(info: Record<string, string | undefined>): boolean {
      const isReplica = info.role === 'slave' && info.slave_read_only === '1';
      if (!mustBeMaster || !isReplica) return true;
      onError(new ReadOnlyReplica());
      return false;
    }

    // After a fail-over ioredis disconnects once for each command in flight, and would add a listener to the socket each time.
    override disconnect(): void {
      if (!this.stream?.writableEnded) super.disconnect();
    }

    // ioredis listens to the stream as soon as the promise resolves, before the next event of the stream.
    override async connect(): Promise<Stream> {
      this.connecting = true;
      const target = targetOf(this.#options);
      const stream = tls ? connectTls({ ...target, ...tlsOptions(target.host, hosts) }) : createConnection(target);
      stream.once('error', (error) => {
        this.firstError = error;
        onError(error);
      });
      this.stream = stream;
      return stream;
    }
  };
}

/** Host and port of the options of ioredis. */
function targetOf(options: unknown): { host: string; port: number } {
  const given = typeof options === 'object' && options !== null ? options : {};
  const host = 'host' in given && typeof given.host === 'string' ? given.host : '127.0.0.1';
  const port = 'port' in given && typeof given.port === 'number' ? given.port : 6379;
  return { host, port };
}

/** The TLS options for one host: its name as SNI, which Node does not send by itself, and the check of its certificate. */
function tlsOptions(host: string, hosts: string[]): ConnectionOptions {
  return { ...(isIP(host) === 0 && { servername: host }), checkServerIdentity: identityCheck(hosts) };
}

/**
 * Checks that a certificate belongs to the host. Clusters and Sentinels announce IP addresses, while certificates usually
 * have names. So an address is also accepted if its certificate has one of the names in REDIS_URL.
 */
export function identityCheck(hosts: string[]): typeof checkServerIdentity {
  return (host, certificate) => {
    const candidates = isIP(host) === 0 ? [host] : [host, ...hosts];
    const results = candidates.map((each) => checkServerIdentity(each, certificate));
    return results.includes(undefined) ? undefined : results[0];
  };
}

/**
 * The error of a TLS handshake, or undefined if it succeeds or takes too long.
 *
 * @param limitMs of the connection attempt
 */
export function tlsHandshakeError(
  { host, port }: { host: string; port: number },
  hosts: string[],
  limitMs: number,
): Promise<Error | undefined> {
  return new Promise((resolve) => {
    const socket = connectTls({ host, port, ...tlsOptions(host, hosts) });
    socket.setTimeout(limitMs, () => socket.destroy());
    socket.once('secureConnect', () => socket.destroy());
    socket.once('error', resolve);
    socket.once('close', () => resolve(undefined));
  });
}
