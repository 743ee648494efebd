/** Calls the webhook of an escalation. */

const TIMEOUT_MS = 10_000;

/**
 * @param url undefined: there is none
 * @returns a function that posts JSON and returns the status of the answer. It throws if no answer came.
 */
export function webhookCaller(url: string | undefined, fetch: typeof globalThis.fetch) {
  if (url === undefined) return undefined;
  return async (body: object, idempotencyKey: string): Promise<number> => {
    const answer = await fetch(url, {
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
