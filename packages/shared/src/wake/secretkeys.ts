/** Names of secrets: keys of JSON, variables, headers, options and parameters. */

/**
 * `strong`: any value is a secret. `notPath`: any value but a path, because a shell has its folder in `PWD`. `weak`: such a name
 * also stands before ordinary words, so its value must look random.
 */
export type Secrecy = 'strong' | 'notPath' | 'weak' | undefined;

const QUALIFIER =
  'access|account|admin|api|app|application|auth|client|consumer|deploy|encryption|ingest(?:ion)?|integration|license|master|private|routing|secret|service|session|shared|shared_access|signing|ssh|storage|subscription|write';
const TOKEN_OF =
  'access|admin|api|app|auth|bearer|bot|client|deploy|gh|github|gitlab|id|npm|oauth|personal_access|refresh|registry|root|security|service|session|slack|user|vault';

const STRONG = new RegExp(
  `(?:password|passwd|passphrase|passcode|secret|apikey|accesskey|secretkey|privatekey|accountkey|credential|authorization|cookie)s?$|(?:^|_)(?:pswd|pw|requirepass|masterauth|honeycomb_team|ikey|skey|(?:${QUALIFIER})_?key|(?:${TOKEN_OF})_?token)s?$`,
);
const WEAK = /(?:^|_)(?:pass|token|auth|sig|signature|sid|sessionid|jwt|otp|pin|pat)$|(?:token|sessid)$/;
/** Says which one of several, or in which form. */
const SUFFIX =
  /_?(?:\d{1,3}|v\d{1,2}|base|current|default|dev|new|old|plain|plaintext|prod|production|raw|staging|string|test|value)$/;

/** Tells whether a name stands for a secret; `DB_PASSWORD`, `clientSecret` and `X-Api-Key` do. */
export function secrecyOf(name: string): Secrecy {
  const plain = snakeCase(name.slice(-100)).replace(/^_|_$/g, '').replace(SUFFIX, '');
  if (/(?:^|_)(?:old)?pwd$/.test(plain)) return 'notPath';
  if (STRONG.test(plain)) return 'strong';
  return WEAK.test(plain) ? 'weak' : undefined;
}

/**
 * Tells whether a name inside a secret stands for a fact about it, not for the secret itself: in
 * `{"password": {"value": "…", "expires_at": "…"}}` the second one does.
 */
export function isFactOfSecret(name: string): boolean {
  return FACT.test(snakeCase(name));
}

/** `X-Api-Key` and `xApiKey` give `x_api_key`. */
function snakeCase(name: string): string {
  return name
    .replace(/([a-z\d])([A-Z])/g, '$1_$2')
    .replace(/[^A-Za-z\d]+/g, '_')
    .toLowerCase();
}

const FACT =
  /^(?:(?:.*_)?(?:name|namespace|id|kind|type|user|email|status|state|reason|message|error|code|policy|description|scheme|provider|region|version|path|file|url|host|port|count|length|size|ttl|age|at|until|on|date|time|expires|expiry|expiration|rotation))$/;

/** Values that stand for a secret, or for its absence. */
const INNOCENT =
  /^(?:(?:true|false|null|none|nil|undefined|yes|no|on|off|ok|required|optional|invalid|incorrect|wrong|missing|expired|empty|unset|set|unknown|inherit|string|redacted|hidden|masked|disabled|enabled|failed|n\/a|basic|bearer)[.,;:!]?|[*•x.…-]*|<[^>]*>|\$[A-Z_]\w*|\$?\{\{?[^}]*\}\}?|\$\{.*|%\w+%|\$\([^)]*\)|\d{1,3}|\d_\d{3}|[A-Z_]*(?:TOKEN|KEY|SECRET|PASSWORD)|\[redacted[^\]]*\]?)$/i;
const PATH = /^(?:\.{0,2}[/\\]|~\/|[A-Za-z]:\\|[a-z]{2,8}:\/\/)/;

/** True if a value under a name of this secrecy is a secret. @param value without quotes */
export function isSecretValue(secrecy: Secrecy, value: string): boolean {
  if (secrecy === undefined || INNOCENT.test(value.replace(/^\s*(?:Bearer|Basic)\s+/i, '').trim())) return false;
  if (secrecy === 'strong') return true;
  if (PATH.test(value)) return false;
  if (secrecy === 'notPath') return true;
  if (/\s/.test(value)) return false;
  return value.length >= 20 || (value.length >= 8 && /\d/.test(value) && /[^\d.,:-]/.test(value));
}
