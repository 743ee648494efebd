/** An HTTP proxy that opens tunnels (CONNECT), and the TLS servers behind it, whose names no name server knows. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { authority } from './certificates.ts';

export interface ConnectProxy {
  port: number;
  /** `host:port` of each requested tunnel, with the credentials of the request. */
  tunnels: Array<{ target: string | undefined; credentials: string | undefined }>;
  /** The status of the next answers; 200 opens the tunnel. */
  status: number;
  /** The certificate of the authority to trust. */
  caFile: string;
  close(): Promise<void>;
}

/**
 * @param folder for the certificates
 * @param backends port of an HTTP server on loopback by its name; it is reached at `https://NAME`
 */
export async function connectProxy(folder: string, backends: Record<string, number>): Promise<ConnectProxy> {
  const names = Object.keys(backends).map((name) => `DNS:${name}`);
  const { ca: caFile, issue } = authority(folder);
  const { cert, key } = issue('proxied', names.join(','));
  const sockets = new Set<Socket>();
  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    return socket;
  };
  const joinBoth = (a: Socket, b: Socket) => {
    a.pipe(b).pipe(a);
  };

  const tls = createTlsServer({ cert: readFileSync(cert), key: readFileSync(key) });
  tls.on('secureConnection', (socket) => {
    const port = backends[String(socket.servername)];
    if (port === undefined) socket.destroy();
    else joinBoth(track(socket), track(connect(port, '127.0.0.1')));
  });
  const tlsPort = await listen(tls);

  const proxy: ConnectProxy = { port: 0, tunnels: [], status: 200, caFile, close };
  const server = createServer();
  server.on('connect', ({ url, headers }, socket: Socket) => {
    proxy.tunnels.push({ target: url, credentials: headers['proxy-authorization'] });
    track(socket);
    if (proxy.status !== 200) {
      socket.end(`HTTP/1.1 ${proxy.status} Refused\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    joinBoth(socket, track(connect(tlsPort, '127.0.0.1')));
  });
  proxy.port = await listen(server);
  return proxy;

  async function close(): Promise<void> {
    for (const socket of sockets) socket.destroy();
    server.closeAllConnections();
    await Promise.all([server, tls].map((each) => new Promise((resolve) => each.close(resolve))));
  }
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
