/** Runs a network tool against servers on loopback that end with the test. */
import { once } from 'node:events';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import type { JsonObject } from '@kora-wake/shared/wake/json';
import { redact } from '@kora-wake/shared/wake/redact';
import { onTestFinished } from 'vitest';
import { aWake } from '../../../../../test/support/fixtures.ts';
import { parseAllowList } from '../../../src/tools/network/allow-list.ts';
import { networkTools } from '../../../src/tools/network/network-tools.ts';

const wake = aWake();

export interface Setup {
  signal?: AbortSignal;
  now?: () => number;
  lookup?: (host: string) => Promise<Array<{ address: string }>>;
  dnsServers?: string[];
  timeLimitMs?: number;
}

export function run(list: string, name: string, input: JsonObject, setup: Setup = {}): Promise<string> {
  const { signal = new AbortController().signal, now, ...differently } = setup;
  const tool = networkTools(parseAllowList(withPort(list, input)), now, differently).find((tool) => tool.name === name);
  if (!tool) throw new Error(`no tool ${name}`);
  return tool.run(input, { wake, redact, signal });
}

/** Gives entries without a port the one that is asked for: servers of tests do not listen on 80 and 443. */
function withPort(list: string, { url, port }: JsonObject): string {
  const asked = typeof url === 'string' ? URL.parse(url)?.port : port;
  if (typeof asked === 'object' || !asked) return list;
  const entries = list.split(/[\s,]+/).map((entry) => (/\/|:\d+$/.test(entry) ? entry : `${entry}:${asked}`));
  return entries.join(' ');
}

export const check = (list: string, url: string, setup: Setup & { method?: string } = {}) => {
  const { method, ...rest } = setup;
  return run(list, 'http_check', { url, ...(method ? { method } : {}) }, rest);
};

/** A server on loopback that counts who connects. */
export async function listening(server: Server) {
  const sockets: Socket[] = [];
  server.on('connection', (socket: Socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  return { port, sockets, server, url: `http://127.0.0.1:${port}` };
}

export const http = (listener: RequestListener) => listening(createHttpServer(listener));
export const saying = (text: string) => http((_request, response) => response.end(text));
export const tcp = (onSocket: (socket: Socket) => void) => listening(createTcpServer(onSocket));
export const redirecting = (to: () => string, status = 302) =>
  http((_request, response) => response.writeHead(status, { location: to() }).end('moved'));

/** A port that was free a moment ago. */
export async function closedPort(): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
