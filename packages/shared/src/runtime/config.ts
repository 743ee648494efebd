/** The environment, read once and handed on as a value. The table in README.md says what each variable means. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import type { DebouncePolicy } from '../wake/pair.ts';
import { StartupError } from './errors.ts';
import { readRedisUrl } from './redis-url.ts';

const EFFORTS = ['low', 'medium', 'high', 'xhigh', 'max'] as const;

/** A model and, where one is asked for, its effort. */
export interface ModelChoice {
  model: string;
  effort?: (typeof EFFORTS)[number];
}

/** A credential for the Messages API. */
export type AnthropicCredential = { kind: 'oauth'; token: string } | { kind: 'apiKey'; key: string };

export interface Config {
  redisUrl: string;
  queuePrefix: string;
  /** Absolute path of `KORA_HOME`. */
  home: string;
  auditLogPath: string;
  debounce: DebouncePolicy;
  /** The longest a new row may wait, ms. */
  pollMs: number;
  /** Older rows are stale, ms; 0 = no limit. */
  maxAgeMs: number;
  slack: { botToken?: string; operatorUserId?: string; apiUrl?: string };
  anthropic: { credential?: AnthropicCredential; baseUrl?: string };
  systemPromptPath?: string;
  /** Deadline of one investigation with all its retries, ms. */
  investigationTimeoutMs: number;
  workerConcurrency: number;
  /** USD a UTC month; 0 = no limit. */
  costMonthlyUsd: number;
  models: { normal: ModelChoice; warn75: ModelChoice; downshift90: ModelChoice };
  mcpConfigPath?: string;
  /** Rounds of an investigation in which tools may be called. */
  maxToolRounds: number;
  /** What `http_check`, `dns_lookup` and `tls_certificate` may look at, as text; empty: nothing. */
  httpCheckAllow: string;
  /** Secrets beside the known ones. */
  redact: RegExp[];
  api: { host: string; port: number; token?: string; readToken?: string };
  /** Of tailer and worker; undefined: off. */
  metricsPort?: number;
  /** Where traces go; undefined: nowhere. */
  otlp?: { endpoint: string; headers: Record<string, string> };
  logLevel: string;
}

const DAY_S = 86_400;
const DECADE_S = 3_650 * DAY_S;
const SLACK_ID = /^[UWCDG][A-Z0-9]{2,}$/;
const LOOPBACK = /^(?:localhost|::1|127(?:\.\d{1,3}){3})$/;

/** The text of a number between two bounds. `Number('')` and `Number('0x10')` are numbers, this is stricter. */
function number(rule: { min: number; max: number; integer?: boolean; above?: boolean }) {
  const kind = rule.integer ? 'a whole number' : 'a number';
  const message = `must be ${kind} ${rule.above ? 'above' : 'of at least'} ${rule.min} and at most ${rule.max}`;
  return z
    .string()
    .regex(rule.integer ? /^\d+$/ : /^\d+(\.\d+)?$/, message)
    .transform(Number)
    .refine((n) => n <= rule.max && (rule.above ? n > rule.min : n >= rule.min), message);
}

const boolean = z
  .string()
  .toLowerCase()
  .pipe(z.enum(['true', '1', 'yes', 'on', 'false', '0', 'no', 'off'], 'must be true or false'))
  .transform((word) => ['true', '1', 'yes', 'on'].includes(word));

function url(protocols: string[]) {
  const message = `must be a URL that begins with ${protocols.map((p) => `${p}//`).join(' or ')}`;
  return z.string().refine((text) => URL.canParse(text) && protocols.includes(new URL(text).protocol), message);
}

function isRedisUrl(text: string): boolean {
  try {
    readRedisUrl(text);
    return true;
  } catch {
    return false;
  }
}

const model = z.string().transform((text, context): ModelChoice => {
  const match = /^(?<model>\S*?[^\s:])(?::(?<effort>[a-z]+))?$/.exec(text);
  const effort = EFFORTS.find((known) => known === match?.groups?.effort);
  if (match?.groups?.model && effort) return { model: match.groups.model, effort };
  // Local models have colons in their names (`qwen3:8b`), Anthropic's have none.
  if (!match || (text.startsWith('claude') && text.includes(':'))) {
    context.addIssue({
      code: 'custom',
      message: `must be a model or model:effort, effort one of ${EFFORTS.join(', ')}`,
    });
    return z.NEVER;
  }
  return { model: text };
});

/** Regular expressions, separated by blanks. */
const patterns = z.string().transform((text, context): RegExp[] =>
  text.split(/\s+/).flatMap((source, i) => {
    try {
      const pattern = new RegExp(source, 'g');
      if (!pattern.test('')) return [pattern];
    } catch {
      // it is none
    }
    const message = `must be regular expressions separated by blanks that match something, the ${i + 1}. is not`;
    context.addIssue({ code: 'custom', message });
    return [];
  }),
);

/** Pairs as OpenTelemetry writes them: `name=value,name=value`, percent-encoded. */
const headers = z.string().transform((text, context): Record<string, string> => {
  try {
    const pairs = text.split(',').map((pair) => /^\s*([\w-]+)\s*=\s*(.*?)\s*$/.exec(pair) ?? []);
    if (pairs.every(([pair]) => pair !== undefined)) {
      return Object.fromEntries(pairs.map(([, name = '', value = '']) => [name, decodeURIComponent(value)]));
    }
  } catch {
    // percent-encoded in a way that it is not
  }
  context.addIssue({ code: 'custom', message: 'must be name=value pairs separated by commas, percent-encoded' });
  return z.NEVER;
});

const slackId = z.string().regex(SLACK_ID, 'must be a Slack id such as U024BE7LH');
const word = (what: string) => z.string().regex(/^[\x21-\x7e]+$/, `must be ${what}, without spaces`);

/** A bad value of these falls back to the default with a warning: a bad knob must not silence alerts. */
const CARRIED_OVER = {
  KORA_PROBE_DEBOUNCE_SECONDS: number({ min: 0, max: DECADE_S, integer: true }),
  KORA_PROBE_DEBOUNCE_BYPASS_CRITICAL: boolean,
  KORA_PROBE_WAKE_POLL_SEC: number({ min: 0, max: DAY_S, above: true }),
  KORA_SLACK_JOSHUA_USER_ID: slackId,
};

const STRICT = z.object({
  REDIS_URL: z
    .string()
    .refine(
      isRedisUrl,
      'must be redis:// or rediss://user:password@host:port/db, redis-sentinel://host:port,host:port/db#name or redis-cluster://host:port,host:port, percent-encoded where need be',
    )
    .default('redis://127.0.0.1:6379'),
  KORA_QUEUE_PREFIX: word('a key prefix').default('{kora}'),
  KORA_HOME: z.string().optional(),
  KORA_AUDIT_LOG_PATH: z.string().optional(),
  KORA_SLACK_OPERATOR_USER_ID: slackId.optional(),
  KORA_PROBE_WAKE_MAX_AGE_SECONDS: number({ min: 0, max: DECADE_S, integer: true }).default(3600),
  KORA_SLACK_BOT_TOKEN: word('a Slack token').optional(),
  KORA_SLACK_API_URL: url(['http:', 'https:']).optional(),
  CLAUDE_CODE_OAUTH_TOKEN: word('a token').optional(),
  KORA_ANTHROPIC_API_KEY: word('an API key').optional(),
  ANTHROPIC_API_KEY: word('an API key').optional(),
  ANTHROPIC_BASE_URL: url(['http:', 'https:']).optional(),
  KORA_SYSTEM_PROMPT_PATH: z.string().optional(),
  KORA_INVESTIGATION_TIMEOUT_SECONDS: number({ min: 0, max: DAY_S, above: true }).default(120),
  KORA_WORKER_CONCURRENCY: number({ min: 1, max: 1_000, integer: true }).default(8),
  KORA_COST_MONTHLY_USD: number({ min: 0, max: 1e9 }).default(200),
  KORA_MODEL_NORMAL: model.default({ model: 'claude-sonnet-5-5', effort: 'medium' }),
  KORA_MODEL_WARN_75: model.default({ model: 'claude-sonnet-5-5', effort: 'low' }),
  KORA_MODEL_DOWNSHIFT_90: model.default({ model: 'claude-haiku-4-5' }),
  KORA_MCP_CONFIG: z.string().optional(),
  KORA_MAX_TOOL_ITERATIONS: number({ min: 0, max: 50, integer: true }).default(5),
  KORA_HTTP_CHECK_ALLOW: z.string().default(''),
  KORA_REDACT: patterns.default([]),
  KORA_API_HOST: word('a host name or address').default('127.0.0.1'),
  KORA_API_PORT: number({ min: 0, max: 65_535, integer: true }).default(3900),
  KORA_API_TOKEN: word('a token').optional(),
  KORA_METRICS_PORT: number({ min: 0, max: 65_535, integer: true }).optional(),
  KORA_API_READ_TOKEN: word('a token').optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: url(['http:', 'https:']).optional(),
  OTEL_EXPORTER_OTLP_HEADERS: headers.default({}),
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], 'must be a pino level such as info or debug')
    .default('info'),
});

/** A token to look with guards nothing where everybody may do everything. */
function tokensFit(
  e: { KORA_API_TOKEN?: string | undefined; KORA_API_READ_TOKEN?: string | undefined },
  context: z.RefinementCtx,
): void {
  if (e.KORA_API_READ_TOKEN !== undefined && e.KORA_API_TOKEN === undefined) {
    context.addIssue({ code: 'custom', path: ['KORA_API_READ_TOKEN'], message: 'needs KORA_API_TOKEN beside it' });
  }
}

/** In a cluster a script may touch keys of one slot only, which a hash tag keeps together. */
function prefixFits(e: { REDIS_URL: string; KORA_QUEUE_PREFIX: string }, context: z.RefinementCtx): void {
  if (
    isRedisUrl(e.REDIS_URL) &&
    readRedisUrl(e.REDIS_URL).kind === 'cluster' &&
    !/\{[^}]+\}/.test(e.KORA_QUEUE_PREFIX)
  ) {
    const message = 'must have a part in braces, such as {kora}, for Redis Cluster';
    context.addIssue({ code: 'custom', path: ['KORA_QUEUE_PREFIX'], message });
  }
}

/**
 * Reads the environment. Empty variables count as unset, space around a value is dropped.
 *
 * @returns the configuration, and a warning for each carried-over variable whose value was bad
 * @throws StartupError that lists every fault; it never shows a value, since a value may be a credential
 */
export function loadConfig(env: Record<string, string | undefined>): { config: Config; warnings: string[] } {
  const set = Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value?.trim() ? [[name, value.trim()]] : [])),
  );
  const warnings: string[] = [];
  const lenient = <T>(name: keyof typeof CARRIED_OVER, schema: z.ZodType<T, string>, fallback: T): T => {
    const value = set[name];
    if (value === undefined) return fallback;
    const read = schema.safeParse(value);
    if (read.success) return read.data;
    const shown = fallback === undefined ? 'it is ignored' : `the default ${String(fallback)} is used`;
    warnings.push(`${name} ${read.error.issues[0]?.message}; ${shown}`);
    return fallback;
  };
  const windowSeconds = lenient('KORA_PROBE_DEBOUNCE_SECONDS', CARRIED_OVER.KORA_PROBE_DEBOUNCE_SECONDS, 600);
  const bypassCritical = lenient(
    'KORA_PROBE_DEBOUNCE_BYPASS_CRITICAL',
    CARRIED_OVER.KORA_PROBE_DEBOUNCE_BYPASS_CRITICAL,
    false,
  );
  const pollSeconds = lenient('KORA_PROBE_WAKE_POLL_SEC', CARRIED_OVER.KORA_PROBE_WAKE_POLL_SEC, 30);
  const joshua = lenient<string | undefined>(
    'KORA_SLACK_JOSHUA_USER_ID',
    CARRIED_OVER.KORA_SLACK_JOSHUA_USER_ID,
    undefined,
  );

  const read = STRICT.superRefine(prefixFits).superRefine(tokensFit).safeParse(set);
  if (!read.success) {
    const faults = read.error.issues.map((issue) => `  ${issue.path.join('.')} ${issue.message}`);
    throw new StartupError(`the configuration is not usable:\n${faults.join('\n')}`);
  }
  const e = read.data;
  const home = resolve(e.KORA_HOME ?? join(homedir(), '.kora'));
  const operatorUserId = e.KORA_SLACK_OPERATOR_USER_ID ?? joshua;
  const credential = anthropicCredential(e);
  return {
    warnings,
    config: {
      redisUrl: e.REDIS_URL,
      queuePrefix: e.KORA_QUEUE_PREFIX,
      home,
      auditLogPath: resolve(e.KORA_AUDIT_LOG_PATH ?? join(home, 'kora_audit_log.jsonl')),
      debounce: { windowMs: windowSeconds * 1000, bypassCritical },
      pollMs: Math.max(1, pollSeconds * 1000),
      maxAgeMs: e.KORA_PROBE_WAKE_MAX_AGE_SECONDS * 1000,
      slack: {
        ...(e.KORA_SLACK_BOT_TOKEN && { botToken: e.KORA_SLACK_BOT_TOKEN }),
        ...(operatorUserId && { operatorUserId }),
        ...(e.KORA_SLACK_API_URL && { apiUrl: e.KORA_SLACK_API_URL }),
      },
      anthropic: {
        ...(credential && { credential }),
        ...(e.ANTHROPIC_BASE_URL && { baseUrl: e.ANTHROPIC_BASE_URL }),
      },
      ...(e.KORA_SYSTEM_PROMPT_PATH && { systemPromptPath: e.KORA_SYSTEM_PROMPT_PATH }),
      investigationTimeoutMs: e.KORA_INVESTIGATION_TIMEOUT_SECONDS * 1000,
      workerConcurrency: e.KORA_WORKER_CONCURRENCY,
      costMonthlyUsd: e.KORA_COST_MONTHLY_USD,
      models: { normal: e.KORA_MODEL_NORMAL, warn75: e.KORA_MODEL_WARN_75, downshift90: e.KORA_MODEL_DOWNSHIFT_90 },
      ...(e.KORA_MCP_CONFIG && { mcpConfigPath: e.KORA_MCP_CONFIG }),
      maxToolRounds: e.KORA_MAX_TOOL_ITERATIONS,
      httpCheckAllow: e.KORA_HTTP_CHECK_ALLOW,
      redact: e.KORA_REDACT,
      api: {
        host: e.KORA_API_HOST,
        port: e.KORA_API_PORT,
        ...(e.KORA_API_TOKEN && { token: e.KORA_API_TOKEN }),
        ...(e.KORA_API_READ_TOKEN && { readToken: e.KORA_API_READ_TOKEN }),
      },
      ...(e.KORA_METRICS_PORT !== undefined && { metricsPort: e.KORA_METRICS_PORT }),
      ...(e.OTEL_EXPORTER_OTLP_ENDPOINT && {
        otlp: { endpoint: e.OTEL_EXPORTER_OTLP_ENDPOINT, headers: e.OTEL_EXPORTER_OTLP_HEADERS },
      }),
      logLevel: e.LOG_LEVEL,
    },
  };
}

function anthropicCredential(e: z.infer<typeof STRICT>): AnthropicCredential | undefined {
  if (e.CLAUDE_CODE_OAUTH_TOKEN) return { kind: 'oauth', token: e.CLAUDE_CODE_OAUTH_TOKEN };
  const key = e.KORA_ANTHROPIC_API_KEY ?? e.ANTHROPIC_API_KEY;
  return key ? { kind: 'apiKey', key } : undefined;
}

/** The credentials in a configuration, for whoever takes them out of texts. */
export function secretsOf({ slack, anthropic, api, redisUrl, otlp }: Config): string[] {
  const { credential } = anthropic;
  const engine = credential?.kind === 'oauth' ? credential.token : credential?.key;
  const sent = Object.values(otlp?.headers ?? {});
  const found = [slack.botToken, engine, api.token, api.readToken, readRedisUrl(redisUrl).password, ...sent];
  return found.filter((secret) => secret !== undefined);
}

/** Whether an address can be reached from this machine only. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}
