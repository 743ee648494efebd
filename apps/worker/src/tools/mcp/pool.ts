/**
 * Tools of MCP servers: other people's programs, which may hang, die, lie and flood. Nothing of theirs may hold up an
 * investigation, and nothing is called that was not offered in the very form in which it is listed now.
 *
 * A server begins unconnected. The first `tools()` connects to it, lists what it has, and from then on it is kept: on
 * trouble the connection is dropped, its process ended, and a new one made after a pause that doubles. Its tools are
 * known only while it is connected and the listing is up to date; at any other time it is missing.
 */
import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { errorCode } from '@kora-wake/shared/runtime/errors';
import { errorFields, type Logger } from '@kora-wake/shared/runtime/log';
import type { JsonObject } from '@kora-wake/shared/wake/json';
import { redact } from '@kora-wake/shared/wake/redact';
import {
  type CallToolResult,
  Client,
  ProtocolError,
  StreamableHTTPClientTransport,
  type Transport,
} from '@modelcontextprotocol/client';
import { type Tool, ToolRefused } from '../tool.ts';
import { configuredValues, type McpServer, withParts } from './config.ts';
import { type Listing, list, type Offer, resultText } from './listing.ts';
import { httpTransport, stdioTransport } from './transport.ts';

export interface McpPool {
  /**
   * The tools that may be offered now, and the names of the servers that could not be asked. Waits at most 2 s for
   * servers that are connecting, the first call being what makes them connect; never rejects.
   */
  tools(signal: AbortSignal): Promise<{ tools: Tool[]; missing: string[] }>;
  /** Ends every connection and process. */
  close(): Promise<void>;
}

const PATIENCE_MS = 2_000;
/** A server may be fetched by `npx` when it first starts. */
const CONNECT_MS = 30_000;
const CALL_MS = 15_000;
const FRESH_MS = 60_000;
/** Between two listings of a server that keeps saying it has changed. */
const LISTING_PAUSE_MS = 250;
const RETRY_MIN_MS = 1_000;
const RETRY_MAX_MS = 60_000;
const GOODBYE_MS = 1_000;

const MAX_ERROR_CHARS = 1_000;
const MAX_LOGGED_CHARS = 300;
/** More errors than this in a minute, and a server talks nonsense. */
const MAX_ERRORS_PER_MINUTE = 100;

export function mcpPool(servers: McpServer[], log: Logger): McpPool {
  const links = servers.flatMap((server) => {
    if (server.allow.length > 0) return [keepConnected(server, log.child({ mcpServer: server.name }))];
    log.warn({ mcpServer: server.name }, 'an MCP server has no allow list, so none of its tools are offered');
    return [];
  });

  return {
    async tools(signal) {
      await within(PATIENCE_MS, signal, Promise.all(links.map((link) => link.ready())));
      const offers = links.flatMap((link) =>
        [...(link.listing()?.values() ?? [])].map((offer) => ({ name: toolName(link.name, offer.name), link, offer })),
      );
      const byName = Map.groupBy(offers, ({ name }) => name);
      const collided = [...byName].filter(([, all]) => all.length > 1).map(([name]) => name);
      // Whichever was kept could be taken for the other.
      if (collided.length > 0) {
        log.warn({ names: collided.slice(0, 10) }, 'MCP tools whose names collide are left out');
      }
      const tools = offers.flatMap(({ name, link, offer }): Tool[] => {
        if (byName.get(name)?.length !== 1) return [];
        const { description, inputSchema } = offer;
        return [{ name, description, inputSchema, run: (input, context) => link.call(offer, input, context.signal) }];
      });
      return { tools, missing: links.filter((link) => !link.listing()).map((link) => link.name) };
    },

    async close() {
      await Promise.all(links.map((link) => link.close()));
    },
  };
}

/** As the Messages API takes it. Two names may become one; that is for the caller to see. */
function toolName(server: string, tool: string): string {
  const whole = `${server}__${tool}`;
  const name = whole.replaceAll(/[^a-zA-Z0-9_-]/g, '_');
  if (name.length <= 64) return name;
  return `${name.slice(0, 55)}_${createHash('sha256').update(whole).digest('hex').slice(0, 8)}`;
}

/** Resolves when `work` does, when the time is up, or when `signal` aborts. `work` must not reject. */
async function within(ms: number, signal: AbortSignal, work: Promise<unknown>): Promise<void> {
  if (signal.aborted) return;
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const enough = () => resolve();
  const timer = setTimeout(enough, ms);
  signal.addEventListener('abort', enough, { once: true });
  await Promise.race([work, over]);
  clearTimeout(timer);
  signal.removeEventListener('abort', enough);
}

/** Says whether one more may be, of `max` a minute. */
function perMinute(max: number): () => boolean {
  let began = -Infinity;
  let count = 0;
  return () => {
    if (performance.now() - began > 60_000) {
      began = performance.now();
      count = 0;
    }
    count += 1;
    return count <= max;
  };
}

interface Link {
  name: string;
  /** Resolves when it is known whether the server can be asked; never rejects. */
  ready(): Promise<void>;
  /** What it offers, or undefined where that is not known now. */
  listing(): Listing | undefined;
  call(offer: Offer, input: JsonObject, signal: AbortSignal): Promise<string>;
  close(): Promise<void>;
}

interface Connection {
  client: Client;
  transport: Transport;
  openedAt: number;
  listing: Listing;
  listedAt: number;
  /** The server may have other tools by now, or may be gone. */
  stale: boolean;
  /** The last that went wrong: of a connection that was lost, the reason. */
  trouble?: Error;
}

function keepConnected(server: McpServer, log: Logger): Link {
  const clean = cleaner(server);
  const mayLogError = perMinute(10);
  const mayLogStderr = perMinute(10);
  let connection: Connection | undefined;
  /** Connecting or listing. */
  let work: Promise<void> | undefined;
  let retry: NodeJS.Timeout | undefined;
  let lastEnded = Promise.resolve();
  let failures = 0;
  let leftOut = '';
  let closed = false;

  /** For the log. Fetch tells only in the cause what went wrong. */
  function said(error: unknown) {
    const { error: message, code } = errorFields(error);
    const known = code ?? (error instanceof Error ? errorCode(error.cause) : undefined);
    return { error: clean(message), ...(known !== undefined && { code: known }) };
  }

  function heardStderr(chunk: Buffer): void {
    if (mayLogStderr()) log.debug({ stderr: clean(String(chunk).trim()) }, 'an MCP server wrote to stderr');
  }

  const listing = () => (connection && !connection.stale && !work ? connection.listing : undefined);

  /** Connects where there is no connection, and lists; never rejects. */
  function update(): Promise<void> {
    work ??= (async () => {
      try {
        await connectAndList();
      } catch (error) {
        fail(error);
      }
      work = undefined;
      // It changed again in the meantime. Whoever waits, waits for this too.
      if (connection?.stale) await update();
    })();
    return work;
  }

  function outOfDate(current: Connection): void {
    if (closed || current !== connection) return;
    current.stale = true;
    void update();
  }

  async function connectAndList(): Promise<void> {
    const isNew = !connection;
    const current = connection ?? (await connect());
    if (performance.now() - current.listedAt < LISTING_PAUSE_MS) await pause(LISTING_PAUSE_MS);
    // Before the listing, so that a change in the midst of it is not lost.
    current.stale = false;
    const { offers, notes } = await list(current.client, server);
    current.listing = offers;
    current.listedAt = performance.now();
    if (isNew) log.info({ tools: offers.size }, 'an MCP server is connected');
    const told = notes.slice(0, 10).map(clean);
    if (told.join('\n') !== leftOut && told.length > 0) {
      log.warn({ leftOut: told, of: notes.length }, 'tools of an MCP server are left out');
    }
    leftOut = told.join('\n');
  }

  async function connect(): Promise<Connection> {
    await lastEnded;
    if (closed) throw new Error('the pool is closed');
    const transport = server.kind === 'stdio' ? stdioTransport(server, heardStderr) : httpTransport(server);
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
    const mayAsk = perMinute(30);
    const mayGoOn = perMinute(MAX_ERRORS_PER_MINUTE);
    // oxlint-disable-next-line unicorn/prefer-add-event-listener -- a client is no event target
    client.onerror = (error) => {
      opened.trouble = error;
      if (mayLogError()) log.debug(said(error), 'an error of an MCP server');
      if (!mayGoOn()) void transport.close();
      // Over HTTP nothing else tells that a server is gone.
      else if (server.kind === 'http' && mayAsk()) outOfDate(opened);
    };
    // oxlint-disable-next-line unicorn/prefer-add-event-listener -- a client is no event target
    client.onclose = () => {
      // Where it is being listed, the listing fails.
      if (opened === connection && !work) fail(new Error('it closed the connection'));
    };
    client.setNotificationHandler('notifications/tools/list_changed', () => outOfDate(opened));
    // The timeout of the client's own is not over all of the handshake.
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
    // One that connects and dies at once has not come back.
    if (failed && performance.now() - failed.openedAt > RETRY_MAX_MS) failures = 0;
    const retryInMs = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** failures);
    failures += 1;
    log.warn({ retryInMs, ...said(failed?.trouble ?? error) }, 'an MCP server is not available');
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
      if (!work && connection && performance.now() - connection.listedAt > FRESH_MS) connection.stale = true;
      if (!listing()) await update();
    },

    async call(offer, input, signal) {
      if (work) await within(PATIENCE_MS, signal, work);
      const current = connection;
      const now = listing();
      if (!current || !now) throw new Error(`the MCP server ${server.name} is not available now`);
      if (now.get(offer.name)?.fingerprint !== offer.fingerprint) {
        throw new ToolRefused(`the MCP server ${server.name} has changed or withdrawn this tool since it was offered`);
      }
      let result: CallToolResult;
      try {
        result = await current.client.callTool({ name: offer.name, arguments: input }, { timeout: CALL_MS, signal });
      } catch (error) {
        const reason = (current !== connection && current.trouble) || error;
        // It did not answer the question, so ask whether it answers at all.
        if (!(error instanceof ProtocolError)) outOfDate(current);
        const message = reason instanceof Error ? reason.message : String(reason);
        throw new Error(`the MCP server ${server.name}: ${redact(message).slice(0, MAX_ERROR_CHARS)}`, {
          cause: error,
        });
      }
      const text = resultText(result);
      if (result.isError) throw new Error(redact(text).slice(0, MAX_ERROR_CHARS));
      return text;
    },

    async close() {
      closed = true;
      clearTimeout(retry);
      const last = connection;
      if (last?.transport instanceof StreamableHTTPClientTransport) {
        const goodbye = last.transport.terminateSession().catch(() => {});
        await Promise.race([goodbye, pause(GOODBYE_MS, undefined, { ref: false })]);
      }
      await last?.transport.close();
      await work;
      await lastEnded;
    },
  };
}

/** For the log: short, and without what the configuration holds or what looks like a secret. */
function cleaner(server: McpServer): (text: string) => string {
  const args = server.kind === 'stdio' ? server.args : [];
  const hidden = [...new Set([...configuredValues(server), ...withParts(args)])]
    .filter((value) => value.length >= 6)
    .sort((a, b) => b.length - a.length);
  return (text) => {
    let out = text.slice(0, 100 * MAX_LOGGED_CHARS);
    for (const value of hidden) out = out.replaceAll(value, '[hidden]');
    return redact(out).slice(0, MAX_LOGGED_CHARS);
  };
}
