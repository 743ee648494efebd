/**
 * Clicks through Socket Mode: a WebSocket that this process opens to Slack, so Slack needs no public URL. Slack closes it every few
 * hours, and says so before. A new one is opened after each end, at once, or after a growing delay if it could not be opened. Slack's
 * own client would wait five seconds after each end, and give up for good after some errors.
 */
import { sleep, withTimeLimit } from '@kora-wake/shared/runtime/async';
import { errorFields, noSlackLog } from '@kora-wake/shared/runtime/log';
import { type LogTarget, logEvent } from '@kora-wake/shared/runtime/log-events';
import { LogLevel, SocketModeClient, type SocketModeOptions } from '@slack/socket-mode';
import type { Clicks } from './clicks.ts';

/** Longest time until Slack says hello, ms. */
const HELLO_MS = 15_000;
const FIRST_DELAY_MS = 1_000;
const MAX_DELAY_MS = 60_000;
const TIMEOUT_MS = 10_000;

export interface SocketState {
  isConnected: boolean;
  /** Open sockets of the Slack app, also those of other API processes; as of the last hello. */
  connections: number;
}

interface SocketOptions {
  appToken: string;
  apiUrl: string | undefined;
  fetch?: typeof globalThis.fetch;
  dispatcher?: SocketModeOptions['dispatcher'] | undefined;
  clicks: Clicks;
  firstDelayMs?: number;
  log: LogTarget;
}

/** Keeps a socket open until `close` is called. */
export function slackSocket(options: SocketOptions): { state: SocketState; close(): Promise<void> } {
  const { appToken, apiUrl, dispatcher, clicks, firstDelayMs = FIRST_DELAY_MS, log } = options;
  const state: SocketState = { isConnected: false, connections: 0 };
  const stopping = new AbortController();
  let current: SocketModeClient | undefined;

  function newClient(): SocketModeClient {
    const client = new SocketModeClient({
      appToken,
      autoReconnectEnabled: false,
      logger: noSlackLog(LogLevel.ERROR),
      clientOptions: {
        retryConfig: { retries: 0 },
        timeout: TIMEOUT_MS,
        ...(apiUrl && { slackApiUrl: apiUrl }),
        ...(options.fetch && { fetch: options.fetch }),
      },
      ...(dispatcher && { dispatcher }),
    });
    client.on('interactive', ({ ack, body }: { ack(): Promise<void>; body: unknown }) => {
      // Slack shows the person an error if the click is not acknowledged, so that they try again.
      clicks
        .handle(body)
        .then(ack)
        .catch((error: unknown) => logEvent(log, 'slack.click_failed', errorFields(error)));
    });
    client.on('ws_message', (data: unknown) => {
      state.connections = connectionsIn(data) ?? state.connections;
    });
    return client;
  }

  /** One socket, from its opening to its end. @returns whether it was open */
  async function hold(): Promise<boolean> {
    const client = newClient();
    current = client;
    const ended = new Promise<void>((resolve) => {
      client.once('disconnected', () => resolve());
    });
    try {
      const started = await withTimeLimit(client.start(), HELLO_MS, stopping.signal);
      if (!started.inTime) throw new Error('Slack did not say hello');
      state.isConnected = true;
      logEvent(log, 'slack.socket_open', { connections: state.connections });
      await ended;
      return true;
    } catch (error) {
      if (!stopping.signal.aborted) logEvent(log, 'slack.socket_failed', errorFields(error));
      return false;
    } finally {
      state.isConnected = false;
      await withTimeLimit(client.disconnect(), TIMEOUT_MS, stopping.signal);
    }
  }

  async function run(): Promise<void> {
    let failures = 0;
    while (!stopping.signal.aborted) {
      failures = (await hold()) ? 0 : failures + 1;
      const delayMs = failures === 0 ? 0 : Math.min(firstDelayMs * 2 ** (failures - 1), MAX_DELAY_MS);
      await sleep(delayMs, stopping.signal);
    }
  }

  const running = run();
  return {
    state,
    close: async () => {
      stopping.abort();
      void current?.disconnect().catch(() => undefined);
      await withTimeLimit(running, TIMEOUT_MS);
    },
  };
}

/** The number of sockets in a hello. */
function connectionsIn(data: unknown): number | undefined {
  if (typeof data !== 'string' || !data.includes('"hello"')) return undefined;
  const count = /"num_connections":\s*(\d+)/.exec(data)?.[1];
  return count === undefined ? undefined : Number(count);
}
