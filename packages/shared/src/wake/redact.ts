/**
 * Secrets, by the shapes their issuers publish. Each is replaced whole by `[redacted NAME]`.
 *
 * The text is anyone's, so no pattern may take more than one pass over it: where a run could begin again inside
 * itself a look-behind forbids it, and what can fail after a run has a bound on the run. Text may be JSON within text:
 * there a line break is `\n`, whose `n` must not pass for the letter before a secret, and a slash may be `\/`.
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

/** `scheme://user:password@host`; only the password is a secret, the rest says what is broken. */
const URL_PASSWORD = new RegExp(
  String.raw`${START}([a-z][a-z0-9+.-]{0,30}${SLASHES}[^\s/:@"'\\]{0,256}):[^\s/@"']{1,256}@`,
  'gi',
);

/** Drawn as nothing, so that a secret which holds one looks whole, and would be once they are dropped. */
const ZERO_WIDTH = /[\u200B\u2060-\u2064\uFEFF\u00AD]/g;
/** Shorter ones would be found in anything. */
const MIN_LITERAL = 6;

/** Replaces every secret; text without one comes back unchanged. */
export type Redact = (text: string) => string;

/**
 * Knows the shapes above, the patterns that the operator added, and what is secret here by its value.
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

/** By the shapes above alone. */
export const redact = redactor();
