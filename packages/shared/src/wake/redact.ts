/**
 * Patterns of secrets, as their issuers publish them. `[redacted NAME]` replaces a whole secret.
 *
 * The text is untrusted, so each pattern must run in linear time: a look-behind keeps a run from starting inside itself, and each run
 * that something must follow has a limit. The text may be JSON inside text: there a line break is `\n`, whose `n` must not count as a
 * letter before a secret, and a slash may be `\/`.
 */
const START = String.raw`(?<=^|[^A-Za-z0-9_]|\\[nrtbf])`;
const SLASHES = String.raw`:(?:\\?\/){2}`;

const secret = (pattern: string, flags = 'g') => new RegExp(`${START}${pattern}`, flags);

const SECRETS: ReadonlyArray<readonly [name: string, pattern: RegExp]> = [
  [
    'private key',
    /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?:[^-]{0,16384}-----END [A-Z ]{0,40}PRIVATE KEY-----|[A-Za-z0-9+/=\s\\]{0,16384})/g,
  ],
  ['Slack token', secret(String.raw`x(?:ox[a-z]|app)-[\w-]{8,}`, 'gi')],
  ['Slack webhook', new RegExp(String.raw`https${SLASHES}hooks\.slack\.com(?:\\?\/[\w+-]+)+`, 'gi')],
  ['Anthropic key', secret(String.raw`sk-ant-[\w-]{8,}`)],
  ['API key', secret(String.raw`sk-(?:proj-)?[A-Za-z0-9_-]{20,}`)],
  ['AWS key', secret(String.raw`(?:AKIA|ASIA|AGPA|AIDA|AROA)[A-Z0-9]{12,124}\b`)],
  ['GitHub token', secret(String.raw`(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,})`)],
  ['Fly token', secret(String.raw`(?:(?:FlyV1\s{1,8})?fm[12][a-z]?_[A-Za-z0-9+/=_-]{20,}|fo1_[\w-]{20,})`)],
  ['Doppler token', secret(String.raw`dp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{20,}`)],
  ['Sentry token', secret(String.raw`sntry[su]_[\w+/=-]{20,}`)],
  ['JWT', /(?<=^|[^\w-]|\\[nrtbf])eyJ[\w-]{8,4096}\.eyJ[\w-]{8,8192}\.[\w-]*/g],
  ['bearer token', secret(String.raw`Bearer\s{1,8}[\w.~+/-]{16,}=*`, 'gi')],
];

/** `scheme://user:password@host`: only the password is a secret. The rest is useful for a diagnosis. */
const URL_PASSWORD = new RegExp(
  String.raw`${START}([a-z][a-z0-9+.-]{0,30}${SLASHES}[^\s/:@"'\\]{0,256}):[^\s/@"']{1,256}@`,
  'gi',
);

/** Invisible characters. They are removed first: otherwise a secret that contains one would not match, but would look whole. */
const ZERO_WIDTH = /[\u200B\u2060-\u2064\uFEFF\u00AD]/g;
/** Shorter literals occur in any text; characters. */
const MIN_LITERAL = 6;

/** Replaces every secret. A text without a secret stays the same. */
export type Redact = (text: string) => string;

/**
 * Makes a function that replaces the patterns above, the operator's own patterns, and known values.
 *
 * @param literals credentials of our own environment, which may have any shape
 */
export function redactor(patterns: readonly RegExp[] = [], literals: readonly string[] = []): Redact {
  const all = [...SECRETS, ...patterns.map((pattern) => ['by KORA_REDACT', pattern] as const)];
  const known = literals.filter((literal) => literal.length >= MIN_LITERAL);
  return (text) => {
    let out = text.replace(ZERO_WIDTH, '');
    for (const literal of known) out = out.replaceAll(literal, '[redacted credential]');
    for (const [name, pattern] of all) out = out.replace(pattern, `[redacted ${name}]`);
    return out.replace(URL_PASSWORD, '$1:[redacted]@');
  };
}

/** Uses only the patterns above. */
export const redact = redactor();
