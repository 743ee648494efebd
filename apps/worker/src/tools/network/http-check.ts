/** Checks a URL: status, timing, headers and certificate of each hop, and the beginning of the last body. */
import { type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { ToolRefused } from '../tool.ts';
import { canonicalHost, portOf } from './allow-list.ts';
import { describeCertificate } from './certificate.ts';
import { type Connection, type Network, networkReason, openConnection, StepFailed, step } from './connect.ts';

const MAX_REDIRECTS = 3;
/** Bytes that are read beyond the limit, so that a secret at the cut is still whole when it is redacted. */
const BEYOND_BYTES = 4_096;
const MAX_BODY_BYTES = 1024;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const SHOWN_HEADERS = new Set([
  'content-type',
  'content-length',
  'server',
  'date',
  'location',
  'retry-after',
  'cache-control',
  'via',
  'x-request-id',
]);
const SHOWN_HEADER = /^x-.*(?:cache|error|status)/;

export type Method = 'GET' | 'HEAD';

/**
 * Sends a request, and follows redirects that are on the allow-list.
 *
 * @throws ToolRefused if the URL itself is not allowed; Error if it is not a URL
 */
export async function checkHttp(
  text: string,
  method: Method,
  network: Network,
  signal: AbortSignal,
  redact: (text: string) => string,
): Promise<string> {
  const first = URL.parse(text);
  if (!first) throw new Error(`not a URL: ${text}`);
  const refusal = refusalOf(first, network);
  if (refusal !== undefined) throw new ToolRefused(refusal);

  const lines: string[] = [];
  let url: URL | undefined = first;
  for (let redirects = 0; url; redirects++) {
    try {
      const next: Hop = { url, method, network, signal, redact, mayFollow: redirects < MAX_REDIRECTS };
      url = await hop(next, lines);
    } catch (error) {
      const isAnswer = error instanceof StepFailed || (error instanceof ToolRefused && redirects > 0);
      if (!isAnswer) throw error;
      lines.push(error.message);
      url = undefined;
    }
  }
  return lines.join('\n');
}

interface Hop {
  url: URL;
  method: Method;
  network: Network;
  signal: AbortSignal;
  redact(text: string): string;
  mayFollow: boolean;
}

/** The reason why a URL is not allowed, independent of its host's address. */
function refusalOf(url: URL, { allow }: Network): string | undefined {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return `${url.protocol} is neither http nor https.`;
  if (url.username !== '' || url.password !== '') return 'A URL with a user or a password is not allowed.';
  if (allow.allowsUrl(url)) return undefined;
  return `${url.origin}${url.pathname} is not on the list: KORA_HTTP_CHECK_ALLOW would have to list ${url.host}.`;
}

/** One request. It adds each line at once, so that a later failure does not lose it. Resolves with the redirect to follow. */
async function hop(
  { url, method, network, signal, redact, mayFollow }: Hop,
  lines: string[],
): Promise<URL | undefined> {
  lines.push(...(lines.length > 0 ? [''] : []), `${method} ${withoutHash(url)}`);
  const started = performance.now();
  const host = canonicalHost(url.hostname);
  if (host === undefined) throw new ToolRefused(`${url.hostname} is not a host.`);
  const target = { host, port: portOf(url), secure: url.protocol === 'https:' };
  const connection = await openConnection(target, network, signal);
  const { socket, tls, peer } = connection;
  try {
    lines.push(`connected to ${peer}${others(connection)}`);
    if (tls) lines.push(`certificate: ${describeCertificate(tls, network.now()).join('; ')}`);
    const { result: response, ms } = await step(`waiting for the response of ${peer}`, signal, () =>
      ask(socket, url, method),
    );
    lines.push(`status: ${response.statusCode} ${response.statusMessage} (HTTP/${response.httpVersion})`);
    lines.push(...shownHeaders(response));

    const redirect = redirectOf(response, url);
    const obstacle =
      redirect && (mayFollow ? obstacleTo(redirect.to, network) : `more than ${MAX_REDIRECTS} redirects`);
    const body = redirect && obstacle === undefined ? [] : await readBody(response, signal, redact);
    lines.push(timing(connection, ms, performance.now() - started), ...body);
    if (obstacle !== undefined) lines.push(`redirect to ${redirect?.location} not followed: ${obstacle}`);
    return obstacle === undefined ? redirect?.to : undefined;
  } finally {
    socket.destroy();
  }
}

function ask(socket: Socket, url: URL, method: Method): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { host: url.host, 'user-agent': 'kora-wake', accept: '*/*', 'accept-encoding': 'identity' };
    // Its own socket without an agent: no name is resolved again, and no connection is kept or reused.
    const asking = request({ createConnection: () => socket, method, path: url.pathname + url.search, headers });
    asking.once('response', resolve);
    asking.on('error', reject);
    // A response that switches protocols emits neither of the two events.
    asking.once('close', () => reject(new Error('connection closed without an HTTP response')));
    asking.end();
  });
}

function redirectOf(response: IncomingMessage, from: URL): { location: string; to: URL | undefined } | undefined {
  const { location } = response.headers;
  if (location === undefined || !REDIRECTS.has(response.statusCode ?? 0)) return undefined;
  return { location, to: URL.parse(location, from.href) ?? undefined };
}

function obstacleTo(url: URL | undefined, network: Network): string | undefined {
  return url ? refusalOf(url, network) : 'it is not a URL.';
}

/** Lines with the beginning of the body. It does not read the rest. */
async function readBody(
  response: IncomingMessage,
  signal: AbortSignal,
  redact: (text: string) => string,
): Promise<string[]> {
  // A response without an encoding yields buffers.
  const chunks: AsyncIterable<Buffer> = response;
  let read = Buffer.alloc(0);
  let broken: string[] = [];
  try {
    for await (const chunk of chunks) {
      read = Buffer.concat([read, chunk]);
      if (read.length >= MAX_BODY_BYTES + BEYOND_BYTES) break;
    }
  } catch (error) {
    broken = [`the body breaks off: ${signal.aborted ? 'time ran out' : networkReason(error)}`];
  }
  if (read.length === 0) return ['body: none', ...broken];
  const isCut = read.length > MAX_BODY_BYTES;
  const size = `${isCut ? 'first ' : ''}${Math.min(read.length, MAX_BODY_BYTES)} bytes`;
  const text = decode(read, isCut || broken.length > 0);
  if (text === undefined) return [`body: binary, ${size}`, ...broken];
  return [`body, ${size}:`, firstKiB(redact(text)), ...broken];
}

function firstKiB(text: string): string {
  return new TextDecoder().decode(Buffer.from(text).subarray(0, MAX_BODY_BYTES), { stream: true });
}

/** The text of these bytes, or undefined if they are not UTF-8 text. A cut may split a character. */
function decode(bytes: Buffer, isCut: boolean): string | undefined {
  if (bytes.includes(0)) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: isCut });
  } catch {
    return undefined;
  }
}

function shownHeaders({ headers }: IncomingMessage): string[] {
  return Object.entries(headers)
    .filter(([name]) => SHOWN_HEADERS.has(name) || SHOWN_HEADER.test(name))
    .map(([name, value]) => `${name}: ${String(value)}`);
}

function timing({ dnsMs, connectMs, tlsMs }: Connection, firstByteMs: number, totalMs: number): string {
  const tls = tlsMs === undefined ? '' : `, tls ${tlsMs}`;
  return `timing in ms: dns ${dnsMs}, connect ${connectMs}${tls}, first byte ${firstByteMs}, total ${Math.round(totalMs)}`;
}

function others({ addresses }: Connection): string {
  return addresses.length > 1 ? `, one of ${addresses.join(', ')}` : '';
}

function withoutHash(url: URL): string {
  return url.href.replace(/#.*$/, '');
}
