/** The network tools. They reach only hosts that `KORA_HTTP_CHECK_ALLOW` lists. */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { z } from 'zod';
import { defineTool, type Tool, ToolRefused } from '../tool.ts';
import { type AllowList, canonicalHost } from './allow-list.ts';
import { describeCertificateInFull } from './certificate.ts';
import { answer, type Network, openConnection } from './connect.ts';
import { lookUpRecords, RECORD_TYPES } from './dns-records.ts';
import { checkHttp } from './http-check.ts';

const TIME_LIMIT_MS = 10_000;
/** A request could carry secrets out, so it is no longer than a check needs; characters. */
const MAX_URL = 500;
const MAX_HOST = 120;

/**
 * The list is empty if no host is allowed.
 *
 * @param now ms since the epoch
 * @param options replace the name resolution and the time limit
 */
export function networkTools(
  allow: AllowList,
  now: () => number = Date.now,
  options: Partial<Pick<Network, 'lookup' | 'dnsServers' | 'timeLimitMs'>> = {},
): Tool[] {
  if (allow.isEmpty) return [];
  const network: Network = {
    allow,
    now,
    lookup: (host) => lookup(host, { all: true }),
    timeLimitMs: TIME_LIMIT_MS,
    ...options,
  };
  const listed = `Only these are allowed: ${allow.entries.join(', ')}.`;

  return [
    defineTool({
      name: 'http_check',
      description: `Sends one GET or HEAD request and returns status, timing, headers, certificate and the first KiB of the body, also of redirects. ${listed}`,
      input: z.strictObject({ url: z.string().max(MAX_URL), method: z.enum(['GET', 'HEAD']).optional() }),
      run: ({ url, method = 'GET' }, context) =>
        answer(context, network, (signal) => checkHttp(url, method, network, signal, context.redact)),
    }),
    defineTool({
      name: 'dns_lookup',
      description: `Asks the name servers for the records of a host; A and AAAA without a type. ${listed}`,
      input: z.strictObject({ host: z.string().max(MAX_HOST), type: z.enum(RECORD_TYPES).optional() }),
      run: ({ host: given, type }, context) =>
        answer(context, network, async (signal) => {
          const host = listedHost(given, allow);
          if (isIP(host) > 0) return `${host} is an address, so it has no DNS records to look up.`;
          return lookUpRecords(host, type ? [type] : ['A', 'AAAA'], network, signal);
        }),
    }),
    defineTool({
      name: 'tls_certificate',
      description: `Opens a TLS connection (default port 443) and returns its certificate and whether it is trusted. ${listed}`,
      input: z.strictObject({ host: z.string().max(MAX_HOST), port: z.int().min(1).max(65_535).optional() }),
      run: ({ host: given, port = 443 }, context) =>
        answer(context, network, async (signal) => {
          const host = listedHost(given, allow, port);
          const { socket, tls, peer } = await openConnection({ host, port, secure: true }, network, signal);
          try {
            return [`connected to ${peer}`, ...(tls ? describeCertificateInFull(tls, now()) : [])].join('\n');
          } finally {
            socket.destroy();
          }
        }),
    }),
  ];
}

/** The host in its canonical form, which the tool then uses. */
function listedHost(given: string, allow: AllowList, port?: number): string {
  const host = canonicalHost(given);
  if (host === undefined) throw new Error(`not a host: ${given}`);
  if (allow.allowsHost(host, port)) return host;
  const place = port === undefined ? host : `${host} at port ${port}`;
  const entry = port === undefined || port === 443 ? host : `${host.includes(':') ? `[${host}]` : host}:${port}`;
  throw new ToolRefused(`${place} is not on the list: KORA_HTTP_CHECK_ALLOW would have to list ${entry}.`);
}
