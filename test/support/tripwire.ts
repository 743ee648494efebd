/**
 * A TCP proxy in front of Redis that counts what one process sends, and fires before or after one chosen message has
 * passed. Fired on every message in turn, it stands at every arrow between two effects, without a word of it in the
 * product.
 */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Tripwire {
  url: string;
  /** Messages seen since `arm`. */
  count(): number;
  /** Counts from now on, and fires at message number `at` (from 1). */
  arm(at: number, fire: () => void): void;
  close(): Promise<void>;
}

/**
 * @param matters which messages count; the rest (lock renewals, polls) pass uncounted
 * @param when `before`: the message never arrives. `after`: it arrives, its answer does not
 */
export async function tripwire(
  redisUrl: string,
  matters: (message: string) => boolean,
  when: 'before' | 'after',
): Promise<Tripwire> {
  const target = new URL(redisUrl);
  const sockets = new Set<Socket>();
  let seen = 0;
  let armed: { at: number; fire: () => void } | undefined;
  let fired = false;
  const server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.on('data', (chunk: Buffer) => {
      if (fired) return;
      if (armed && matters(chunk.toString('latin1')) && ++seen === armed.at) {
        fired = true;
        if (when === 'after') far.write(chunk);
        armed.fire();
        return;
      }
      far.write(chunk);
    });
    far.on('data', (chunk: Buffer) => {
      if (!fired) near.write(chunk);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `redis://127.0.0.1:${port}`,
    count: () => seen,
    arm: (at, fire) => {
      armed = { at, fire };
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
