/** The file of MCP servers, in the usual form of MCP clients with one more key: `allow`. */

import { StartupError } from '@kora-wake/shared/runtime/errors';
import { isJsonObject } from '@kora-wake/shared/wake/json';
import { z } from 'zod';

interface Named {
  name: string;
  /** Globs for the server's own tool names. Only matching tools are offered. */
  allow: string[];
  /** Time limit of the handshake and the first listing, ms. */
  startupTimeoutMs?: number;
}

export interface StdioServer extends Named {
  kind: 'stdio';
  command: string;
  args: string[];
  env: Record<string, string>;
  cwd?: string;
}

export interface HttpServer extends Named {
  kind: 'http';
  url: string;
  headers: Record<string, string>;
}

export type McpServer = StdioServer | HttpServer;

type Environment = Record<string, string | undefined>;

/**
 * Reads the text of an MCP configuration, and replaces `${VAR}`, `${env:VAR}` and `${VAR:-default}` with values of `env`.
 *
 * @throws StartupError that lists every fault by server and field, without any value
 */
export function parseMcpConfig(text: string, env: Environment): McpServer[] {
  const file = z.object({ mcpServers: z.record(z.string(), z.unknown()) }).safeParse(parseJson(text));
  if (!file.success) throw new StartupError(sentence(faultsOf(file.error)));
  const faults: string[] = [];
  const servers: McpServer[] = [];
  for (const [name, entry] of Object.entries(file.data.mcpServers)) {
    if (isJsonObject(entry) && entry.disabled === true) continue;
    const read = readServer(name, entry, env);
    if (Array.isArray(read)) faults.push(...read.map((fault) => `${name}: ${fault}`));
    else servers.push(read);
  }
  if (faults.length > 0) throw new StartupError(sentence(faults));
  return servers;
}

/** The parser's message quotes the JSON, which may contain credentials. So only the line of the fault is reported. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const at = error instanceof Error && /at position (\d+)/.exec(error.message)?.[1];
    const line = at ? ` (line ${text.slice(0, Number(at)).split('\n').length})` : '';
    throw new StartupError(sentence([`not valid JSON${line}`]));
  }
}

function sentence(faults: string[]): string {
  return `is not usable:\n${faults.map((fault) => `- ${fault}`).join('\n')}`;
}

function readServer(name: string, entry: unknown, env: Environment): McpServer | string[] {
  const nameFaults = /^[A-Za-z0-9_-]+$/.test(name) ? [] : ['a name may only contain letters, digits, _ and -'];
  const kind = kindOf(entry);
  if ('fault' in kind) return [...nameFaults, kind.fault];
  const fields = schemas(env);
  const read = kind.kind === 'stdio' ? fields.stdio.safeParse(entry) : fields.http.safeParse(entry);
  if (!read.success) return [...nameFaults, ...faultsOf(read.error)];
  if (nameFaults.length > 0) return nameFaults;
  return 'command' in read.data ? { kind: 'stdio', name, ...read.data } : { kind: 'http', name, ...read.data };
}

function kindOf(entry: unknown): { kind: McpServer['kind'] } | { fault: string } {
  if (!isJsonObject(entry)) return { fault: 'must be an object' };
  if ('command' in entry && 'url' in entry) return { fault: 'has a command and a url; only one is allowed' };
  const { type } = entry;
  if (type === 'stdio' || (type === undefined && 'command' in entry)) return { kind: 'stdio' };
  if (type === 'http' || type === 'streamable-http' || (type === undefined && 'url' in entry)) return { kind: 'http' };
  return { fault: type === undefined ? 'needs a command or a url' : 'type: must be stdio, http or streamable-http' };
}

function schemas(env: Environment) {
  // Node refuses a NUL byte when the process starts, with a message that quotes the value.
  const text = filledFrom(env).refine((value) => !value.includes('\0'), 'must not have a NUL byte');
  const allow = z.array(z.string().min(1)).default([]);
  const stdio = z.object({
    command: text.refine((value) => value !== '', 'must not be empty'),
    args: z.array(text).default([]),
    env: z.record(z.string().regex(/^[^=\0]+$/, 'must be the name of a variable'), text).default({}),
    cwd: z.string().min(1).optional(),
    allow,
    startupTimeout,
  });
  const http = z.object({
    url: text.superRefine(checkUrl),
    headers: z.record(z.string(), text).default({}),
    allow,
    startupTimeout,
  });
  return {
    stdio: stdio.transform(({ cwd, ...server }) => ({ ...withMs(server), ...(cwd !== undefined && { cwd }) })),
    http: http.superRefine(checkHeaders).transform(withMs),
  };
}

/** The lower limit finds most values that were meant as seconds. Other clients also use milliseconds in this file. */
const STARTUP_RULE = 'must be a whole number of milliseconds from 1000 to 600000';
const startupTimeout = z
  .int(STARTUP_RULE)
  .min(1_000, STARTUP_RULE)
  .max(10 * 60_000, STARTUP_RULE)
  .optional();

function withMs<Fields extends { startupTimeout?: number | undefined }>({ startupTimeout: ms, ...rest }: Fields) {
  return { ...rest, ...(ms !== undefined && { startupTimeoutMs: ms }) };
}

/** Some clients write `env:` in front of the name. */
const VARIABLE = /\$\{(?:env:)?(?<name>[A-Za-z_]\w*)(?::-(?<fallback>[^}]*))?\}/g;

/** As in a shell, the default also replaces an empty variable. */
function filledFrom(env: Environment) {
  return z.string().transform((text, context) => {
    if (text.replaceAll(VARIABLE, '').includes('${')) {
      context.addIssue({ code: 'custom', message: 'has a ${…} that is not ${NAME}, ${env:NAME} or ${NAME:-default}' });
    }
    return text.replaceAll(VARIABLE, (_, name: string, fallback: string | undefined) => {
      const value = Object.hasOwn(env, name) ? env[name] : undefined;
      if (fallback !== undefined) return value || fallback;
      if (value === undefined) {
        context.addIssue({ code: 'custom', message: `the variable ${name} is not set and has no default` });
      }
      return value ?? '';
    });
  });
}

function checkUrl(text: string, context: z.RefinementCtx): void {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol)) {
    context.addIssue({ code: 'custom', message: 'must be a URL that begins with http:// or https://' });
  } else if (url.username || url.password) {
    // Fetch refuses such a URL with a message that quotes it.
    context.addIssue({ code: 'custom', message: 'must not contain a user or password; use headers' });
  }
}

function checkHeaders({ headers }: { headers: Record<string, string> }, context: z.RefinementCtx): void {
  for (const [name, value] of Object.entries(headers)) {
    try {
      new Headers().set(name, value);
    } catch {
      context.addIssue({ code: 'custom', path: ['headers', name], message: 'is not a valid header' });
    }
  }
}

/** The schema's messages name types and rules, never the wrong value. */
function faultsOf(error: z.ZodError): string[] {
  return error.issues.map(({ path, message }) => (path.length > 0 ? `${path.join('.')}: ${message}` : message));
}

/** The values in a server's configuration that may be credentials; for `Bearer TOKEN` also the token. */
export function configuredValues(server: McpServer): string[] {
  const values =
    server.kind === 'stdio'
      ? Object.values(server.env)
      : [...new URL(server.url).searchParams.values(), ...Object.values(server.headers)];
  return withParts(values);
}

/** Each value, and its parts between spaces. */
export function withParts(values: string[]): string[] {
  return values.concat(values.flatMap((value) => value.split(' ')));
}
