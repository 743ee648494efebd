/** A reverse proxy in front of the API, as nginx does it: it passes on paths below its own, and adds forwarding headers. */
import { createServer, request as httpRequest } from 'node:http';
import { onTestFinished } from 'vitest';
import { serve } from './serve.ts';

/**
 * Starts a proxy that serves `target` under `path`. Other paths are 404. The end of the test stops it.
 *
 * @param options.rewritesHost it sends the target's name as Host, the default of many proxies
 * @returns its origin
 */
export async function reverseProxy(
  target: string,
  path: string,
  { rewritesHost = false }: { rewritesHost?: boolean } = {},
): Promise<string> {
  const { hostname, port, host } = new URL(target);
  const server = createServer((near, answer) => {
    if (near.url !== path && !near.url?.startsWith(`${path}/`)) {
      answer.writeHead(404).end('a page of the proxy');
      return;
    }
    const headers = {
      ...near.headers,
      ...(rewritesHost && { host }),
      'x-forwarded-for': near.socket.remoteAddress ?? '',
      'x-forwarded-host': near.headers.host ?? '',
      'x-forwarded-proto': 'http',
    };
    const far = httpRequest({ hostname, port, path: near.url, method: near.method, headers }, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
    });
    far.on('error', () => answer.destroy());
    answer.on('close', () => far.destroy());
    near.pipe(far);
  });
  const { origin, close } = await serve(server);
  onTestFinished(close);
  return origin;
}
