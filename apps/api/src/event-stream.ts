/** Server-sent events as they are written to a response. */
import type { ServerResponse } from 'node:http';
import type { StoredEvent } from '@kora-wake/shared/store/events';
import type { FastifyReply } from 'fastify';

/** A catching-up subscriber gets its events as fast as it reads. If it reads nothing for this long, it is dropped; ms. */
const MAX_STALL_MS = 10_000;
/** The browser reconnects after this time, ms. */
const RETRY_MS = 2_000;

/** Takes over the response of a request and writes the headers of a stream. */
export function openStream(reply: FastifyReply): ServerResponse {
  reply.hijack();
  const response = reply.raw;
  response.writeHead(200, {
    ...textHeaders(reply.getHeaders()),
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    // The end of the stream also ends its connection. An idle connection would hold up the stop of the API.
    connection: 'close',
    'x-accel-buffering': 'no',
  });
  response.write(`retry: ${RETRY_MS}\n\n`);
  return response;
}

/** An event as it is written to a stream. */
export function frameOf({ id, type, data }: StoredEvent): string {
  return `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** Reports that events may be missing. */
export function writeGap(response: ServerResponse): void {
  response.write('event: gap\ndata: {}\n\n');
}

/** A comment, which clients ignore. */
export function writeHeartbeat(response: ServerResponse): void {
  response.write(': heartbeat\n\n');
}

/** Waits until the response accepts more. Resolves to false if that takes too long or the subscriber left. */
export function drained(response: ServerResponse): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (isReady: boolean) => {
      clearTimeout(timer);
      response.off('drain', onDrain).off('close', onClose);
      resolve(isReady);
    };
    const onDrain = () => end(true);
    const onClose = () => end(false);
    const timer = setTimeout(onClose, MAX_STALL_MS);
    response.on('drain', onDrain).on('close', onClose);
  });
}

/** The headers that helmet has set. Fastify does not add them to a response that was taken over. */
function textHeaders(headers: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
  );
}
