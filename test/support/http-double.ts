/** A real HTTP server on loopback with answers from the test. The real SDKs call it. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { serve } from './serve.ts';

interface DoubleRequest {
  path: string;
  headers: IncomingMessage['headers'];
  body: string;
}

/** Answers one request, or breaks its socket. */
export type Answer = (request: DoubleRequest, response: ServerResponse, socket: Socket) => void | Promise<void>;

export interface HttpDouble {
  url: string;
  requests: DoubleRequest[];
  /** Answers to the next requests, one each. After the last one `otherwise` answers. */
  next: Answer[];
  close(): Promise<void>;
}

export async function httpDouble(otherwise: Answer): Promise<HttpDouble> {
  const requests: DoubleRequest[] = [];
  const next: Answer[] = [];
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const request = { path: incoming.url ?? '', headers: incoming.headers, body: Buffer.concat(chunks).toString() };
      requests.push(request);
      void (next.shift() ?? otherwise)(request, response, incoming.socket);
    });
  });
  const { origin, close } = await serve(server);
  return { url: origin, requests, next, close };
}

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Answer {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  };
}

export function html(status: number, text = '<html><body>Bad gateway</body></html>'): Answer {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': 'text/html' }).end(text);
  };
}

/** Reads the request and never answers. */
export const hang: Answer = () => undefined;

/** Breaks the connection instead of answering. */
export const reset: Answer = (_request, _response, socket) => {
  socket.resetAndDestroy();
};

/** Sends half an answer and breaks the connection. */
export const cutShort: Answer = (_request, response, socket) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '10000' });
  response.write('{"id":"msg_1","content":[{"type":"te', () => socket.destroy());
};
