/** Limits on the time that a client may hold a connection without a use for it. */
import type { FastifyInstance, FastifyRequest } from 'fastify';

export interface ConnectionLimits {
  /** A client has this long to send the header of a request, ms. */
  headerMs: number;
  /** A client has this long to send a whole request, ms. */
  requestMs: number;
  /** Time between two checks of these limits, ms. */
  checkMs: number;
  /** Requests in progress have this long to end after the API begins to stop, ms. Then their connections are closed. */
  stopMs: number;
}

export const CONNECTION_LIMITS: ConnectionLimits = {
  headerMs: 10_000,
  requestMs: 30_000,
  checkMs: 2_000,
  stopMs: 2_000,
};

/** Applies the limits for which Node's HTTP server has no option. */
export function limitConnections(app: FastifyInstance, { stopMs }: ConnectionLimits): void {
  app.addHook('onSend', async (request, reply) => {
    // The rest of such a request could arrive for as long as its sender likes.
    if (isRefusal(reply.statusCode) || isIncomplete(request)) void reply.header('connection', 'close');
  });
  app.addHook('preClose', async () => {
    const timer = setTimeout(() => app.server.closeAllConnections(), stopMs);
    app.server.once('close', () => clearTimeout(timer));
  });
}

function isRefusal(statusCode: number): boolean {
  return statusCode === 401 || statusCode === 403 || statusCode === 429;
}

/** True if the request has a body that has not arrived completely. */
function isIncomplete({ headers, raw }: FastifyRequest): boolean {
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  return hasBody && !raw.complete;
}
