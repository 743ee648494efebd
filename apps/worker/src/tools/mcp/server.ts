/**
 * The connection to one MCP server. The server may hang, die, lie or flood, and none of that may delay an investigation.
 *
 * The first `ready()` connects to the server and lists its tools. After a failure the connection is closed, its process
 * is ended, and a new connection follows after a pause that doubles each time. If only the session of a server has expired,
 * a new one is opened at once. The tools are available only while the server is connected and its listing is up to date.
 */
import { sleep, withTimeLimit } from '@kora-wake/shared/runtime/async';
import type { Logger } from '@kora-wake/shared/runtime/log';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import type { JsonObject } from '@kora-wake/shared/wake/json';
import { redact } from '@kora-wake/shared/wake/redact';
import type { McpState } from '@kora-wake/shared/wake/services';
import { firstChars } from '@kora-wake/shared/wake/text';
import { Client, StreamableHTTPClientTransport, type Transport } from '@modelcontextprotocol/client';
import { ToolRefused } from '../tool.ts';
import { configuredValues, type McpServer, withParts } from './config.ts';
import { failureOf, isConnectionClosed, isErrorAnswer, isSessionExpired, isTimeout } from './failure.ts';
import { type Listing, listTools, type OfferedTool } from './listing.ts';
import { resultText, toolResult } from './result.ts';
import { httpTransport, stdioTransport } from './transport.ts';

/** Times in ms. */
export interface McpTimes {
  /** Longest wait for servers that are connecting or listing. */
  waitMs: number;
  /** Time limit of one tool call, with a new session if that is needed. */
  callMs: number;
  /** Pause before the first new attempt to connect. It doubles with each failure, up to `retryMaxMs`. */
  retryMinMs: number;
  retryMaxMs: number;
}

export const DEFAULT_TIMES: McpTimes = { waitMs: 2_000, callMs: 15_000, retryMinMs: 1_000, retryMaxMs: 60_000 };

/** Time limit of the handshake and the first listing. Long enough for `npx` to download a server at its first start. */
const STARTUP_MS = 30_000;
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
  /** For display. A new listing or a new session of a connected server does not change it. */
  state(): McpState;
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
  /** True if the server does not have the session any more. */
  isExpired: boolean;
  /** The last error of the transport. If the connection is lost, this is the reason. */
  lastError?: Error;
  /** Why we closed the connection ourselves. */
  closedFor?: Error;
  isClosed: boolean;
}

/** Keeps one server connected, from the first `ready()` until `close()`. */
export function keepConnected(server: McpServer, log: Logger, times: McpTimes): ServerConnection {
  const forLog = logCleaner(server);
  const mayLogError = perMinute(10);
  const mayLogStderr = perMinute(10);
  const mayLogCall = perMinute(10);
  const startupMs = server.startupTimeoutMs ?? STARTUP_MS;
  const mcpServer = server.name;
  let connection: Connection | undefined;
  /** The current attempt to connect or list. */
  let work: Promise<void> | undefined;
  let state: McpState = 'connecting';
  let retry: NodeJS.Timeout | undefined;
  let lastEnded = Promise.resolve();
  let failures = 0;
  let loggedNotes = '';
  let closed = false;

  function loggedError(error: unknown) {
    const { reason, ...rest } = failureOf(error);
    const name = error instanceof Error ? `${error.name}: ` : '';
    return { error: forLog(`${name}${reason}`), ...rest };
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
        // The connection can end after the last answer of the listing and before this line.
        if (connection?.isClosed) throw connectionClosed();
        state = 'connected';
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
    const current = connection;
    if (current && !current.isExpired) {
      try {
        await list(current);
        return;
      } catch (error) {
        if (!isSessionExpired(error, current.transport.sessionId)) throw error;
      }
    }
    if (current) await leave(current);
    await open();
  }

  /** Closes a connection whose session has expired. Its running calls fail, and are repeated. */
  async function leave(expired: Connection): Promise<void> {
    logEvent(log, 'mcp.session_expired', { mcpServer });
    expired.isExpired = true;
    connection = undefined;
    await expired.transport.close();
  }

  /** Connects and lists. An expired session is an error here, so there is no endless loop of new sessions. */
  async function open(): Promise<void> {
    await lastEnded;
    if (closed) throw new Error('the pool is closed');
    const opened = newConnection();
    connection = opened;
    // The client's own timeouts do not cover the whole handshake.
    const deadline = setTimeout(() => {
      opened.closedFor = new Error(`it did not start within ${startupMs} ms`);
      void opened.transport.close();
    }, startupMs);
    try {
      await opened.client.connect(opened.transport, { timeout: startupMs });
      const { size } = await list(opened, startupMs);
      logEvent(log, 'mcp.connected', { mcpServer, tools: size });
    } finally {
      clearTimeout(deadline);
    }
  }

  async function list(current: Connection, limitMs?: number): Promise<Listing> {
    if (performance.now() - current.listedAt < LISTING_PAUSE_MS) await sleep(LISTING_PAUSE_MS);
    // Reset before the listing, so that a change during the listing is not lost.
    current.stale = false;
    const { tools, notes } = await listTools(current.client, server, limitMs);
    current.listing = tools;
    current.listedAt = performance.now();
    const leftOut = notes.slice(0, 10).map(forLog);
    if (leftOut.join('\n') !== loggedNotes && leftOut.length > 0) {
      logEvent(log, 'mcp.tools_left_out', { mcpServer, leftOut, of: notes.length });
    }
    loggedNotes = leftOut.join('\n');
    return tools;
  }

  function newConnection(): Connection {
    const transport = server.kind === 'stdio' ? stdioTransport(server, onStderr) : httpTransport(server);
    const client = new Client({ name: 'kora-wake', version: '0.2.0' }, { capabilities: {} });
    const opened: Connection = {
      client,
      transport,
      openedAt: performance.now(),
      listing: new Map(),
      listedAt: -Infinity,
      stale: true,
      isExpired: false,
      isClosed: false,
    };
    const mayListAgain = perMinute(30);
    const mayContinue = perMinute(MAX_ERRORS_PER_MINUTE);
    // oxlint-disable-next-line unicorn/prefer-add-event-listener -- a client is not an event target
    client.onerror = (error) => {
      opened.lastError = error;
      if (mayLogError()) logEvent(log, 'mcp.error', { mcpServer, ...loggedError(error) });
      if (!mayContinue()) void transport.close();
      // The request that failed opens a new session.
      else if (isSessionExpired(error, transport.sessionId)) return;
      // Over HTTP only a new request shows whether the server is gone.
      else if (server.kind === 'http' && mayListAgain()) markStale(opened);
    };
    // oxlint-disable-next-line unicorn/prefer-add-event-listener -- a client is not an event target
    client.onclose = () => {
      opened.isClosed = true;
      // During an attempt to connect or list, the attempt fails.
      if (opened === connection && !work) fail(connectionClosed());
    };
    client.setNotificationHandler('notifications/tools/list_changed', () => markStale(opened));
    return opened;
  }

  function fail(error: unknown): void {
    const failed = connection;
    connection = undefined;
    if (failed) lastEnded = failed.transport.close();
    if (closed) return;
    state = 'failed';
    // A server that connects and dies at once keeps its failure count.
    if (failed && performance.now() - failed.openedAt > times.retryMaxMs) failures = 0;
    const retryInMs = Math.min(times.retryMaxMs, times.retryMinMs * 2 ** failures);
    failures += 1;
    logEvent(log, 'mcp.unavailable', { mcpServer, retryInMs, ...loggedError(reasonOf(error, failed)) });
    retry = setTimeout(() => {
      retry = undefined;
      void update();
    }, retryInMs);
  }

  /** @throws ToolRefused or Error if the tool cannot be called now */
  function connectionFor(tool: OfferedTool): Connection {
    const listed = listing();
    if (!connection || !listed) throw new Error(`the MCP server ${server.name} is not available now`);
    if (listed.get(tool.name)?.fingerprint !== tool.fingerprint) {
      throw new ToolRefused(`the MCP server ${server.name} changed or removed this tool after it was offered`);
    }
    return connection;
  }

  function callFailure(tool: OfferedTool, cause: unknown, signal: AbortSignal): Error {
    if (!isStopped(signal) && mayLogCall()) {
      logEvent(log, 'mcp.call_failed', { mcpServer, tool: forLog(tool.name), ...loggedError(cause) });
    }
    const reason = firstChars(redact(failureOf(cause).reason), MAX_ERROR_CHARS);
    return new Error(`the MCP server ${server.name}: ${reason}`, { cause });
  }

  return {
    name: server.name,
    listing,
    state: () => state,

    async ready() {
      if (closed || retry) return;
      if (!work && connection && performance.now() - connection.listedAt > LISTING_FRESH_MS) connection.stale = true;
      if (!listing()) await update();
    },

    async call(tool, input, signal) {
      const endsAt = performance.now() + times.callMs;
      const timeLeftMs = () => Math.max(1, endsAt - performance.now());
      if (work) await withTimeLimit(work, times.waitMs, signal);
      for (let mayRepeat = true; ; mayRepeat = false) {
        const current = connectionFor(tool);
        try {
          return await callOnce(current, tool, input, { timeout: timeLeftMs(), signal });
        } catch (error) {
          if (error instanceof ToolFailed) throw error;
          if (mayRepeat && !signal.aborted && lostSession(current, error)) {
            if (current === connection) {
              current.isExpired = true;
              markStale(current);
            }
            if (work) await withTimeLimit(work, timeLeftMs(), signal);
            continue;
          }
          // The server did not answer the call. A new listing shows whether it answers at all.
          if (!isErrorAnswer(error)) markStale(current);
          throw callFailure(tool, reasonOf(error, current), signal);
        }
      }
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

function connectionClosed(): Error {
  return new Error('it closed the connection');
}

/** The tool itself reports an error. */
class ToolFailed extends Error {}

/** @throws ToolFailed if the result is an error of the tool; an error of the client if the server does not answer */
async function callOnce(
  { client }: Connection,
  { name }: OfferedTool,
  input: JsonObject,
  options: { timeout: number; signal: AbortSignal },
): Promise<string> {
  const request = { method: 'tools/call', params: { name, arguments: input } };
  const result = await client.request(request, toolResult, options);
  const text = resultText(result);
  if (result.isError) throw new ToolFailed(firstChars(redact(text), MAX_ERROR_CHARS));
  return text;
}

/**
 * True if a call failed because the session has expired, or because another call found that out and closed the connection. Such a call
 * may be repeated even if it had begun: only tools that are marked as read-only are offered.
 */
function lostSession({ transport, isExpired }: Connection, error: unknown): boolean {
  return isSessionExpired(error, transport.sessionId) || (isExpired && isConnectionClosed(error));
}

/** True if the investigation was stopped, and not if its time or the time of the call is over. */
function isStopped({ aborted, reason }: AbortSignal): boolean {
  return aborted && !(reason instanceof DOMException && reason.name === 'TimeoutError');
}

/** The error that says most about a failure. */
function reasonOf(error: unknown, failed: Connection | undefined): unknown {
  const { closedFor, lastError } = failed ?? {};
  if (isConnectionClosed(error)) return closedFor ?? lastError ?? error;
  if (!isTimeout(error) || !(error instanceof Error) || !lastError) return closedFor ?? error;
  return new Error(`${error.message}; last error: ${failureOf(lastError).reason}`, { cause: error });
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
