/** The input of a tool call. Some servers pass it on as JSON in a text. */
import { isJsonObject, type JsonObject } from '@kora-wake/shared/wake/json';

/** @returns undefined if the input is not an object, nor a text with one */
export function readToolInput(given: unknown): JsonObject | undefined {
  if (typeof given !== 'string') return isJsonObject(given) ? given : undefined;
  try {
    const parsed: unknown = JSON.parse(given);
    return isJsonObject(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}
