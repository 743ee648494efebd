/**
 * Connects to a listed host. A name is resolved once, its addresses are checked, and the connection goes to exactly the address that
 * passed the check. So a name that resolves to another address the second time gains nothing.
 */
import { once } from 'node:events';
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { unlessAborted } from '@kora-wake/shared/runtime/async';
import { errorCode } from '@kora-wake/shared/runtime/errors';
import { type ToolContext, ToolRefused } from '../tool.ts';
import { type AllowList, isPublic } from './allow-list.ts';

export interface Network {
  allow: AllowList;
  /** ms since the epoch. */
  now: () => number;
  /** All addresses of a name, as the system resolves it. */
  lookup: (host: string) => Promise<Array<{ address: string }>>;
  /** `address:port`. Undefined: the system's name servers. */
  dnsServers?: string[];
  /** Limit for one tool call, ms. A step that takes longer is reported as such. */
  timeLimitMs: number;
}

export interface Connection {
  socket: Socket;
  /** The same socket, if it uses TLS. */
  tls?: TLSSocket;
  /** Address and port. */
  peer: string;
  /** All addresses of the name, or the one address. */
  addresses: string[];
  dnsMs: number;
  connectMs: number;
  tlsMs?: number;
}

/** A step that failed. This is a useful finding, so it becomes the tool's output; the message is for the LLM. */
export class StepFailed extends Error {
  override name = 'StepFailed';
}

const REASONS: Record<string, string> = {
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

/** The reason of a network failure, with its code. */
export function networkReason(error: unknown): string {
  const code = errorCode(error);
  if (code === undefined) return error instanceof Error ? error.message : String(error);
  if (code.startsWith('HPE_')) return `the response is not HTTP (${code})`;
  if (code.startsWith('ERR_SSL_')) return `TLS failed (${code})`;
  return `${REASONS[code] ?? 'failed'} (${code})`;
}

/**
 * Runs a tool call within the time limit and the caller's signal. A failed step becomes the output.
 *
 * @throws the reason of the caller's signal if it aborts; ToolRefused
 */
export async function answer(
  { signal }: ToolContext,
  { timeLimitMs }: Network,
  run: (signal: AbortSignal) => Promise<string>,
): Promise<string> {
  signal.throwIfAborted();
  let text: string;
  try {
    text = await run(AbortSignal.any([signal, AbortSignal.timeout(timeLimitMs)]));
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof StepFailed)) throw error;
    text = error.message;
  }
  signal.throwIfAborted();
  return text;
}

/**
 * Runs one step and measures its time.
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
    const reason = signal.aborted ? 'time ran out' : networkReason(error);
    throw new StepFailed(`${reason} while ${doing}, after ${ms()} ms`, { cause: error });
  }
}

/**
 * Connects to a host that is on the allow-list. `host` is canonical.
 *
 * @throws ToolRefused if none of its addresses is allowed; StepFailed
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
    // An address is not a server name. An expired or unknown certificate is a finding, so it must not end the connection.
    const servername = isIP(host) > 0 ? '' : host;
    return opened(connectTls({ socket, host, servername, rejectUnauthorized: false }), 'secureConnect', signal);
  });
  return { ...connection, socket: tls, tls, tlsMs };
}

/** A host that is an address was checked with the list. A name may only resolve to public or listed addresses. */
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
      `${host} resolves to ${addresses.join(', ')}, which is not public: KORA_HTTP_CHECK_ALLOW would have to list that address too.`,
    );
  return { address, addresses, dnsMs: ms };
}

/** Waits until a socket is open. Destroys it if that fails. */
async function opened<Opening extends Socket>(socket: Opening, event: string, signal: AbortSignal): Promise<Opening> {
  // The socket may fail later, when nobody waits for it any more.
  socket.on('error', () => undefined);
  try {
    await once(socket, event, { signal });
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}
