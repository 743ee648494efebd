/**
 * Secrets, by the shapes their issuers publish. Each is replaced whole by `[redacted NAME]`.
 *
 * The text is anyone's, so no pattern may take more than one pass over it: where a run could begin again inside
 * itself a look-behind forbids it, and what can fail after a run has a bound on the run.
 */
const SECRETS: ReadonlyArray<readonly [name: string, pattern: RegExp]> = [
  ['private key', /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|$)/g],
  ['Slack token', /\bx(?:ox[a-z]|app)-[\w-]{8,}/gi],
  ['Slack webhook', /https:\/\/hooks\.slack\.com\/[\w/+-]+/gi],
  ['Anthropic key', /\bsk-ant-[\w-]{8,}/g],
  ['API key', /\bsk-(?:proj-)?[A-Za-z0-9_-]{20,}/g],
  ['AWS key', /\b(?:AKIA|ASIA|AGPA|AIDA|AROA)[A-Z0-9]{12,124}\b/g],
  ['GitHub token', /\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,})/g],
  ['Fly token', /\b(?:FlyV1\s{1,8})?fm[12][a-z]?_[A-Za-z0-9+/=_-]{20,}|\bfo1_[\w-]{20,}/g],
  ['Doppler token', /\bdp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{20,}/g],
  ['Sentry token', /\bsntry[su]_[\w+/=-]{20,}/g],
  ['JWT', /(?<![\w-])eyJ[\w-]{8,4096}\.eyJ[\w-]{8,8192}\.[\w-]*/g],
  ['bearer token', /\bBearer\s{1,8}[\w.~+/-]{16,}=*/gi],
];

/** `scheme://user:password@host`; only the password is a secret, the rest says what is broken. */
const URL_PASSWORD = /(?<![a-z0-9+.-])([a-z][a-z0-9+.-]{0,30}:\/\/[^\s/:@"']{0,256}):[^\s/@"']{1,256}@/gi;

/** Replaces every secret; text without one comes back unchanged. */
export type Redact = (text: string) => string;

/** Knows the shapes above, and those that the operator added. */
export function redactor(patterns: readonly RegExp[] = []): Redact {
  const all = [...SECRETS, ...patterns.map((pattern) => ['by KORA_REDACT', pattern] as const)];
  return (text) => {
    let out = text;
    for (const [name, pattern] of all) out = out.replace(pattern, `[redacted ${name}]`);
    return out.replace(URL_PASSWORD, '$1:[redacted]@');
  };
}

/** By the shapes above alone. */
export const redact = redactor();
