/**
 * The origin of a request by its headers: a web page, another machine, a reverse proxy. Each function returns the
 * reason to refuse the request as a sentence, or undefined.
 */
import { isLoopback } from '@kora-wake/shared/runtime/config';
import { shorten } from '@kora-wake/shared/wake/text';
import type { FastifyRequest } from 'fastify';

type RequestHead = Pick<FastifyRequest, 'headers' | 'method'>;

const FOREIGN_PAGE = 'Web pages of another origin cannot use this API.';
const REMEDY = 'see "Behind a reverse proxy" in docs/operations.md';
/** Names of headers that proxies add: they name the client, or the address that the client asked for. */
const FORWARDING =
  /^(?:forwarded|via|x-forwarded(?:-.+)?|x-real-ip|x-original-(?:host|forwarded-for|url)|x-client-ip|x-cluster-client-ip|x-envoy-external-address|true-client-ip|cf-connecting-ip|fastly-client-ip)$/;

/**
 * Refuses web pages of another origin: a browser adds the password that it remembers to their requests too. Browsers name
 * the origin in headers; other programs send none.
 */
export function refusalOfForeignPage({ headers, method }: RequestHead): string | undefined {
  // If a person follows a link, the browser shows the answer, and the page with the link cannot read it.
  if (method === 'GET' && headers['sec-fetch-mode'] === 'navigate') return undefined;
  const { origin, host, 'sec-fetch-site': site } = headers;
  if (site !== undefined) return site === 'same-origin' || site === 'none' ? undefined : FOREIGN_PAGE;
  // A proxy may change the scheme, but not the host.
  const page = origin?.replace(/^https?:\/\//, '');
  if (page === undefined || page === host) return undefined;
  return `${FOREIGN_PAGE} The page is of ${named(page)}, but the Host header is ${named(host)}. If a reverse proxy changed that header, let it pass the header on: ${REMEDY}.`;
}

/**
 * Refuses requests of other machines; used if the API has no token. A reverse proxy makes them look local. The host name of
 * a web page may resolve to this machine (DNS rebinding).
 */
export function refusalOfOtherMachine({ headers }: RequestHead): string | undefined {
  const header = Object.keys(headers).find((name) => FORWARDING.test(name));
  if (header !== undefined) {
    return `This request came through a proxy (header ${named(header)}), so other machines may have access. Set KORA_API_TOKEN: ${REMEDY}.`;
  }
  if (isLoopback(hostOf(headers.host ?? ''))) return undefined;
  return `Without KORA_API_TOKEN the API answers this machine only, but the Host header is ${named(headers.host)}. Open it as localhost or 127.0.0.1, or set a token. If a reverse proxy set that header: ${REMEDY}.`;
}

/** A value of a header for a sentence. */
function named(value = ''): string {
  return value === '' ? 'empty' : `"${shorten(value.replace(/[^\x20-\x7e]/g, '?'), 100)}"`;
}

function hostOf(host: string): string {
  return host
    .toLowerCase()
    .replace(/:\d+$/, '')
    .replace(/^\[|\]$|\.$/g, '');
}
