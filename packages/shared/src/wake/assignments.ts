/**
 * Secrets that only their name shows: `password=…`, `"apiKey": "…"`, `--token …`, headers, connection strings. The text may be
 * JSON in JSON, so a quote may follow backslashes.
 *
 * The text is untrusted: every step reads at most {@link MAX_VALUE} characters, and a value is read again only if it is short.
 */
import { isSecretValue, type Secrecy, secrecyOf } from './secretkeys.ts';

const QUOTE = String.raw`\\{0,8}["'\x60]`;
const SEPARATOR = String.raw`=>|:=|={1,2}|:|>|,?(?:\\n|\s){0,40}(?:${QUOTE})?value(?:${QUOTE})?\s?[:=]|,`;
const BLANK = String.raw`\s|\+`;
const WORD =
  'pass(?:word|wd|phrase|code)?|pwd|pswd|secret|token|key|auth(?:orization)?|requirepass|masterauth|cookie|credential|signature|sig|sid|sessionid|sessid|jwt|otp|pin|honeycomb-team|identified by';

/** The last word of a name, and everything up to the value. */
const NAMED = new RegExp(
  String.raw`(?<word>(?:${WORD})s?(?:[_-]?(?:\d{1,3}|base|value|old|new|prod))?)(?:(?<close>(?:${QUOTE})?\]?)(?:${BLANK}){0,8}(?<separator>${SEPARATOR})(?:${BLANK}){0,8}(?<bracket>\[(?!redacted )\s{0,4})?|(?:${BLANK}){1,8})(?<open>${QUOTE})?`,
  'gi',
);
/** The beginning of a name, read back from its last word. */
const BEGINNING = /(?<=([\w.-]{0,60}))/y;
/** Characters in front of a name that may be needed to understand it. */
const MAX_BEFORE = 60;
/** Longest value, characters. */
const MAX_VALUE = 4_096;

const STOP = String.raw`[\s<]|\\{1,8}["'nrt]|["'\x60](?=[\s,;:)\]}\\]|$)|[,;&](?=\s|[\w.-]{1,40}[=:]|["'\\{]|$)|[)\]}](?=[\s"',;.)\]}\\]|$)`;
const PLAIN = new RegExp(String.raw`(?:(?!${STOP})[\s\S]){1,${MAX_VALUE}}`, 'y');
/** The beginning of a header's value. A sentence about the header looks different. */
const HEADER_START = {
  cookie: /[^\s=;"']{1,100}=[^\s"']/y,
  authorization: /[A-Za-z][\w-]{2,19}\s{1,4}(?:[^\s"'`]{6}|\w{1,20}=)|[^\s"'`]{1,512}(?=\s*(?:[\r\n"'`\]]|$))/y,
};
/** A header ends at the end of its line, or at the quote around it. */
const HEADER = new RegExp(String.raw`(?:="[^"\r\n\\]{0,256}"|[^"'\x60\\<\r\n]){1,${MAX_VALUE}}`, 'y');

interface Value {
  text: string;
  /** Code and sentences also have plain values. */
  kind: 'quoted' | 'header' | 'plain';
  /** Its offset. */
  from: number;
}

/** A text, with a cache of the searches in it. */
interface Reader {
  text: string;
  secrecyOf(name: string): Secrecy;
  /** The offset of the next occurrence of `part`; Infinity if there is none. */
  nextOf(part: string, from: number): number;
}

function readerOf(text: string): Reader {
  const secrecies = new Map<string, Secrecy>();
  const found = new Map<string, { from: number; at: number }>();
  return {
    text,
    secrecyOf: (name) => {
      if (!secrecies.has(name)) secrecies.set(name, /identified by$/i.test(name) ? 'strong' : secrecyOf(name));
      return secrecies.get(name);
    },
    nextOf: (part, from) => {
      const last = found.get(part);
      if (last && last.from <= from && from <= last.at) return last.at;
      const index = text.indexOf(part, from);
      const at = index < 0 ? Infinity : index;
      found.set(part, { from, at });
      return at;
    },
  };
}

/** Replaces each value of a secret name with `[redacted value]`. */
export function redactAssignments(text: string): string {
  const reader = readerOf(text);
  let out = '';
  let done = 0;
  NAMED.lastIndex = 0;
  for (let match = NAMED.exec(text); match; match = NAMED.exec(text)) {
    const value = secretAfter(reader, match);
    if (value === undefined) {
      // A quote that opens this value may close the next name.
      NAMED.lastIndex = Math.max(match.index + 1, NAMED.lastIndex - 1);
      continue;
    }
    out += `${text.slice(done, value.from)}[redacted value]`;
    done = value.from + value.text.length;
    NAMED.lastIndex = done;
  }
  return done === 0 ? text : out + text.slice(done);
}

function secretAfter(reader: Reader, match: RegExpExecArray): Value | undefined {
  const { text } = reader;
  const { word = '', close = '', separator = '', bracket = '', open = '' } = match.groups ?? {};
  BEGINNING.lastIndex = match.index;
  const name = `${BEGINNING.exec(text)?.[1] ?? ''}${word}`;
  const secrecy = reader.secrecyOf(name);
  if (secrecy === undefined) return undefined;
  const nameFrom = match.index + word.length - name.length;
  const before = text.slice(Math.max(0, nameFrom - MAX_BEFORE), nameFrom);
  if (!isSeparated({ before, name, close, separator, open })) return undefined;
  const from = match.index + match[0].length;
  const value = valueAt(reader, from, headerOf(name), bracket === '' ? open : open || ']');
  if (value === undefined || !isSecretValue(secrecy, value.text)) return undefined;
  if (value.kind !== 'plain' || !/\s$/.test(match[0])) return value;
  if (CODE.test(value.text)) return undefined;
  return separator !== ':' || isSecretInProse(secrecy, value, before, text) ? value : undefined;
}

/** Some separators also occur in ordinary text. They need more around them. */
function isSeparated(of: { before: string; name: string; close: string; separator: string; open: string }): boolean {
  const { before, name, close, separator, open } = of;
  if (separator === '>') return /<[\w:.-]*$/.test(before);
  // A comparison in code.
  if (separator === '==') return open !== '';
  // A list of raw headers: name, value.
  if (separator === ',') return close !== '' && open !== '' && /(?:authorization|cookie|-key|-token)$/i.test(name);
  if (separator !== '') return true;
  const isOption = name.startsWith('--') || /^(?:requirepass|masterauth)$/i.test(name);
  return isOption || (open !== '' && /(?:password|identified by)$/i.test(name)) || /\blogin\s\S{1,50}\s$/.test(before);
}

type Header = keyof typeof HEADER_START;

function headerOf(name: string): Header | undefined {
  if (/cookies?$/i.test(name)) return 'cookie';
  return /authorization$/i.test(name) ? 'authorization' : undefined;
}

/** @param close the quote or bracket that ends the value; empty if there is none */
function valueAt(reader: Reader, from: number, header: Header | undefined, close: string): Value | undefined {
  const { text } = reader;
  const end = close === '' ? undefined : closingQuote(reader, from, close);
  if (end !== undefined) return { text: text.slice(from, end), kind: 'quoted', from };
  if (header !== undefined) {
    HEADER_START[header].lastIndex = from;
    if (!HEADER_START[header].test(text)) return undefined;
  }
  const pattern = header === undefined ? PLAIN : HEADER;
  pattern.lastIndex = from;
  const found = pattern.exec(text)?.[0];
  if (found === undefined) return undefined;
  return header === undefined ? { text: found, kind: 'plain', from } : { text: found.trimEnd(), kind: 'header', from };
}

/**
 * The offset of the quote that ends a value; undefined if its line has none. A quote behind a backslash, or a doubled one,
 * belongs to the value.
 */
function closingQuote({ text, nextOf }: Reader, from: number, close: string): number | undefined {
  const end = Math.min(nextOf('\n', from), from + MAX_VALUE);
  for (let at = nextOf(close, from); at < end; at = nextOf(close, at + 1)) {
    if (at > from && text[at - 1] === '\\') continue;
    if (close !== "'" || text[at + 1] !== "'" || at === from) return at;
    at++;
  }
  return undefined;
}

/** Code that gives a value: a call, a field, an object, a pattern. */
const CODE =
  /^(?:[{[(/]|(?:await|new|string|boolean|number|unknown)$|[A-Za-z_$]+(?:[?!]?\.[A-Za-z_$]+)*(?:[(?]|[?!]?\.[A-Za-z_$]))/;

/** `password: x` may be a line of YAML or a sentence. In a sentence, only a value that is not a word counts. */
function isSecretInProse(secrecy: Secrecy, { text: value, from }: Value, before: string, text: string): boolean {
  if (secrecy === 'weak' || /[^A-Za-z.,;:!?'-]/.test(value) || value.length >= 20) return true;
  const isLine = /(?:^|[\n"]|\\n)[\s-]*$/.test(before);
  return isLine && /^(?:$|\r?\n|\\n|["\\])/.test(text.slice(from + value.length, from + value.length + 2));
}
