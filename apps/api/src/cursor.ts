/** Cursors of lists that are newest first. A cursor is a place in the list, in characters that need no encoding. */
import type { Place } from '@kora-wake/shared/store/page';
import { httpErrors } from './errors.ts';

export function cursorOf({ at, id }: Place): string {
  return Buffer.from(`${at}.${id}`).toString('base64url');
}

/** The place of a cursor. Throws a 400 if no page ended with this cursor. */
export function placeOf(cursor: string | undefined): Place | undefined {
  if (cursor === undefined) return undefined;
  const [, at, id] = /^(\d{1,16})\.(.{1,200})$/s.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  if (at === undefined || id === undefined) throw invalidCursor();
  return { at: Number(at), id };
}

export function invalidCursor(): Error {
  return httpErrors.badRequest('cursor must be the nextCursor of the previous page.');
}
