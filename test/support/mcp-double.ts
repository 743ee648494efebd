/** An MCP server over HTTP with answers from the test. It writes JSON-RPC by hand, because an SDK refuses to send some of them. */
import type { JsonObject } from '@kora-wake/shared/wake/json';
import { type Answer, httpDouble, json } from './http-double.ts';

interface McpRequest {
  method: string;
  params: JsonObject;
  /** Its session; undefined without one. */
  session: string | undefined;
}

/** A result, an error of JSON-RPC, or an answer over HTTP. */
type Reply = JsonObject | RpcError | Answer;

class RpcError {
  readonly error: { code: number; message: string };

  constructor(code: number, message: string) {
    this.error = { code, message };
  }
}

export const rpcError = (code: number, message: string) => new RpcError(code, message);

export interface McpDouble {
  url: string;
  /** All requests, also those with an expired session. */
  requests: McpRequest[];
  /** The number of requests of a method. */
  count(method: string): number;
  /** By method. The defaults list the tool `look`, which answers `seen`. */
  on: Record<string, (request: McpRequest) => Reply | Promise<Reply>>;
  /** Ends all sessions. */
  expire(): void;
  close(): Promise<void>;
}

interface Options {
  /** False: a server without sessions. */
  hasSessions?: boolean;
  /** Answer to a request with an expired session. */
  expired?: Answer;
  /** Answer to the request for a stream of notifications. */
  stream?: Answer;
}

export const look = { name: 'look', inputSchema: { type: 'object' }, annotations: { readOnlyHint: true } };

export const text = (value: string) => ({ content: [{ type: 'text', text: value }] });

const NOT_FOUND = json(404, { jsonrpc: '2.0', id: null, error: { code: -32001, message: 'Session not found' } });
const NO_STREAM: Answer = (_request, response) => void response.writeHead(405).end();

export async function mcpDouble({
  hasSessions = true,
  expired = NOT_FOUND,
  stream = NO_STREAM,
}: Options = {}): Promise<McpDouble> {
  const requests: McpRequest[] = [];
  const sessions = new Set<string>();
  let opened = 0;
  const on: McpDouble['on'] = {
    initialize: ({ params }) => ({
      protocolVersion: params.protocolVersion ?? '',
      capabilities: { tools: {} },
      serverInfo: { name: 'double', version: '1' },
    }),
    'tools/list': () => ({ tools: [look] }),
    'tools/call': () => text('seen'),
  };
  const double = await httpDouble(async (incoming, response, socket) => {
    if (incoming.body === '') return stream(incoming, response, socket);
    const { id, method, params = {} } = JSON.parse(incoming.body);
    const session = incoming.headers['mcp-session-id']?.toString();
    const request = { method, params, session };
    requests.push(request);
    if (session !== undefined && !sessions.has(session)) return expired(incoming, response, socket);
    const reply = on[method];
    if (id === undefined || !reply) return void response.writeHead(202).end();
    const headers: Record<string, string> = {};
    if (method === 'initialize' && hasSessions) {
      opened += 1;
      headers['mcp-session-id'] = `session-${opened}`;
      sessions.add(`session-${opened}`);
    }
    const result = await reply(request);
    if (typeof result === 'function') return result(incoming, response, socket);
    const body = result instanceof RpcError ? { error: result.error } : { result };
    return json(200, { jsonrpc: '2.0', id, ...body }, headers)(incoming, response, socket);
  });
  return {
    url: double.url,
    requests,
    count: (method) => requests.filter((request) => request.method === method).length,
    on,
    expire: () => sessions.clear(),
    close: double.close,
  };
}
