/** The HTTP proxy for Slack and the LLM. Only these two use it: the network tools check each address that they connect to. */
import ipaddr from 'ipaddr.js';
import type { ProxyAgent } from 'undici';
import type { Config } from './config.ts';

/**
 * A `fetch` that reaches https URLs through a tunnel (CONNECT) of the proxy, unless NO_PROXY lists the host. http URLs are reached
 * directly, as the name HTTPS_PROXY says: they usually lead to a server on this network.
 *
 * @param proxy undefined: no proxy
 */
export async function proxiedFetch(proxy: Config['proxy']): Promise<typeof globalThis.fetch> {
  if (!proxy) return globalThis.fetch;
  // Typed as an object, because Node's types name the same class of another version.
  const throughProxy: object = { dispatcher: await proxyAgent(proxy.url) };
  return (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const isTunnelled = url.protocol === 'https:' && !isExcluded(url, proxy.noProxy);
    return globalThis.fetch(input, isTunnelled ? { ...init, ...throughProxy } : init);
  };
}

/** The dispatcher for a WebSocket to Slack; undefined: it is reached directly. */
export async function slackDispatcher(proxy: Config['proxy']): Promise<ProxyAgent | undefined> {
  return proxy && !isExcluded(new URL('https://wss-primary.slack.com/'), proxy.noProxy)
    ? proxyAgent(proxy.url)
    : undefined;
}

/** Loads undici only if there is a proxy, because loading it takes a tenth of a second. */
async function proxyAgent(url: string): Promise<ProxyAgent> {
  const undici = await import('undici');
  return new undici.ProxyAgent(url);
}

/**
 * True if NO_PROXY lists the host of a URL. Entries are separated by commas or blanks. `*` lists all hosts. A name lists itself and
 * its subdomains, with or without a dot or `*.` in front. An address, or a network such as `10.0.0.0/8`, lists URLs with such an
 * address; names are not resolved. `:port` limits an entry to a port.
 */
export function isExcluded({ hostname, port, protocol }: URL, noProxy: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  const actualPort = port || (protocol === 'https:' ? '443' : '80');
  return noProxy
    .toLowerCase()
    .split(/[\s,]+/)
    .filter(Boolean)
    .some((entry) => {
      const { name = '', port: onlyPort } = ENTRY.exec(entry)?.groups ?? {};
      return (onlyPort === undefined || onlyPort === actualPort) && matches(host, name.replace(/^\[|\]$/g, ''));
    });
}

/** An IPv6 address with a port has brackets. */
const ENTRY = /^(?<name>\[[^\]]*\]|[^:]*|[^:]*:[^:]*:.*?)(?::(?<port>\d+))?$/;

function matches(host: string, entry: string): boolean {
  if (entry === '*') return true;
  if (ipaddr.isValid(host)) return matchesAddress(host, entry);
  const name = entry.replace(/^\*?\./, '').replace(/\.$/, '');
  return name !== '' && (host === name || host.endsWith(`.${name}`));
}

function matchesAddress(host: string, entry: string): boolean {
  const address = ipaddr.process(host);
  if (ipaddr.isValid(entry)) return ipaddr.process(entry).toString() === address.toString();
  if (!ipaddr.isValidCIDR(entry)) return false;
  const [network, bits] = ipaddr.parseCIDR(entry);
  return network.kind() === address.kind() && address.match(network, bits);
}
