/**
 * A proxy in front of Redis that counts what one process sends, and fires before or after one chosen message has
 * passed. Fired on every message in turn, it stands at every arrow between two effects, without a word of it in the
 * product.
 */
import { tcpProxy } from './proxy.ts';

export interface Tripwire {
  url: string;
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
