/** The values of the environment that no text may contain: one list for all apps. */
import { readFileSync } from 'node:fs';
import { isJsonObject, type Json } from '../wake/json.ts';
import type { KnownValues } from '../wake/redact.ts';
import { isSecretValue, secrecyOf } from '../wake/secretkeys.ts';
import { VARIABLES } from './env-table.ts';

type Environment = Record<string, string | undefined>;

const OWN: ReadonlySet<string> = new Set([...VARIABLES.map(({ name }) => name), 'https_proxy']);
const OWN_SECRETS: ReadonlySet<string> = new Set(VARIABLES.flatMap(({ name, secret }) => (secret ? [name] : [])));

/** A password should have no `@`, but some have. */
const USER_AND_PASSWORD = /^[a-z][a-z\d+.-]*:\/\/(?<user>[^:@/]*)(?::(?<password>[^@]*)(?<more>.*))?@/i;
const SENTINEL_PASSWORD = /[?&]sentinelPassword=([^&#]+)/;

/** True if a value is long enough that it hardly occurs by chance: 12 characters, or 8 with a digit. */
function isRare(value: string): boolean {
  return value.length >= 12 || (value.length >= 8 && /\d/.test(value));
}

/**
 * Collects the credentials in the environment and in the file of MCP servers, also those that no app uses.
 *
 * @param env the environment; a file of MCP servers that cannot be read counts as empty, because the worker reports it
 * @returns `certain`: our own credentials. `likely`: values of variables with a secret name, users and passwords in addresses, and
 *   env, header and query values of MCP servers
 */
export function knownValues(env: Environment): KnownValues {
  const certain: string[] = [];
  const likely: string[] = [];
  for (const [name, given = ''] of Object.entries(env)) {
    const value = given.trim();
    if (OWN_SECRETS.has(name)) certain.push(value, ...partsOf(value));
    else if (isSecretValue(secrecyOf(name), value)) likely.push(value, ...partsOf(value));
    const { user, passwords } = inAddress(value);
    likely.push(user);
    (OWN.has(name) ? certain : likely).push(...passwords);
  }
  likely.push(...mcpValues(env));
  return { certain: certain.filter((value) => value !== ''), likely: likely.filter(isRare) };
}

/** The parts of a header or a list of headers: `Bearer TOKEN`, `name=TOKEN,name=TOKEN`, `Basic BASE64`. */
function partsOf(value: string): string[] {
  const parts = [value, decoded(value)].flatMap((text) => text.split(/[\s,;]+|=(?!=*$)/));
  return [...parts, ...parts.flatMap(inBasic)].filter(isRare);
}

/** The password in base64 of `user:password`. */
function inBasic(base64: string): string[] {
  const text = Buffer.from(base64, 'base64').toString();
  const colon = text.indexOf(':');
  return colon >= 0 && Buffer.from(text).toString('base64') === base64 ? [text.slice(colon + 1)] : [];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function inAddress(value: string): { user: string; passwords: string[] } {
  const { user = '', password = '', more = '' } = USER_AND_PASSWORD.exec(value)?.groups ?? {};
  const sentinel = SENTINEL_PASSWORD.exec(value)?.[1] ?? '';
  return { user, passwords: [password, `${password}${more}`, sentinel].flatMap((text) => [text, decoded(text)]) };
}

function mcpValues(env: Environment): string[] {
  const { mcpServers: servers = null } = readMcpFile(env.KORA_MCP_CONFIG?.trim() ?? '');
  if (!isJsonObject(servers)) return [];
  const texts = Object.values(servers).flatMap((server) => {
    if (!isJsonObject(server)) return [];
    const { env: variables = null, headers = null, args = null, url = '' } = server;
    const query = typeof url === 'string' ? (url.split('?')[1] ?? '').split(/[&=]/) : [];
    return query.concat([variables, headers, args].flatMap(stringsIn));
  });
  return texts.flatMap((text) => {
    const literals = text.split(/\$\{(?:[A-Za-z_]\w*:-)?|\}/);
    const values = [...text.matchAll(/\$\{([A-Za-z_]\w*)/g)].map(([, name = '']) => env[name] ?? '');
    const whole = literals.concat(values);
    return whole.concat(whole.map(decoded), whole.flatMap(partsOf));
  });
}

function readMcpFile(path: string): { [key: string]: Json } {
  try {
    const file: unknown = path === '' ? null : JSON.parse(readFileSync(path, 'utf8'));
    return isJsonObject(file) ? file : {};
  } catch {
    return {};
  }
}

function stringsIn(value: Json): string[] {
  const items = typeof value === 'object' && value !== null ? Object.values(value) : [];
  return items.filter((item) => typeof item === 'string');
}
