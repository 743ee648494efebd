/**
 * The allow-list of the network tools, from `KORA_HTTP_CHECK_ALLOW`. There are two separate checks, because a name can resolve to any
 * address: whether the host is listed, and whether its address is public or listed itself.
 */
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

export interface AllowList {
  isEmpty: boolean;
  /** The entries as they were written. */
  entries: readonly string[];
  /** A URL for each entry that names one host. */
  urls: readonly string[];
  /** Whether this URL is listed. If its host is a name, its address must be checked too. */
  allowsUrl(url: URL): boolean;
  /** Whether this host is listed, at this port or, without one, at some port. */
  allowsHost(host: string, port?: number): boolean;
  /**
   * Whether an entry that is an address or a block covers this address, so that a listed name may resolve to it. Without a port, the
   * entry covers each port at which the name is listed.
   */
  allowsAddress(address: string, port?: number): boolean;
}

type Address = ipaddr.IPv4 | ipaddr.IPv6;

interface Block {
  address: Address;
  bits: number;
}

interface Entry {
  /** A name, the common end of names (with its dot), or addresses. */
  host: { name: string } | { below: string } | Block;
  /** Undefined: 80 and 443. */
  port?: number;
  /** Present if the entry is a URL. */
  url?: { protocol: string; path: string };
}

/**
 * Reads entries separated by commas or white space: `host`, `*.host` or an address, each also with `:port`; a CIDR block; or a URL,
 * which covers its scheme, port, path and all paths below. An entry without a port covers 80 and 443.
 *
 * @throws Error that names an entry in no such form
 */
export function parseAllowList(text: string): AllowList {
  const texts = text.split(/[\s,]+/).filter((entry) => entry !== '');
  const entries = texts.map(parseEntry);

  const atHost = (host: string) => {
    const canonical = canonicalHost(host);
    return canonical === undefined ? [] : entries.filter((entry) => coversHost(entry.host, canonical));
  };

  return {
    isEmpty: entries.length === 0,
    entries: texts,
    urls: entries.flatMap(urlOf),
    allowsUrl: (url) =>
      (url.protocol === 'http:' || url.protocol === 'https:') &&
      atHost(url.hostname).some((entry) => coversPort(entry, portOf(url)) && coversPath(entry, url)),
    allowsHost: (host, port) => atHost(host).some((entry) => port === undefined || coversPort(entry, port)),
    // A URL allows one path of an address. If it counted here, a name could reach the other paths.
    allowsAddress: (address, port) =>
      isIP(address) > 0 &&
      atHost(address).some((entry) => !entry.url && (!entry.port || port === undefined || entry.port === port)),
  };
}

/** Whether an address belongs to the public internet: global unicast, without tunnels and translations. */
export function isPublic(text: string): boolean {
  const address = readAddress(text);
  if (address?.range() !== 'unicast' || HOST_SERVICES.has(address.toString())) return false;
  // The library also calls unassigned addresses "unicast". In IPv6 only 2000::/3 is assigned.
  return address.kind() === 'ipv4' || address.match(GLOBAL_IPV6, 3);
}

/** A public number that every machine of a cloud uses for the platform's own service. */
const HOST_SERVICES = new Set(['168.63.129.16']);
const GLOBAL_IPV6 = ipaddr.IPv6.parse('2000::');

/** The port of a URL. */
export function portOf(url: URL): number {
  if (url.port !== '') return Number(url.port);
  return url.protocol === 'https:' ? 443 : 80;
}

/**
 * The canonical form of a host: lower case, no brackets, no dot at the end, and addresses in their usual form, also if they were
 * disguised (`0x7f.1`, `2130706433`, `::ffff:127.0.0.1`). Undefined if the text is not a host.
 */
export function canonicalHost(text: string): string | undefined {
  const bracketed = isIP(text) === 6 ? `[${text}]` : text;
  // A character that ends the host of a URL would hide the rest of the text.
  if (!/^(?:\[[^\s\]]+\]|[^\s/\\?#@:[\]]+)$/.test(bracketed)) return undefined;
  const hostname = URL.parse(`http://${bracketed}`)?.hostname;
  if (!hostname) return undefined;
  const bare = hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
  return readAddress(bare)?.toString() ?? bare;
}

/** Reads an IPv4 address mapped into IPv6 as IPv4. */
function readAddress(text: string): Address | undefined {
  return isIP(text) > 0 && ipaddr.isValid(text) ? ipaddr.process(text) : undefined;
}

function parseEntry(text: string): Entry {
  const bad = (why: string) => new Error(`KORA_HTTP_CHECK_ALLOW: ${text} ${why}`);

  if (text.includes('://')) {
    const url = URL.parse(text);
    if (!url || !/^https?:$/.test(url.protocol)) throw bad('is not an http or https URL');
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
  if (Number(port) < 1 || Number(port) > 65_535) throw bad('has an impossible port');
  return { host, port: Number(port) };
}

/** Empty for names with a wildcard and for blocks. */
function urlOf({ host, port, url }: Entry): string[] {
  const name = 'name' in host ? host.name : undefined;
  const scheme = url?.protocol ?? (port === 80 ? 'http:' : 'https:');
  return name === undefined ? [] : [`${scheme}//${name}${port === undefined ? '' : `:${port}`}${url?.path ?? ''}/`];
}

const PORT = /:(\d+)$/;

function parseHost(text: string): Entry['host'] | undefined {
  const name = text.replace(/^\*\./, '');
  const host = canonicalHost(name);
  if (host === undefined || host.includes('*')) return undefined;
  const address = readAddress(host);
  if (!address) return name === text ? { name: host } : { below: `.${host}` };
  // Some programs read `010.0.0.1` as 8.0.0.1, so a listed address must be unambiguous.
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

/** An entry without a port must not open the other services of a host to the tools. */
const WEB_PORTS = new Set([80, 443]);

function coversPort(entry: Entry, port: number): boolean {
  return entry.port === undefined ? WEB_PORTS.has(port) : entry.port === port;
}

function coversPath({ url: listed }: Entry, url: URL): boolean {
  if (!listed) return true;
  if (listed.protocol !== url.protocol) return false;
  if (listed.path === '') return true;
  return isPlain(url.pathname) && `${url.pathname}/`.startsWith(`${listed.path}/`);
}

/**
 * Whether a path means the same to every server. The URL parser has resolved `..` and `%2e%2e` already. The rest are forms that a
 * server may resolve and the parser does not: `..%2f`, `%252e%252e`, `..;`, `..%00`.
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
