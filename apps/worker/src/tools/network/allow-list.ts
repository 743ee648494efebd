/**
 * What may be asked over the network: the text of `KORA_HTTP_CHECK_ALLOW`. Two questions are kept apart, since a name
 * says nothing about where it leads: whether a host is listed, and whether the address it turned out to have is public
 * or listed itself.
 */
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

export interface AllowList {
  isEmpty: boolean;
  /** The entries as they were written. */
  entries: readonly string[];
  /** Whether this URL is listed; where its host is a name, the address it resolves to is yet to be judged. */
  allowsUrl(url: URL): boolean;
  /** Whether this host is listed, at this port, or at any where none is given. */
  allowsHost(host: string, port?: number): boolean;
  /** Whether an entry that is an address or a block covers this one, so that a listed name may lead there. */
  allowsAddress(address: string, port?: number): boolean;
}

type Address = ipaddr.IPv4 | ipaddr.IPv6;

interface Block {
  address: Address;
  bits: number;
}

interface Entry {
  /** A name; or what names below it end with, dot included; or addresses. */
  host: { name: string } | { below: string } | Block;
  /** Any, where there is none. */
  port?: number;
  /** Where the entry is a URL. */
  url?: { protocol: string; path: string };
}

/**
 * Reads entries separated by commas or whitespace: `host`, `*.host`, an address, each also with `:port`; a CIDR block;
 * a URL, which stands for its scheme, port and path and what is below that.
 *
 * @throws Error that names an entry which is none of these
 */
export function parseAllowList(text: string): AllowList {
  const texts = text.split(/[\s,]+/).filter((entry) => entry !== '');
  const entries = texts.map(parseEntry);

  const atHost = (host: string, port?: number) => {
    const canonical = canonicalHost(host);
    if (canonical === undefined) return [];
    return entries.filter((entry) => coversHost(entry.host, canonical) && coversPort(entry, port));
  };

  return {
    isEmpty: entries.length === 0,
    entries: texts,
    allowsUrl: (url) =>
      (url.protocol === 'http:' || url.protocol === 'https:') &&
      atHost(url.hostname, portOf(url)).some((entry) => coversPath(entry, url)),
    allowsHost: (host, port) => atHost(host, port).length > 0,
    // A URL gives away one path of an address. Were it to count here, a name could lead to the others.
    allowsAddress: (address, port) => isIP(address) > 0 && atHost(address, port).some((entry) => !entry.url),
  };
}

/** Whether an address is one of the public internet: global unicast, and no tunnel or translation to something else. */
export function isPublic(text: string): boolean {
  const address = readAddress(text);
  if (address?.range() !== 'unicast' || HOST_SERVICES.has(address.toString())) return false;
  // The library calls "unicast" what nobody has assigned; of IPv6, only 2000::/3 is.
  return address.kind() === 'ipv4' || address.match(GLOBAL_IPV6, 3);
}

/** Public by its number, and yet the platform's own service behind every machine of a cloud. */
const HOST_SERVICES = new Set(['168.63.129.16']);
const GLOBAL_IPV6 = ipaddr.IPv6.parse('2000::');

/** The port a URL leads to. */
export function portOf(url: URL): number {
  if (url.port !== '') return Number(url.port);
  return url.protocol === 'https:' ? 443 : 80;
}

/**
 * The one way to write a host: lower case, no brackets, no dot at its end, an address in its usual form however it was
 * disguised (`0x7f.1`, `2130706433`, `::ffff:127.0.0.1`). Undefined for what is no host.
 */
export function canonicalHost(text: string): string | undefined {
  const bracketed = isIP(text) === 6 ? `[${text}]` : text;
  // What would end the host in a URL must not hide what follows it.
  if (!/^(?:\[[^\s\]]+\]|[^\s/\\?#@:[\]]+)$/.test(bracketed)) return undefined;
  const hostname = URL.parse(`http://${bracketed}`)?.hostname;
  if (!hostname) return undefined;
  const bare = hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
  return readAddress(bare)?.toString() ?? bare;
}

/** An IPv4 address mapped into IPv6 is read as what it is. */
function readAddress(text: string): Address | undefined {
  return isIP(text) > 0 && ipaddr.isValid(text) ? ipaddr.process(text) : undefined;
}

function parseEntry(text: string): Entry {
  const bad = (why: string) => new Error(`KORA_HTTP_CHECK_ALLOW: ${text} ${why}`);

  if (text.includes('://')) {
    const url = URL.parse(text);
    if (!url || !/^https?:$/.test(url.protocol)) throw bad('is no http or https URL');
    if (url.username || url.password || url.search || url.hash) throw bad('has more than scheme, host, port and path');
    const written = text.replace(/^\w+:\/\//, '').replace(/\/.*$/, '');
    const host = parseHost(written.replace(PORT, ''));
    const path = withoutEndSlash(url.pathname);
    if (!host || !isPlain(path)) throw bad('is not a URL that can be listed');
    return { host, port: portOf(url), url: { protocol: url.protocol, path } };
  }

  if (text.includes('/')) {
    const block = parseBlock(text);
    if (!block) throw bad('is neither a CIDR block nor a URL with its scheme');
    return { host: block };
  }

  const port = isIP(text) === 6 ? undefined : PORT.exec(text)?.[1];
  const host = parseHost(port === undefined ? text : text.replace(PORT, ''));
  if (!host) throw bad('is not a host, an address, a CIDR block or a URL');
  if (port === undefined) return { host };
  if (Number(port) < 1 || Number(port) > 65_535) throw bad('has a port that is none');
  return { host, port: Number(port) };
}

const PORT = /:(\d+)$/;

function parseHost(text: string): Entry['host'] | undefined {
  const name = text.replace(/^\*\./, '');
  const host = canonicalHost(name);
  if (host === undefined || host.includes('*')) return undefined;
  const address = readAddress(host);
  if (!address) return name === text ? { name: host } : { below: `.${host}` };
  // `010.0.0.1` is 8.0.0.1 to some: whoever lists an address writes it so that it can be read in one way.
  if (isIP(text.replace(/^\[(.*)\]$/, '$1')) === 0) return undefined;
  return { address, bits: address.kind() === 'ipv4' ? 32 : 128 };
}

function parseBlock(text: string): Block | undefined {
  const [, written = '', digits] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  const address = readAddress(written);
  if (!address) return undefined;
  const ofAll = isIP(written) === 4 ? 32 : 128;
  // `::ffff:10.0.0.0/104` is `10.0.0.0/8`.
  const mapped = ofAll === 128 && address.kind() === 'ipv4' ? 96 : 0;
  const bits = Number(digits) - mapped;
  return bits >= 0 && bits <= ofAll - mapped ? { address, bits } : undefined;
}

function coversHost(listed: Entry['host'], host: string): boolean {
  if ('name' in listed) return host === listed.name;
  const address = readAddress(host);
  if ('below' in listed) return !address && host.length > listed.below.length && host.endsWith(listed.below);
  return address?.kind() === listed.address.kind() && address.match(listed.address, listed.bits);
}

function coversPort(entry: Entry, port: number | undefined): boolean {
  return port === undefined || entry.port === undefined || entry.port === port;
}

function coversPath({ url: listed }: Entry, url: URL): boolean {
  if (!listed) return true;
  if (listed.protocol !== url.protocol) return false;
  if (listed.path === '') return true;
  return isPlain(url.pathname) && `${url.pathname}/`.startsWith(`${listed.path}/`);
}

/**
 * Whether a path means the same to every server. The URL parser has resolved `..` and `%2e%2e` already; what is left
 * are those it does not see as such and a server might: `..%2f`, `%252e%252e`, `..;`, `..%00`.
 */
function isPlain(path: string): boolean {
  let decoded = path;
  try {
    for (let before = ''; before !== decoded; ) {
      before = decoded;
      decoded = decodeURIComponent(before);
    }
  } catch {
    return false;
  }
  return decoded.split(/[/\\]/).every((segment) => !/^\.(?![\p{L}\p{N}])/u.test(segment));
}

function withoutEndSlash(path: string): string {
  return path.replace(/\/+$/, '');
}
