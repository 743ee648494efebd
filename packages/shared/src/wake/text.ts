/** Shortening texts. Each result is well-formed: it never ends inside a surrogate pair. */

const HIGH_SURROGATE_AT_END = /[\uD800-\uDBFF]$/;

/** The first `max` characters (UTF-16 code units) of a text, without a mark. */
export function firstChars(text: string, max: number): string {
  if (text.length <= max) return text.toWellFormed();
  return text.slice(0, max).replace(HIGH_SURROGATE_AT_END, '').toWellFormed();
}

/** A text of at most `max` characters (UTF-16 code units), of which the mark is part if the text was longer. */
export function shorten(text: string, max: number, mark = '…'): string {
  return text.length <= max ? text.toWellFormed() : `${firstChars(text, Math.max(0, max - mark.length))}${mark}`;
}

// oxlint-disable-next-line no-control-regex -- the pattern removes control characters
const INVISIBLE = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u061C\u200B\u200E\u200F\u202A-\u202E\u2060-\u2069\uFEFF]/g;

/** Removes control characters, zero-width characters, and the marks that reverse reading order. Keeps tabs and line ends. */
export function removeInvisible(text: string): string {
  return replaceInvisible(text, '');
}

/** As {@link removeInvisible}, but a reader sees that something was there: U+FFFD stands in its place. */
export function markInvisible(text: string): string {
  return replaceInvisible(text, '\uFFFD');
}

function replaceInvisible(text: string, replacement: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .replace(/[\u2028\u2029]/g, '\n')
    .replace(INVISIBLE, replacement);
}

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/**
 * Escapes the three characters of Slack's control sequences, by Slack's own rule. The text reads the same, and
 * `<!channel>`, `<@U…>` and `<url|label>` stay plain letters.
 */
export function escapeForSlack(text: string): string {
  return text.replace(/[&<>]/g, (character) => ESCAPES[character] ?? character);
}

/** Room for the note about the omitted characters. */
const NOTE_CHARS = 60;

/**
 * Shortens by the length that Slack counts, which is the length after escaping, and adds a note with the number of
 * omitted characters. The result itself is not escaped.
 *
 * @param max characters after escaping, with the note
 * @param location says where the whole text is, such as ` in the audit log`
 */
export function shortenForSlack(text: string, max: number, location = ''): string {
  if (escapeForSlack(text).length <= max) return text;
  const room = max - NOTE_CHARS;
  let kept = '';
  let length = 0;
  for (const character of text) {
    length += escapeForSlack(character).length;
    if (length > room) break;
    kept += character;
  }
  return `${kept} … (${text.length - kept.length} more characters${location})`;
}
