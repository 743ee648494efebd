/** A double of Slack's Socket Mode: `apps.connections.open` over HTTP, and the WebSocket that it names. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';

export interface SlackSocketDouble {
  apiUrl: string;
  /** Address of the WebSocket. */
  url: string;
  /** Times at which a socket was asked for, ms since the epoch. */
  opened: number[];
  /** Answers of `apps.connections.open` instead of an address, one each: a status, or an error code of Slack. */
  next: Array<number | string>;
  /** The open sockets. */
  sockets: Set<WebSocket>;
  /** Ids of the envelopes that were acknowledged. */
  acknowledged: string[];
  /** Sends an interaction over one socket. */
  click(payload: unknown, id: string): void;
  /** Tells each client that its socket ends, as Slack does every few hours. */
  refresh(): void;
}

export async function slackSocketDouble(): Promise<SlackSocketDouble> {
  const opened: number[] = [];
  const next: Array<number | string> = [];
  const sockets = new Set<WebSocket>();
  const acknowledged: string[] = [];
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    request.resume();
    opened.push(Date.now());
    const scripted = next.shift();
    if (typeof scripted === 'number') {
      response.writeHead(scripted).end('<html>');
      return;
    }
    const answer = scripted === undefined ? { ok: true, url: urlOf('ws') } : { ok: false, error: scripted };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  });
  const sockets2 = new WebSocketServer({ server });
  sockets2.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('message', (data) => {
      const { envelope_id: id } = JSON.parse(data instanceof Buffer ? data.toString() : '{}');
      acknowledged.push(id);
    });
    socket.send(JSON.stringify({ type: 'hello', num_connections: sockets.size, connection_info: { app_id: 'A1' } }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.terminate();
    server.closeAllConnections();
    server.close();
  });

  function urlOf(protocol: string): string {
    const { port } = server.address() as AddressInfo;
    return `${protocol}://127.0.0.1:${port}/`;
  }

  const send = (message: unknown, all: boolean) => {
    const open = [...sockets].filter(({ readyState }) => readyState === WebSocket.OPEN);
    for (const socket of all ? open : open.slice(0, 1)) socket.send(JSON.stringify(message));
  };
  return {
    apiUrl: urlOf('http'),
    url: urlOf('ws'),
    opened,
    next,
    sockets,
    acknowledged,
    click: (payload, id) =>
      send({ type: 'interactive', envelope_id: id, payload, accepts_response_payload: false }, false),
    refresh: () => send({ type: 'disconnect', reason: 'refresh_requested' }, true),
  };
}
