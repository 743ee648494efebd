/** Stopping: connections that would hold up the end of the process. */
import type { FastifyInstance } from 'fastify';

/** Requests in progress have this long to end after the API begins to stop, ms. Then their connections are closed. */
const STOP_GRACE_MS = 2_000;

/** Closes every connection that is still open `graceMs` after the server begins to stop, such as a slow upload. */
export function limitStop(app: FastifyInstance, graceMs = STOP_GRACE_MS): void {
  app.addHook('preClose', async () => {
    const timer = setTimeout(() => app.server.closeAllConnections(), graceMs);
    app.server.once('close', () => clearTimeout(timer));
  });
}
