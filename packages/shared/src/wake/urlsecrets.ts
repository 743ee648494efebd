/** Users and passwords in addresses: `scheme://user:password@host`. */
import { START } from './formats.ts';

/** Behind the colon, so that only colons are tried. */
const SCHEME = `(?<=${START}[A-Za-z][A-Za-z0-9+.-]{0,30})`;
const SLASHES = String.raw`:(?:\\?\/){2}`;
/** A port is not a password. */
const PORT = String.raw`\d{1,5}(?![^\s/?#"'\\,;)\]}>])`;
const AT = String.raw`@(?=[\w[.-])`;

/** Only the password is a secret. The rest is useful for a diagnosis. A password with an unescaped `/` or quote is found too. */
const PASSWORD = new RegExp(
  String.raw`(${SCHEME}${SLASHES}[^\s/:@"'\\]{0,256}):(?!${PORT}|\*+@)(?:[^\s/]{1,256}|[^\s"'<>]{1,256}?)${AT}`,
  'g',
);
/** A user without a password is a token if it is long: `https://TOKEN@host`. */
const TOKEN = new RegExp(String.raw`(${SCHEME}${SLASHES})[\w~%=-]{20,256}@`, 'g');

/** Replaces passwords and tokens in front of the host with `[redacted]`. */
export function redactUrls(text: string): string {
  if (!text.includes('@')) return text;
  return text.replace(PASSWORD, '$1:[redacted]@').replace(TOKEN, '$1[redacted]@');
}
