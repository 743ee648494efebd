/** The other side's own words about a failed request, wherever its format puts them. */
import { isJsonObject } from '@kora-wake/shared/wake/json';

/** Fields that hold a message, or an object or a list with one. */
const FIELDS = ['error', 'message', 'detail', 'details', 'errors', 'msg', 'reason', 'title'];
const MAX_DEPTH = 4;

/** The first message in an error body; '' if it has none. */
export function serverMessage(body: unknown, depth = 0): string {
  if (typeof body === 'string') return body.trim();
  if (depth > MAX_DEPTH) return '';
  if (Array.isArray(body)) return serverMessage(body[0], depth + 1);
  if (!isJsonObject(body)) return '';
  return FIELDS.map((field) => serverMessage(body[field], depth + 1)).find((text) => text !== '') ?? '';
}

/** A status with the message, as one line such as `HTTP 400: credit balance too low`. Not redacted, not shortened. */
export function reasonOf(status: number, message: string): string {
  return message === '' ? `HTTP ${status}` : `HTTP ${status}: ${message}`;
}
