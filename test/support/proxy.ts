/** A TCP proxy in front of Redis. The test decides which bytes pass in each direction. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Proxy {
  port: number;
  /** Breaks every open connection. */
  cut(): void;
  /** Forwards nothing more on every open connection and leaves it open, as a NAT table that forgot it. */
  silence(): void;
  close(): Promise<void>;
}

/**
 * Receives the bytes of one side and forwards them or not. After {@link LOST} the connection is silent for good: TCP never continues
 * after a gap, so the answers that follow would belong to other commands.
 */
type Pass = (chunk: Buffer, forward: (chunk: Buffer) => void) => unknown;

export const LOST = 'lost';

/** @param pass handles the bytes of the client and of the server, and decides whether to accept a connection */
export async function tcpProxy(
  target: { hostname: string; port: number },
  pass: { requests: Pass; answers: Pass; accepts?: () => boolean },
): Promise<Proxy> {
  const sockets = new Set<Socket>();
  const connections = new Set<{ silent: boolean }>();
  const server = createServer((near) => {
    if (pass.accepts?.() === false) {
      near.destroy();
      return;
    }
    const far = connect(target.port, target.hostname);
    const connection = { silent: false };
    connections.add(connection);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        connections.delete(connection);
        near.destroy();
        far.destroy();
      });
    }
    const forwardTo = (socket: Socket) => (chunk: Buffer) => !connection.silent && socket.write(chunk);
    const passTo = (socket: Socket, through: Pass) => (chunk: Buffer) => {
      if (through(chunk, forwardTo(socket)) === LOST) connection.silent = true;
    };
    near.on('data', passTo(far, pass.requests));
    far.on('data', passTo(near, pass.answers));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    silence: () => {
      for (const connection of connections) connection.silent = true;
    },
    close: async () => {
      cut();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
