/**
 * The connection to one MCP server. The server may hang, die, lie or flood, and none of that may delay an investigation.
 *
 * The first `ready()` connects to the server and lists its tools. After a failure the connection is closed, its process
 * is ended, and a new connection follows after a pause that doubles each time. The tools are available only while the
 * server is connected and its listing is up to date.
 */
import { sleep, withTimeLimit } from '@kora-wake/shared/runtime/async';
import { errorCode } from '@kora-wake/shared/runtime/errors';
import { errorFields, type Logger } from '@kora-wake/shared/runtime/log';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import type { JsonObject } from '@kora-wake/shared/wake/json';
import { redact } from '@kora-wake/shared/wake/redact';
import { firstChars } from '@kora-wake/shared/wake/text';
import { Client, ProtocolError, StreamableHTTPClientTransport, type Transport } from '@modelcontextprotocol/client';
import type { z } from 'zod';
import { ToolRefused } from '../tool.ts';
import { configuredValues, type McpServer, withParts } from './config.ts';
import { type Listing, listTools, type OfferedTool } from './listing.ts';
import { resultText, toolResult } from './result.ts';
import { httpTransport, stdioTransport } from './transport.ts';

/** Times in ms. */
export interface McpTimes {
  /** Longest wait for servers that are connecting or listing. */
  waitMs: number;
  /** Time limit of one tool call. */
  callMs: number;
  /** Pause before the first new attempt to connect. It doubles with each failure, up to `retryMaxMs`. */
  retryMinMs: number;
  retryMaxMs: number;
}

export const DEFAULT_TIMES: McpTimes = { waitMs: 2_000, callMs: 15_000, retryMinMs: 1_000, retryMaxMs: 60_000 };

/** Long enough for `npx` to download a server at its first start. */
const CONNECT_MS = 30_000;
const LISTING_FRESH_MS = 60_000;
/** Minimum time between two listings of a server that keeps reporting changes. */
const LISTING_PAUSE_MS = 250;
const TERMINATE_SESSION_MS = 1_000;

const MAX_ERROR_CHARS = 1_000;
const MAX_LOGGED_CHARS = 300;
/** A server that causes more errors than this in a minute is disconnected. */
const MAX_ERRORS_PER_MINUTE = 100;

export interface ServerConnection {
  name: string;
  /** Resolves when the listing is up to date or the server has failed. Never rejects. */
  ready(): Promise<void>;
  /** The offered tools, or undefined if the server is not connected or its listing is out of date. */
  listing(): Listing | undefined;
  /**
   * Calls a tool in the form in which it was offered.
   *
   * @returns the result as text
   * @throws ToolRefused if the server changed or removed the tool; Error with a redacted message if the call fails
   */
  call(tool: OfferedTool, input: JsonObject, signal: AbortSignal): Promise<string>;
  /** Closes the connection and ends the process. */
  close(): Promise<void>;
}

interface Connection {
  client: Client;
  transport: Transport;
  openedAt: number;
  listing: Listing;
  listedAt: number;
  /** True if the server may have other tools by now, or may be gone. */
  stale: boolean;
  /** The last error of the transport. If the connection is lost, this is the reason. */
  lastError?: Error;
}

/** Keeps one server connected, from the first `ready()` until `close()`. */
export function keepConnected(server: McpServer, log: Logger, times: McpTimes): ServerConnection {
  const forLog = logCleaner(server);
  const mayLogError = perMinute(10);
  const mayLogStderr = perMinute(10);
  const mcpServer = server.name;
  let connection: Connection | undefined;
  /** The current attempt to connect or list. */
  let work: Promise<void> | undefined;
  let retry: NodeJS.Timeout | undefined;
  let lastEnded = Promise.resolve();
  let failures = 0;
  let loggedNotes = '';
  let closed = false;

  /** Error fields for the log. An error of fetch names the reason only in its cause. */
  function loggedError(error: unknown) {
    const { error: message, code } = errorFields(error);
    const anyCode = code ?? (error instanceof Error ? errorCode(error.cause) : undefined);
    return { error: forLog(message), ...(anyCode !== undefined && { code: anyCode }) };
  }

  function onStderr(chunk: Buffer): void {
    if (mayLogStderr()) logEvent(log, 'mcp.stderr', { mcpServer, stderr: forLog(String(chunk).trim()) });
  }

  const listing = () => (connection && !connection.stale && !work ? connection.listing : undefined);

  /** Connects if there is no connection, and lists the tools. Never rejects. */
  function update(): Promise<void> {
    work ??= (async () => {
      try {
        await connectAndList();
      } catch (error) {
        fail(error);
      }
      work = undefined;
      // The server changed again in the meantime. Callers that wait now wait for the new listing too.
      if (connection?.stale) await update();
    })();
    return work;
  }

  function markStale(current: Connection): void {
    if (closed || current !== connection) return;
    current.stale = true;
    void update();
  }

  async function connectAndList(): Promise<void> {
    const isNew = !connection;
    const current = connection ?? (await connect());
    if (performance.now() - current.listedAt < LISTING_PAUSE_MS) await sleep(LISTING_PAUSE_MS);
    // Reset before the listing, so that a change during the listing is not lost.
    current.stale = false;
    const { tools, notes } = await listTools(current.client, server);
    current.listing = tools;
    current.listedAt = performance.now();
    if (isNew) logEvent(log, 'mcp.connected', { mcpServer, tools: tools.size });
    const leftOut = notes.slice(0, 10).map(forLog);
    if (leftOut.join('\n') !== loggedNotes && leftOut.length > 0) {
      logEvent(log, 'mcp.tools_left_out', { mcpServer, leftOut, of: notes.length });
    }
    loggedNotes = leftOut.join('\n');
  }

  async function connect(): Promise<Connection> {
    await lastEnded;
    if (closed) throw new Error('the pool is closed');
    const transport = server.kind === 'stdio' ? stdioTransport(server, onStderr) : httpTransport(server);
    const client = new Client({ name: 'kora-wake', version: '0.2.0' }, { capabilities: {} });
    const opened: Connection = {
      client,
      transport,
      openedAt: performance.now(),
      listing: new Map(),
      listedAt: -Infinity,
      stale: true,
    };
    connection = opened;
    const mayListAgain = perMinute(30);
    const mayContinue = perMinute(MAX_ERRORS_PER_MINUTE);
    // oxlint-disable-next-line unicorn/prefer-add-event-listener -- a client is not an event target
    client.onerror = (error) => {
      opened.lastError = error;
      if (mayLogError()) logEvent(log, 'mcp.error', { mcpServer, ...loggedError(error) });
      if (!mayContinue()) void transport.close();
      // Over HTTP only a new request shows whether the server is gone.
      else if (server.kind === 'http' && mayListAgain()) markStale(opened);
    };
    // oxlint-disable-next-line unicorn/prefer-add-event-listener -- a client is not an event target
    client.onclose = () => {
      // During a listing, the listing itself fails.
      if (opened === connection && !work) fail(new Error('it closed the connection'));
    };
    client.setNotificationHandler('notifications/tools/list_changed', () => markStale(opened));
    // The client's own timeout does not cover the whole handshake.
    const deadline = setTimeout(() => void transport.close(), CONNECT_MS);
    try {
      await client.connect(transport, { timeout: CONNECT_MS });
    } finally {
      clearTimeout(deadline);
    }
    return opened;
  }

  function fail(error: unknown): void {
    const failed = connection;
    connection = undefined;
    if (failed) lastEnded = failed.transport.close();
    if (closed) return;
    // A server that connects and dies at once keeps its failure count.
    if (failed && performance.now() - failed.openedAt > times.retryMaxMs) failures = 0;
    const retryInMs = Math.min(times.retryMaxMs, times.retryMinMs * 2 ** failures);
    failures += 1;
    logEvent(log, 'mcp.unavailable', { mcpServer, retryInMs, ...loggedError(failed?.lastError ?? error) });
    retry = setTimeout(() => {
      retry = undefined;
      void update();
    }, retryInMs);
  }

  return {
    name: server.name,
    listing,

    async ready() {
      if (closed || retry) return;
      if (!work && connection && performance.now() - connection.listedAt > LISTING_FRESH_MS) connection.stale = true;
      if (!listing()) await update();
    },

    async call(tool, input, signal) {
      if (work) await withTimeLimit(work, times.waitMs, signal);
      const current = connection;
      const listed = listing();
      if (!current || !listed) throw new Error(`the MCP server ${server.name} is not available now`);
      if (listed.get(tool.name)?.fingerprint !== tool.fingerprint) {
        throw new ToolRefused(`the MCP server ${server.name} changed or removed this tool after it was offered`);
      }
      let result: z.infer<typeof toolResult>;
      try {
        const request = { method: 'tools/call', params: { name: tool.name, arguments: input } };
        result = await current.client.request(request, toolResult, { timeout: times.callMs, signal });
      } catch (error) {
        const reason = (current !== connection && current.lastError) || error;
        // The server did not answer the call. A new listing shows whether it answers at all.
        if (!(error instanceof ProtocolError)) markStale(current);
        const message = reason instanceof Error ? reason.message : String(reason);
        throw new Error(`the MCP server ${server.name}: ${firstChars(redact(message), MAX_ERROR_CHARS)}`, {
          cause: error,
        });
      }
      const text = resultText(result);
      if (result.isError) throw new Error(firstChars(redact(text), MAX_ERROR_CHARS));
      return text;
    },

    async close() {
      closed = true;
      clearTimeout(retry);
      const last = connection;
      if (last?.transport instanceof StreamableHTTPClientTransport) {
        await withTimeLimit(
          last.transport.terminateSession().catch(() => {}),
          TERMINATE_SESSION_MS,
        );
      }
      await last?.transport.close();
      await work;
      await lastEnded;
    },
  };
}

/** A function that returns true for the first `max` calls of each minute. */
function perMinute(max: number): () => boolean {
  let startedAt = -Infinity;
  let count = 0;
  return () => {
    if (performance.now() - startedAt > 60_000) {
      startedAt = performance.now();
      count = 0;
    }
    count += 1;
    return count <= max;
  };
}

/** Shortens texts for the log, and hides the configured values of the server and everything that looks like a secret. */
function logCleaner(server: McpServer): (text: string) => string {
  const args = server.kind === 'stdio' ? server.args : [];
  const hidden = [...new Set([...configuredValues(server), ...withParts(args)])]
    .filter((value) => value.length >= 6)
    .sort((a, b) => b.length - a.length);
  return (text) => {
    let clean = text.slice(0, 100 * MAX_LOGGED_CHARS);
    for (const value of hidden) clean = clean.replaceAll(value, '[hidden]');
    return firstChars(redact(clean), MAX_LOGGED_CHARS);
  };
}
