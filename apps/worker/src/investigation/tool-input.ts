/** The input of a tool call. Some servers pass it on as JSON in a text. */
import { isJsonObject, type JsonObject, parsedJson } from '@kora-wake/shared/wake/json';

/** @returns undefined if the input is not an object, nor a text with one */
export function readToolInput(given: unknown): JsonObject | undefined {
  const input = typeof given === 'string' ? parsedJson(given) : given;
  return isJsonObject(input) ? input : undefined;
}
