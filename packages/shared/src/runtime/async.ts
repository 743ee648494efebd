/** Waiting: for some time, for a promise within a time limit, or for a promise until a signal aborts. */

/**
 * Waits `ms`, or until `signal` aborts. Never rejects.
 *
 * @returns true if the time passed, false if the signal aborted first
 */
export async function sleep(ms: number, signal?: AbortSignal): Promise<boolean> {
  if (signal?.aborted) return false;
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const onAbort = () => resolve(false);
  const timer = setTimeout(resolve, ms, true);
  signal?.addEventListener('abort', onAbort, { once: true });
  const passed = await promise;
  clearTimeout(timer);
  signal?.removeEventListener('abort', onAbort);
  return passed;
}

/** The result of {@link withTimeLimit}. */
export type Limited<T> = { inTime: true; value: T } | { inTime: false };

/**
 * Waits for `work`, but at most `ms`, and only until `signal` aborts. Rejects only if `work` rejects in time; a later
 * rejection is ignored. It does not cancel `work`.
 */
export async function withTimeLimit<T>(work: Promise<T>, ms: number, signal?: AbortSignal): Promise<Limited<T>> {
  const { promise: late, resolve } = Promise.withResolvers<Limited<T>>();
  const end = () => resolve({ inTime: false });
  // A controller for each call would cost more than all else here, and the API calls this several times per alert.
  const timer = setTimeout(end, ms);
  signal?.addEventListener('abort', end, { once: true });
  if (signal?.aborted) end();
  try {
    return await Promise.race([work.then((value): Limited<T> => ({ inTime: true, value })), late]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', end);
  }
}

/**
 * Waits for work that cannot be cancelled itself, until `signal` aborts. A later rejection of the work is ignored.
 *
 * @param start begins the work; not called if the signal has aborted already
 * @throws the reason of the signal if it aborts first
 */
export async function unlessAborted<T>(start: () => Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([start(), aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
