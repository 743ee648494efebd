/** `GET /metrics` of a process that has no other HTTP: off unless a port is given. */
import { createServer } from 'node:http';
import { promisify } from 'node:util';
import type { Registry } from 'prom-client';
import { errorReason, StartupError } from './errors.ts';

/**
 * Serves a registry for Prometheus. It has no token: nothing in it is secret, and it can change nothing.
 *
 * @returns what stops it
 * @throws StartupError where the port cannot be listened on
 */
export async function serveMetrics(registry: Registry, host: string, port: number): Promise<() => Promise<void>> {
  const server = createServer((request, response) => {
    if (request.url !== '/metrics') {
      response.writeHead(404).end('There is only /metrics here.\n');
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
