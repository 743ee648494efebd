/**
 * A proxy in front of Redis that counts the messages of one process and fires before or after a chosen one. A test that
 * fires at each message in turn stops the process between any two effects, without test code in the product.
 */
import { tcpProxy } from './proxy.ts';

export interface Tripwire {
  url: string;
  /** Starts to count, and fires at message number `at` (from 1). */
  arm(at: number, fire: () => void): void;
  close(): Promise<void>;
}

/**
 * @param matters selects the messages to count; others, such as lock renewals and polls, only pass
 * @param when `before`: Redis never receives the message. `after`: Redis executes it, but the answer is lost
 */
export async function tripwire(
  redisUrl: string,
  matters: (message: string) => boolean,
  when: 'before' | 'after',
): Promise<Tripwire> {
  const { hostname, port } = new URL(redisUrl);
  let seen = 0;
  let armed: { at: number; fire: () => void } | undefined;
  let fired = false;
  const proxy = await tcpProxy(
    { hostname, port: Number(port) },
    {
      requests: (chunk, forward) => {
        if (fired) return;
        if (armed && matters(chunk.toString('latin1')) && ++seen === armed.at) {
          fired = true;
          if (when === 'after') forward(chunk);
          armed.fire();
          return;
        }
        forward(chunk);
      },
      answers: (chunk, forward) => {
        if (!fired) forward(chunk);
      },
    },
  );
  return {
    url: `redis://127.0.0.1:${proxy.port}`,
    arm: (at, fire) => {
      armed = { at, fire };
    },
    close: proxy.close,
  };
}
