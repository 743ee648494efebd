/** Credentials that follow the name of their scheme, private keys, and tokens that consist of several parts. */
import { START } from './formats.ts';

const GAP = String.raw`(?:\s|\+|\\t){1,8}`;
const PRIVATE_KEY_NAME = String.raw`[A-Z +]{0,40}PRIVATE[ +]KEY(?:[ +]BLOCK)?`;

const PRIVATE_KEY = new RegExp(
  String.raw`-----BEGIN${PRIVATE_KEY_NAME}-----(?:[^-]{0,16384}-----END${PRIVATE_KEY_NAME}-----|[A-Za-z0-9+/=\s\\]{0,16384})`,
  'g',
);
/** The key in a file of PuTTY. */
const PUTTY_KEY = /(?<=Private-Lines: \d{1,3}(?:\r?\n|\\r\\n|\\n))[A-Za-z0-9+/=\s\\]{16,16384}/g;
/** With two to five parts; the first is JSON. */
const JWT =
  /eyJ(?<=(?:^|[^\w-]|\\[nrtbf]|\[[\d;]{0,12}m)eyJ)[\w-]{8,4096}\.(?:eyJ[\w-]{8,8192}\.[\w-]*|[\w-]{0,4096}(?:\.[\w-]{8,8192}){3})/g;
const SCHEME = 'Bearer|Basic|ApiKey|Api-Key|Token|GenieKey|SSWS|Splunk|Negotiate|NTLM|OAuth';
const CREDENTIAL = new RegExp(String.raw`(${SCHEME})(?<=${START}(?:${SCHEME}))(${GAP})([\w.~+/-]{6,4096}={0,2})`, 'gi');
const CURL_USER =
  /((?:^|\s)(?:-u|--user|--proxy-user)(?:\s|=){1,4}["']?[\w.@+-]{1,100}:)(?!\[redacted )[^\s"']{1,256}/g;
const SHORT_OPTION =
  /(\b(?:mysql|mysqldump|mysqladmin|mariadb|sshpass|docker login)\b[^\n|;]{0,200}?\s-p\s?["']?)(?!assword|\[redacted )[^\s"']{1,256}/g;

/** Replaces keys, tokens and credentials with `[redacted NAME]`. */
export function redactHeaders(text: string): string {
  return text
    .replace(PRIVATE_KEY, '[redacted private key]')
    .replace(PUTTY_KEY, '[redacted private key]')
    .replace(JWT, '[redacted JWT]')
    .replace(CREDENTIAL, credential)
    .replace(CURL_USER, '$1[redacted password]')
    .replace(SHORT_OPTION, '$1[redacted password]');
}

/** After most names of schemes, an ordinary word may follow. */
function credential(whole: string, scheme: string, gap: string, value: string): string {
  const name = scheme.toLowerCase();
  if (name === 'bearer') return value.length >= 16 ? '[redacted bearer token]' : whole;
  const isSecret = name === 'basic' ? isUserAndPassword(value) : value.length >= 16 && /\d/.test(value);
  return isSecret ? `${scheme}${gap}[redacted credential]` : whole;
}

function isUserAndPassword(base64: string): boolean {
  try {
    return /^[\x20-\x39\x3b-\x7e]*:/.test(atob(base64.replaceAll('-', '+').replaceAll('_', '/').replace(/=+$/, '')));
  } catch {
    return false;
  }
}
