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

/** Keeps both ends of a text that is longer than `maxBytes` of UTF-8. */
export function cutMiddle(text: string, maxBytes: number): string {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= maxBytes) return text;
  const half = Math.floor(maxBytes / 2);
  const head = decodeWhole(bytes.subarray(0, half));
  const tail = decodeWhole(bytes.subarray(bytes.length - half));
  return `${head}\n… (${bytes.length - 2 * half} bytes in the middle are cut) …\n${tail}`;
}

/** Decodes UTF-8, without the parts of characters that a cut leaves at both ends. */
function decodeWhole(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes).replace(/^\uFFFD+|\uFFFD+$/g, '');
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
 * omitted characters. It cuts after a sentence or a word if that keeps at least half of the space. The result itself is not
 * escaped.
 *
 * @param max characters after escaping, with the note
 * @param rest tells the reader how to find the rest: words such as ` in the audit log`, or an address
 */
export function shortenForSlack(text: string, max: number, rest: { words?: string; url?: string } = {}): string {
  if (escapeForSlack(text).length <= max) return text;
  const { words = '', url } = rest;
  const address = url === undefined ? '' : `\n${url}`;
  const kept = endOfSentence(text, fittingChars(text, max - NOTE_CHARS - escapeForSlack(address).length));
  return `${kept} … (${text.length - kept.length} more characters${url === undefined ? words : ''})${address}`;
}

/** The longest beginning of a text that has at most `max` characters after escaping. The result itself is not escaped. */
export function fittingChars(text: string, max: number): string {
  let kept = '';
  let length = 0;
  for (const character of text) {
    length += escapeForSlack(character).length;
    if (length > max) break;
    kept += character;
  }
  return kept;
}

/** After the end of a sentence, with its closing quotes, or before a line break. */
const SENTENCE_ENDS = /[.!?…]["'”’)\]]*(?=\s)|(?=\n)/g;
const WORD_ENDS = /(?=\s)/g;

/** Shortens the beginning of a text to its last whole sentence, or else word, if that keeps at least half of it. */
function endOfSentence(text: string, beginning: string): string {
  // The next character says whether the beginning ends with a sentence.
  const seen = text.slice(0, beginning.length + 1);
  for (const pattern of [SENTENCE_ENDS, WORD_ENDS]) {
    const ends = Array.from(seen.matchAll(pattern), ({ index, 0: { length } }) => index + length);
    const last = ends.at(-1) ?? 0;
    if (last >= beginning.length / 2 && last > 0) return beginning.slice(0, last).trimEnd();
  }
  return beginning;
}
