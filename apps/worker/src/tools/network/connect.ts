/**
 * From a listed host to a socket. A name is resolved once, every address is checked, and the connection goes to exactly
 * the address that was found good, so that a name which answers otherwise the second time leads nowhere.
 */
import { once } from 'node:events';
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { errorCode } from '@kora-wake/shared/runtime/errors';
import { type ToolContext, ToolRefused } from '../tool.ts';
import { type AllowList, isPublic } from './allow-list.ts';

export interface Network {
  allow: AllowList;
  /** ms since the epoch. */
  now: () => number;
  /** All addresses of a name, as the system resolves it. */
  lookup: (host: string) => Promise<Array<{ address: string }>>;
  /** `address:port`; the system's own where there are none. */
  dnsServers?: string[];
  /** How long one look may take, ms. What has not answered by then is told as such. */
  patienceMs: number;
}

export interface Connection {
  socket: Socket;
  /** The same socket, where it speaks TLS. */
  tls?: TLSSocket;
  /** Address and port. */
  peer: string;
  /** Every address the name has; one for an address. */
  addresses: string[];
  dnsMs: number;
  connectMs: number;
  tlsMs?: number;
}

/** A step that failed. That is what the investigator wants to know, so it becomes an answer; its message is for the model. */
export class StepFailed extends Error {
  override name = 'StepFailed';
}

const WORDS: Record<string, string> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection closed or reset',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ETIMEDOUT: 'timed out',
  EPIPE: 'connection closed',
  EPROTO: 'TLS failed',
  ENOTFOUND: 'no such name',
  ENODATA: 'no record of this type',
  EAI_AGAIN: 'the name servers did not answer',
  ETIMEOUT: 'the name servers did not answer',
  ESERVFAIL: 'the name servers failed',
  EREFUSED: 'the name servers refused',
};

/** What went wrong, with its code. */
export function reasonOf(error: unknown): string {
  const code = errorCode(error);
  if (code === undefined) return error instanceof Error ? error.message : String(error);
  if (code.startsWith('HPE_')) return `what came is not HTTP (${code})`;
  if (code.startsWith('ERR_SSL_')) return `TLS failed (${code})`;
  return `${WORDS[code] ?? 'failed'} (${code})`;
}

/**
 * Looks within the network's patience, and no longer than the caller wants to know.
 *
 * @throws the reason of the caller's signal, where that aborts; ToolRefused
 */
export async function answer(
  { signal }: ToolContext,
  { patienceMs }: Network,
  look: (signal: AbortSignal) => Promise<string>,
): Promise<string> {
  signal.throwIfAborted();
  let text: string;
  try {
    text = await look(AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]));
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof StepFailed)) throw error;
    text = error.message;
  }
  signal.throwIfAborted();
  return text;
}

/**
 * Takes one step and times it.
 *
 * @throws StepFailed
 */
export async function step<Result>(
  doing: string,
  signal: AbortSignal,
  take: () => Promise<Result>,
): Promise<{ result: Result; ms: number }> {
  const started = performance.now();
  const ms = () => Math.round(performance.now() - started);
  try {
    signal.throwIfAborted();
    return { result: await take(), ms: ms() };
  } catch (error) {
    const reason = signal.aborted ? 'time ran out' : reasonOf(error);
    throw new StepFailed(`${reason} while ${doing}, after ${ms()} ms`, { cause: error });
  }
}

/** Settles as what `start` began does, or rejects when the signal aborts: for what cannot be aborted itself. */
export async function unlessAborted<Result>(start: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
  signal.throwIfAborted();
  const settled = new AbortController();
  const aborted = once(signal, 'abort', { signal: settled.signal }).then(() => Promise.reject(signal.reason));
  // It rejects when `settled` aborts too, and then nobody listens any more.
  aborted.catch(() => undefined);
  try {
    return await Promise.race([start(), aborted]);
  } finally {
    settled.abort();
  }
}

/**
 * Connects to a host that the list has been asked about already. `host` is canonical.
 *
 * @throws ToolRefused where it has no address that may be connected to; StepFailed
 */
export async function openConnection(
  { host, port, secure }: { host: string; port: number; secure: boolean },
  network: Network,
  signal: AbortSignal,
): Promise<Connection> {
  const { address, addresses, dnsMs } = await checkedAddress(host, port, network, signal);
  const peer = isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`;

  const { result: socket, ms: connectMs } = await step(`connecting to ${peer}`, signal, () =>
    opened(connect({ host: address, port, signal }), 'connect', signal),
  );
  const connection = { socket, peer, addresses, dnsMs, connectMs };
  if (!secure) return connection;

  const { result: tls, ms: tlsMs } = await step(`agreeing on TLS with ${peer}`, signal, () => {
    // An address is no server name. An expired or unknown certificate is to be told about, not to be stopped by.
    const servername = isIP(host) > 0 ? '' : host;
    return opened(connectTls({ socket, host, servername, rejectUnauthorized: false }), 'secureConnect', signal);
  });
  return { ...connection, socket: tls, tls, tlsMs };
}

/** An address as host was judged with the list; a name leads only to what is public or listed as an address. */
async function checkedAddress(host: string, port: number, network: Network, signal: AbortSignal) {
  if (isIP(host) > 0) return { address: host, addresses: [host], dnsMs: 0 };
  const { result, ms } = await step(`resolving ${host}`, signal, () =>
    unlessAborted(() => network.lookup(host), signal),
  );
  const addresses = result.map(({ address }) => address);
  if (addresses.length === 0) throw new StepFailed(`${host} has no address, after ${ms} ms`);
  const address = addresses.find((address) => isPublic(address) || network.allow.allowsAddress(address, port));
  if (address === undefined)
    throw new ToolRefused(
      `${host} leads to ${addresses.join(', ')}, not public: KORA_HTTP_CHECK_ALLOW would have to list that address too.`,
    );
  return { address, addresses, dnsMs: ms };
}

/** Waits until a socket is open; one that does not get there is gone. */
async function opened<Opening extends Socket>(socket: Opening, event: string, signal: AbortSignal): Promise<Opening> {
  // It may break after everyone has heard what they wanted to.
  socket.on('error', () => undefined);
  try {
    await once(socket, event, { signal });
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}
