/** Texts of people, as they are stored and shown: names, reasons, details of a change. */
import type { Redact } from '@kora-wake/shared/wake/redact';
import { firstChars, removeInvisible } from '@kora-wake/shared/wake/text';
import type { Tokens } from './credentials.ts';

/**
 * Returns a function that makes one line of a text, without invisible characters and secrets. A person may have typed a token
 * in the field of a name. The whole text is read first: a cut could leave a part of a secret that no longer looks like one.
 *
 * @returns a function of the text and its maximum in characters
 */
export function recordText(redact: Redact, { token, readToken }: Tokens): (text: string, max: number) => string {
  return (text, max) => {
    const line = removeInvisible(text).replace(/\s+/g, ' ').trim();
    // `redact` leaves short values in place, because they occur in any text.
    if (line !== '' && (line === token || line === readToken)) return '[redacted credential]';
    return firstChars(redact(line), max);
  };
}
