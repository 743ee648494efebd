/** Secrets, by the shapes their issuers publish. Each is replaced whole by `[redacted NAME]`. */
const SECRETS: ReadonlyArray<readonly [name: string, pattern: RegExp]> = [
  ['private key', /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g],
  ['Slack token', /\bx(?:ox[a-z]|app)-[\w-]{8,}/gi],
  ['Slack webhook', /https:\/\/hooks\.slack\.com\/[\w/+-]+/gi],
  ['Anthropic key', /\bsk-ant-[\w-]{8,}/g],
  ['API key', /\bsk-(?:proj-)?[A-Za-z0-9_-]{20,}/g],
  ['AWS key', /\b(?:AKIA|ASIA|AGPA|AIDA|AROA)[A-Z0-9]{12,}\b/g],
  ['GitHub token', /\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,})/g],
  ['Fly token', /\b(?:FlyV1\s+)?fm[12][a-z]?_[A-Za-z0-9+/=_-]{20,}|\bfo1_[\w-]{20,}/g],
  ['Doppler token', /\bdp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{20,}/g],
  ['Sentry token', /\bsntry[su]_[\w+/=-]{20,}/g],
  ['JWT', /\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*/g],
  ['bearer token', /\bBearer\s+[\w.~+/-]{16,}=*/gi],
];

/** `scheme://user:password@host`; only the password is a secret, the rest says what is broken. */
const URL_PASSWORD = /\b([a-z][a-z0-9+.-]*:\/\/[^\s/:@"']*):[^\s/@"']+@/gi;

/** Replaces every secret it recognises; text without one comes back unchanged. */
export function redact(text: string): string {
  let out = text;
  for (const [name, pattern] of SECRETS) out = out.replace(pattern, `[redacted ${name}]`);
  return out.replace(URL_PASSWORD, '$1:[redacted]@');
}
