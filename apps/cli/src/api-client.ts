/** Calls the API, for commands that act as the console does. */
import type { Config } from '@kora-wake/shared/runtime/config';
import { errorReason, StartupError } from '@kora-wake/shared/runtime/errors';
import { isJsonObject, type JsonObject, parsedJson } from '@kora-wake/shared/wake/json';
import type { z } from 'zod';

const TIMEOUT_MS = 10_000;

/** Variables that name the API and the caller's credential. */
export const API_VARIABLES = ['KORA_API_HOST', 'KORA_API_PORT', 'KORA_API_BASE_PATH', 'KORA_API_TOKEN'] as const;

/** A host that stands for all addresses of a machine is not an address to connect to. */
const LOCAL: Record<string, string> = { '0.0.0.0': '127.0.0.1', '::': '[::1]' };

export interface ApiClient {
  /**
   * @param answer the parts of the answer that the command uses
   * @param path such as `/v1/hold`
   * @throws StartupError with one sentence if the API does not answer, or refuses the request
   */
  call<T>(
    answer: z.ZodType<T>,
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    body?: JsonObject,
    reason?: string,
  ): Promise<T>;
}

export function apiClient({ api }: Config): ApiClient {
  const { host, port, basePath, token } = api;
  const address = LOCAL[host] ?? (host.includes(':') ? `[${host}]` : host);
  const origin = `http://${address}:${port}`;
  return {
    call: async (schema, method, path, body, reason) => {
      const headers = {
        'x-kora-client': 'cli',
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body && { 'content-type': 'application/json' }),
        // A header must be Latin-1; the API reads these bytes as UTF-8.
        ...(reason !== undefined && { 'x-reason': Buffer.from(reason).toString('latin1') }),
      };
      const request = {
        method,
        headers,
        signal: AbortSignal.timeout(TIMEOUT_MS),
        ...(body && { body: JSON.stringify(body) }),
      };
      const answer = await fetch(`${origin}${basePath}${path}`, request).catch((error: unknown) => {
        throw new StartupError(
          `the API does not answer at ${origin} (${errorReason(causeOf(error))}). Start it, or set KORA_API_HOST and KORA_API_PORT.`,
          { cause: error },
        );
      });
      const read = parsedJson(await answer.text());
      const content = isJsonObject(read) ? read : {};
      if (answer.status === 401) throw new StartupError('the API rejected the token: set KORA_API_TOKEN to its value.');
      if (!answer.ok) {
        throw new StartupError(
          typeof content.message === 'string' ? content.message : `the API answered ${answer.status}.`,
        );
      }
      const { data } = schema.safeParse(content);
      if (data === undefined) throw new StartupError('the API gave an answer that this command does not know.');
      return data;
    },
  };
}

/** The error of the network behind the one of `fetch`, which says only that it failed. */
function causeOf(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? error.cause : error;
}
