/** Calls the webhook of an escalation. */

const TIMEOUT_MS = 10_000;

/**
 * @param url returns undefined if there is none
 * @returns a function that posts JSON and returns the status of the answer, or undefined if there is no URL. It throws if no answer came.
 */
export function webhookCaller(url: () => string | undefined, fetch: typeof globalThis.fetch) {
  return async (body: object, idempotencyKey: string): Promise<number | undefined> => {
    const to = url();
    if (to === undefined) return undefined;
    const answer = await fetch(to, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': idempotencyKey },
      body: JSON.stringify(body),
      // Another address may belong to somebody else.
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    await answer.body?.cancel();
    return answer.status;
  };
}
