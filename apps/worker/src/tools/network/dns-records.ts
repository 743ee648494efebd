/** Looks up a name at the name servers, and in this system if they know no address. */
import { Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import { unlessAborted } from '@kora-wake/shared/runtime/async';
import { type Network, networkReason } from './connect.ts';

export const RECORD_TYPES = ['A', 'AAAA', 'CNAME', 'MX', 'NS', 'TXT'] as const;
export type RecordType = (typeof RECORD_TYPES)[number];

/** Limit for one query to one name server. */
const TIMEOUT_MS = 2_000;
const TRIES = 2;

/** One line per record. A missing name is a result too. */
export async function lookUpRecords(
  host: string,
  types: readonly RecordType[],
  network: Network,
  signal: AbortSignal,
): Promise<string> {
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: TRIES });
  if (network.dnsServers) resolver.setServers(network.dnsServers);
  const cancel = () => resolver.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    const answers = await Promise.all(types.map((type) => lookUpType(resolver, host, type, network, signal)));
    return answers.flat().join('\n');
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

async function lookUpType(
  resolver: Resolver,
  host: string,
  type: RecordType,
  network: Network,
  signal: AbortSignal,
): Promise<string[]> {
  const started = performance.now();
  try {
    const records = await QUESTIONS[type](resolver, host);
    const ms = Math.round(performance.now() - started);
    if (records.length > 0) return records.map((record) => `${host} ${type} ${record} (after ${ms} ms)`);
    return [`${host} ${type}: none (after ${ms} ms)`];
  } catch (error) {
    const reason = signal.aborted ? 'time ran out' : networkReason(error);
    const line = `${host} ${type}: ${reason}, after ${Math.round(performance.now() - started)} ms`;
    const system = await systemAddresses(host, type, network, signal);
    return [system.length > 0 ? `${line}; this system (hosts file or similar): ${system.join(', ')}` : line];
  }
}

const QUESTIONS: Record<RecordType, (resolver: Resolver, host: string) => Promise<string[]>> = {
  A: async (resolver, host) => (await resolver.resolve4(host, { ttl: true })).map(withTtl),
  AAAA: async (resolver, host) => (await resolver.resolve6(host, { ttl: true })).map(withTtl),
  CNAME: (resolver, host) => resolver.resolveCname(host),
  MX: async (resolver, host) =>
    (await resolver.resolveMx(host)).map(({ priority, exchange }) => `${priority} ${exchange}`),
  NS: (resolver, host) => resolver.resolveNs(host),
  TXT: async (resolver, host) => (await resolver.resolveTxt(host)).map((parts) => parts.join('')),
};

function withTtl({ address, ttl }: { address: string; ttl: number }): string {
  return `${address} ttl ${ttl} s`;
}

async function systemAddresses(
  host: string,
  type: RecordType,
  network: Network,
  signal: AbortSignal,
): Promise<string[]> {
  if (type !== 'A' && type !== 'AAAA') return [];
  const family = type === 'A' ? 4 : 6;
  // If this fails too, the name servers' answer is the result.
  const found = await unlessAborted(() => network.lookup(host), signal).catch(() => []);
  return found.map(({ address }) => address).filter((address) => isIP(address) === family);
}
