/** `GET /metrics` for processes without another HTTP server. Off unless a port is set. */
import { createServer } from 'node:http';
import { promisify } from 'node:util';
import type { Registry } from 'prom-client';
import { errorReason, StartupError } from './errors.ts';

/**
 * Serves a registry for Prometheus. It needs no token: the metrics are not secret, and the server changes nothing.
 *
 * @returns a function that stops it
 * @throws StartupError if the port cannot be used
 */
export async function serveMetrics(registry: Registry, host: string, port: number): Promise<() => Promise<void>> {
  const server = createServer((request, response) => {
    if (request.url !== '/metrics') {
      response.writeHead(404).end('Only /metrics is served here.\n');
      return;
    }
    registry.metrics().then(
      (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
      () => response.writeHead(500).end(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  }).catch((error: unknown) => {
    const why = `KORA_METRICS_PORT: cannot listen on ${host}:${port} (${errorReason(error)}). Set it to a free port, or unset it.`;
    throw new StartupError(why, { cause: error });
  });
  const close = promisify(server.close.bind(server));
  return async () => {
    server.closeAllConnections();
    await close();
  };
}
