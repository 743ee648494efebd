/** One look at a URL: every hop with its status, timing, headers and certificate, and the beginning of the last body. */
import { type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { ToolRefused } from '../tool.ts';
import { canonicalHost, portOf } from './allow-list.ts';
import { describeCertificate } from './certificate.ts';
import { type Connection, type Network, openConnection, reasonOf, StepFailed, step } from './connect.ts';

const MAX_REDIRECTS = 3;
/** Read on for so long, so that no secret is cut where the body is; bytes. */
const BEYOND_BYTES = 4_096;
const MAX_BODY_BYTES = 1024;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const TELLING_HEADERS = new Set([
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
const TELLING_HEADER = /^x-.*(?:cache|error|status)/;

export type Method = 'GET' | 'HEAD';

/**
 * Asks, and follows redirects that stay on the list.
 *
 * @throws ToolRefused where the URL itself may not be asked; Error where it is none
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
      const look: Hop = { url, method, network, signal, redact, mayFollow: redirects < MAX_REDIRECTS };
      url = await hop(look, lines);
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

/** Why a URL may not be asked, whatever its host's address. */
function refusalOf(url: URL, { allow }: Network): string | undefined {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return `${url.protocol} is neither http nor https.`;
  if (url.username !== '' || url.password !== '') return 'A URL with a user or a password in it may not be asked.';
  if (allow.allowsUrl(url)) return undefined;
  return `${url.origin}${url.pathname} is not on the list: KORA_HTTP_CHECK_ALLOW would have to list ${url.hostname}.`;
}

/** One request. Writes what is seen as it is seen, so that a later failure does not lose it; resolves with what to follow. */
async function hop(
  { url, method, network, signal, redact, mayFollow }: Hop,
  lines: string[],
): Promise<URL | undefined> {
  lines.push(...(lines.length > 0 ? [''] : []), `${method} ${withoutHash(url)}`);
  const started = performance.now();
  const host = canonicalHost(url.hostname);
  if (host === undefined) throw new ToolRefused(`${url.hostname} is no host.`);
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
    lines.push(...tellingHeaders(response));

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
    // A socket of its own and no agent: nothing is resolved again, kept or reused.
    const asking = request({ createConnection: () => socket, method, path: url.pathname + url.search, headers });
    asking.once('response', resolve);
    asking.on('error', reject);
    // An answer that switches protocols ends without either.
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

/** Lines with the beginning of the body; reads no further than that. */
async function readBody(
  response: IncomingMessage,
  signal: AbortSignal,
  redact: (text: string) => string,
): Promise<string[]> {
  // Without an encoding set, it gives buffers.
  const chunks: AsyncIterable<Buffer> = response;
  let read = Buffer.alloc(0);
  let broken: string[] = [];
  try {
    for await (const chunk of chunks) {
      read = Buffer.concat([read, chunk]);
      if (read.length >= MAX_BODY_BYTES + BEYOND_BYTES) break;
    }
  } catch (error) {
    broken = [`the body breaks off: ${signal.aborted ? 'time ran out' : reasonOf(error)}`];
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

/** The text these bytes are, or undefined where they are none. A cut may go through a character. */
function decode(bytes: Buffer, isCut: boolean): string | undefined {
  if (bytes.includes(0)) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: isCut });
  } catch {
    return undefined;
  }
}

function tellingHeaders({ headers }: IncomingMessage): string[] {
  return Object.entries(headers)
    .filter(([name]) => TELLING_HEADERS.has(name) || TELLING_HEADER.test(name))
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
