/** Transports to MCP servers: HTTP, or a child process that leads its own process group. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { kill } from 'node:process';
import { onProcessExit } from '@kora-wake/shared/runtime/lifecycle';
import {
  type FetchLike,
  ReadBuffer,
  StreamableHTTPClientTransport,
  serializeMessage,
  type Transport,
} from '@modelcontextprotocol/client';
import { getDefaultEnvironment } from '@modelcontextprotocol/client/stdio';
import type { HttpServer, StdioServer } from './config.ts';

const KILL_AFTER_MS = 2_000;
const MAX_MESSAGE_BYTES = 8 * 1_024 * 1_024;

export function httpTransport(server: HttpServer): Transport {
  return new StreamableHTTPClientTransport(new URL(server.url), {
    requestInit: { headers: server.headers },
    fetch: boundedFetch,
  });
}

/** Limits the size of each response body, also of the event stream, which the client then resumes. */
const boundedFetch: FetchLike = async (url, init) => {
  const response = await fetch(url, init);
  if (!response.body || response.status < 200) return response;
  let size = 0;
  const body = response.body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        size += chunk.byteLength;
        if (size > MAX_MESSAGE_BYTES) controller.error(tooLarge());
        else controller.enqueue(chunk);
      },
    }),
  );
  return new Response(body, response);
};

function tooLarge(): Error {
  return new Error(`it sent more than ${MAX_MESSAGE_BYTES / 1_024 / 1_024} MiB at once`);
}

/**
 * Runs a server as a child process that leads its own process group. The client library's transport has three faults. It waits 4 s
 * before it kills. It signals only the child, but the server may be a grandchild (`npx`, `sh -c`). It misses the end of the server if
 * a grandchild keeps the pipes open.
 */
export function stdioTransport(server: StdioServer, onStderr: (chunk: Buffer) => void): Transport {
  const buffer = new ReadBuffer({ maxBufferSize: MAX_MESSAGE_BYTES });
  let child: ChildProcessWithoutNullStreams | undefined;
  let ended: Promise<unknown> = Promise.resolve();
  let isOpen = true;

  function hangUp(): void {
    if (!isOpen) return;
    isOpen = false;
    buffer.clear();
    transport.onclose?.();
  }

  function read(chunk: Buffer): void {
    if (!isOpen) return;
    try {
      buffer.append(chunk);
    } catch {
      transport.onerror?.(tooLarge());
      void transport.close();
    }
    for (;;) {
      try {
        const message = isOpen ? buffer.readMessage() : null;
        if (!message) return;
        transport.onmessage?.(message);
      } catch (error) {
        transport.onerror?.(asError(error));
      }
    }
  }

  const transport: Transport = {
    async start() {
      const started = spawn(server.command, server.args, {
        cwd: server.cwd,
        env: { ...getDefaultEnvironment(), ...server.env },
        detached: true,
      });
      child = started;
      started.stdout.on('data', read);
      started.stderr.on('data', onStderr);
      for (const part of [started, started.stdin, started.stdout, started.stderr]) {
        part.on('error', (error) => transport.onerror?.(error));
      }
      // Otherwise processes that it left behind could keep the pipes open.
      started.once('exit', () => isOpen && signalGroup(started, 'SIGKILL'));
      // The group does not get the signals of a terminal, so a server that ignores the end of its input would stay.
      const unregister = onProcessExit(() => signalGroup(started, 'SIGKILL'));
      ended = new Promise<void>((resolve) => {
        started.once('close', (code, signal) => {
          signalGroup(started, 'SIGKILL');
          unregister();
          if (isOpen) transport.onerror?.(new Error(`its process ended (${signal ?? `exit code ${code}`})`));
          hangUp();
          resolve();
        });
      });
      await once(started, 'spawn');
    },

    send: (message) =>
      new Promise((resolve, reject) => {
        if (!isOpen || !child) reject(new Error('not connected'));
        else child.stdin.write(serializeMessage(message), (error) => (error ? reject(error) : resolve()));
      }),

    async close() {
      hangUp();
      if (child?.pid === undefined) return;
      const ending = child;
      ending.stdin.end();
      if (ending.exitCode === null && ending.signalCode === null) signalGroup(ending, 'SIGTERM');
      const force = setTimeout(() => {
        signalGroup(ending, 'SIGKILL');
        ending.stdout.destroy();
        ending.stderr.destroy();
      }, KILL_AFTER_MS);
      await ended;
      clearTimeout(force);
    },
  };
  return transport;
}

/** Signals the group by its number, which no other process gets while a member of the group lives. */
function signalGroup({ pid }: ChildProcessWithoutNullStreams, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) kill(-pid, signal);
  } catch {
    // The group has ended already.
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
