/**
 * Reads an object that is almost JSON, in one pass over its text: NaN and Infinity (Python's default), Python's own
 * literals and quotes, raw control characters, NUL bytes, and commas before a closing bracket.
 */

/** Words outside of strings, and their JSON. A number that JSON cannot express becomes text. */
const WORDS = new Map([
  ['true', 'true'],
  ['false', 'false'],
  ['null', 'null'],
  ['True', 'true'],
  ['False', 'false'],
  ['None', 'null'],
  ['undefined', 'null'],
  ['NaN', '"NaN"'],
  ['nan', '"NaN"'],
  ['Infinity', '"Infinity"'],
  ['inf', '"Infinity"'],
  ['-Infinity', '"-Infinity"'],
  ['-inf', '"-Infinity"'],
]);

// oxlint-disable-next-line no-control-regex -- control characters between tokens are skipped
const TOKEN = /-?[A-Za-z]+|[-+.\dEe]+|["'{}[\]:,]|[\s\0-\x1F]+/y;
// oxlint-disable-next-line no-control-regex -- these characters are escaped
const RAW_CONTROL = /[\x00-\x1F]/g;

/**
 * Rewrites the object at an index as JSON.
 *
 * @param text one character per byte (Latin-1)
 * @returns the JSON, and the index after the object; undefined if the object does not end, or is something else
 */
export function rewriteObject(text: string, start: number): { json: string; end: number } | undefined {
  const out: string[] = [];
  let depth = 0;
  for (let at = start; at < text.length; ) {
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(text)?.[0];
    if (token === undefined) return undefined;
    const first = token.charAt(0);
    if (first === '"' || first === "'") {
      const end = endOfString(text, at);
      if (end === undefined) return undefined;
      out.push(jsonString(text.slice(at + 1, end - 1), first));
      at = end;
      continue;
    }
    at += token.length;
    if (first === '{' || first === '[') depth++;
    if (first === '}' || first === ']') {
      if (out.at(-1) === ',') out.pop();
      depth--;
    }
    const json =
      /[A-Za-z]/.test(first) || (first === '-' && /[A-Za-z]/.test(token.charAt(1))) ? WORDS.get(token) : token;
    if (json === undefined) return undefined;
    if (first.trim() !== '' && first > ' ') out.push(json);
    if (depth === 0) return { json: out.join(''), end: at };
  }
  return undefined;
}

/** The index after the closing quote. */
function endOfString(text: string, start: number): number | undefined {
  const quote = text.charAt(start);
  for (let at = start + 1; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === '\\') at++;
    else if (character === quote) return at + 1;
  }
  return undefined;
}

function jsonString(inner: string, quote: string): string {
  const body = quote === "'" ? inner.replace(/\\'|"/g, (found) => (found === '"' ? '\\"' : "'")) : inner;
  const escaped = body.replace(RAW_CONTROL, (control) =>
    control === '\0' ? '' : `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return `"${escaped}"`;
}
