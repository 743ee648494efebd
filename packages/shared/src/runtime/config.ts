/** The configuration: the environment, parsed once at the start and then passed on as a value. */
import { join, resolve, sep } from 'node:path';
import { z } from 'zod';
import type { PaidTier } from '../wake/budget.ts';
import type { DebouncePolicy } from '../wake/pair.ts';
import { isInjectedPort, suggestion, unknownNames } from './env-names.ts';
import { type AppName, COMPOSE_VARIABLES, ENV_TABLE, VARIABLES, type Variable } from './env-table.ts';
import { isRedisUrl, type ModelChoice, type ModelPrice } from './env-types.ts';
import { StartupError } from './errors.ts';
import { homeFolder } from './folders.ts';
import { readRedisUrl } from './redis-url.ts';

export type { ModelChoice, ModelPrice } from './env-types.ts';

/** A credential for the Messages API. */
export type AnthropicCredential =
  /** `oauth`: of Claude Code. `bearer`: of any other issuer. */
  { kind: 'oauth' | 'bearer'; token: string } | { kind: 'apiKey'; key: string };

export interface Config {
  redisUrl: string;
  queuePrefix: string;
  /** Absolute path of `KORA_HOME`; undefined if it is not set and this user has no home folder. */
  home: string | undefined;
  auditLogPath: string;
  /** True if the audit log is in `KORA_HOME`, which Kora Wake creates. Other folders are the operator's. */
  createsLogFolder: boolean;
  /** The tailer rotates the log at this size, bytes; 0 = the operator does it. */
  auditLogMaxBytes: number;
  /** Keeps logs apart that have the same path on different hosts. */
  sourceName?: string;
  debounce: DebouncePolicy;
  /** An incident without a row for this time expires, ms; 0 = no incidents. */
  incidentQuietMs: number;
  /** Time after an acknowledgement, and between reminders, ms; 0 = never. */
  ackRemindMs: number;
  /** Longest time until the tailer reads a new row, ms. */
  pollMs: number;
  /** Older rows are stale, ms; 0 = no limit. */
  maxAgeMs: number;
  /** Absolute path of the policy file; undefined: none. */
  policyPath?: string;
  slack: { botToken?: string; operatorUserId?: string; apiUrl?: string; signingSecret?: string; appToken?: string };
  anthropic: { credential?: AnthropicCredential; baseUrl?: string };
  systemPromptPath?: string;
  /** Deadline of one investigation with all its retries, ms. */
  investigationTimeoutMs: number;
  workerConcurrency: number;
  /** Budget in USD for a UTC month; 0 = no limit. */
  costMonthlyUsd: number;
  models: Record<PaidTier, ModelChoice>;
  /** The operator's own prices, by model. */
  modelPrices: Record<string, ModelPrice>;
  mcpConfigPath?: string;
  /** Rounds of an investigation in which tools may be called. */
  maxToolRounds: number;
  /** Whether the inputs and outputs of investigations are stored for the console. */
  keepsSteps: boolean;
  /** Targets that `http_check`, `dns_lookup` and `tls_certificate` may reach, as text; empty: they may reach nothing. */
  httpCheckAllow: string;
  /** Patterns of secrets, in addition to the built-in ones. */
  redact: RegExp[];
  /** HTTP proxy for Slack and the LLM: its URL, which may contain a password, and the value of `NO_PROXY`; undefined: none. */
  proxy?: { url: string; noProxy: string };
  /** `basePath`: '' or a path such as `/kora`, without a slash at the end. */
  api: { host: string; port: number; basePath: string; token?: string; readToken?: string };
  /** Credentials of alerting tools: a token, and secrets with which a source signs its requests. */
  ingest: {
    token?: string;
    sentrySecret?: string;
    pagerdutySecret?: string;
    grafanaSecret?: string;
    snsTopicArns?: string[];
  };
  /** Address at which people reach the console, without a slash at the end; undefined: not known. */
  consoleUrl?: string;
  /** Port of the metrics of tailer and worker; undefined: off. */
  metricsPort?: number;
  /** Receiver of traces; undefined: off. */
  otlp?: { endpoint: string; headers: Record<string, string> };
  logLevel: string;
}

const LOOPBACK = /^(?:localhost|::1|127(?:\.\d{1,3}){3})$/;

/** Shorter tokens can be guessed by other machines; characters. */
const MIN_TOKEN = 16;

function tokensFit(
  e: {
    KORA_API_HOST: string;
    KORA_API_TOKEN?: string | undefined;
    KORA_API_READ_TOKEN?: string | undefined;
    KORA_INGEST_TOKEN?: string | undefined;
  },
  context: z.RefinementCtx,
): void {
  const {
    KORA_API_HOST: host,
    KORA_API_TOKEN: token,
    KORA_API_READ_TOKEN: readToken,
    KORA_INGEST_TOKEN: ingestToken,
  } = e;
  const fault = (name: string, message: string) => context.addIssue({ code: 'custom', path: [name], message });
  // A read-only token protects nothing if requests without a token, or with the same one, may change everything.
  if (readToken !== undefined && token === undefined) fault('KORA_API_READ_TOKEN', 'needs KORA_API_TOKEN beside it');
  if (readToken !== undefined && readToken === token) fault('KORA_API_READ_TOKEN', 'must differ from KORA_API_TOKEN');
  // Many tools hold the token for alerts, so it must not open anything else.
  if (ingestToken !== undefined && [token, readToken].includes(ingestToken)) {
    fault('KORA_INGEST_TOKEN', 'must differ from KORA_API_TOKEN and KORA_API_READ_TOKEN');
  }
  if (isLoopback(host)) return;
  const tokens = { KORA_API_TOKEN: token, KORA_API_READ_TOKEN: readToken, KORA_INGEST_TOKEN: ingestToken };
  for (const [name, value = ''] of Object.entries(tokens)) {
    const isShort = value !== '' && value.length < MIN_TOKEN;
    if (isShort) fault(name, `must have at least ${MIN_TOKEN} characters if KORA_API_HOST is not loopback`);
  }
}

/** In Redis Cluster a script may use keys of one slot only. A hash tag puts all keys into one slot. */
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

const ENV = z.object(ENV_TABLE).superRefine(prefixFits).superRefine(tokensFit);
/** Selects the variables that an app or a command uses. */
export type Uses = (variable: Variable) => boolean;

export const usedBy =
  (app: AppName): Uses =>
  ({ apps }) =>
    apps.includes(app);

export const only =
  (...names: Array<keyof typeof ENV_TABLE>): Uses =>
  ({ name }) =>
    names.some((used) => used === name);

/**
 * Reads the environment. Empty variables count as unset; blanks around a value are removed. A fault in a variable that is not
 * used counts as unset: it must not stop an app that works without it.
 *
 * @param uses default: all variables
 * @returns the configuration, and warnings: used lenient variables with a bad value, unknown names, injected values
 * @throws StartupError that lists every fault; it never shows a value, because a value may be a credential
 */
export function loadConfig(
  env: Record<string, string | undefined>,
  uses: Uses = () => true,
): { config: Config; warnings: string[] } {
  const set = Object.fromEntries(
    Object.entries(withUpperCaseNames(env)).flatMap(([name, value]) => (value?.trim() ? [[name, value.trim()]] : [])),
  );
  const warnings = [...removeInjected(set), ...unknownWarnings(Object.keys(set))];
  const used = VARIABLES.filter(uses);
  for (const { name, schema, ...facts } of used.filter(({ lenient }) => lenient)) {
    const parsed = schema.safeParse(set[name]);
    if (parsed.success) continue;
    const fallback = facts.default === undefined ? 'it is ignored' : `the default ${facts.default} is used`;
    warnings.push(`${name} ${parsed.error.issues[0]?.message}; ${fallback}`);
    delete set[name];
  }
  const e = parse(set, new Set(used.map(({ name }) => name)));
  const home = homeOf(e);
  const auditLogPath = expandHome(e.KORA_AUDIT_LOG_PATH ?? join(needed(home), 'kora_audit_log.jsonl'));
  const operatorUserId = e.KORA_SLACK_OPERATOR_USER_ID ?? e.KORA_SLACK_JOSHUA_USER_ID;
  const credential = anthropicCredential(e);
  return {
    warnings,
    config: {
      redisUrl: e.REDIS_URL,
      queuePrefix: e.KORA_QUEUE_PREFIX,
      home,
      auditLogPath,
      auditLogMaxBytes: Math.ceil(e.KORA_AUDIT_LOG_MAX_MIB * 1024 * 1024),
      createsLogFolder: home !== undefined && auditLogPath.startsWith(`${home}${sep}`),
      ...(e.KORA_SOURCE_NAME && { sourceName: e.KORA_SOURCE_NAME }),
      debounce: {
        windowMs: e.KORA_PROBE_DEBOUNCE_SECONDS * 1000,
        consecutive: e.KORA_PROBE_DEBOUNCE_CONSECUTIVE_REQUIRED,
        bypassCritical: e.KORA_PROBE_DEBOUNCE_BYPASS_CRITICAL,
      },
      incidentQuietMs:
        e.KORA_INCIDENT_QUIET_SECONDS > 0
          ? Math.max(e.KORA_INCIDENT_QUIET_SECONDS, e.KORA_PROBE_DEBOUNCE_SECONDS) * 1000
          : 0,
      ackRemindMs: e.KORA_ACK_REMIND_SECONDS * 1000,
      pollMs: Math.max(1, e.KORA_PROBE_WAKE_POLL_SEC * 1000),
      maxAgeMs: e.KORA_PROBE_WAKE_MAX_AGE_SECONDS * 1000,
      ...(e.KORA_POLICY_PATH && { policyPath: expandHome(e.KORA_POLICY_PATH) }),
      slack: {
        ...(e.KORA_SLACK_BOT_TOKEN && { botToken: e.KORA_SLACK_BOT_TOKEN }),
        ...(operatorUserId && { operatorUserId }),
        ...(e.KORA_SLACK_API_URL && { apiUrl: e.KORA_SLACK_API_URL }),
        ...(e.KORA_SLACK_APP_TOKEN && { appToken: e.KORA_SLACK_APP_TOKEN }),
        ...(e.KORA_SLACK_SIGNING_SECRET && { signingSecret: e.KORA_SLACK_SIGNING_SECRET }),
      },
      anthropic: {
        ...(credential && { credential }),
        ...(e.ANTHROPIC_BASE_URL && { baseUrl: e.ANTHROPIC_BASE_URL }),
      },
      ...(e.KORA_SYSTEM_PROMPT_PATH && { systemPromptPath: e.KORA_SYSTEM_PROMPT_PATH }),
      investigationTimeoutMs: e.KORA_INVESTIGATION_TIMEOUT_SECONDS * 1000,
      workerConcurrency: e.KORA_WORKER_CONCURRENCY,
      costMonthlyUsd: e.KORA_COST_MONTHLY_USD,
      models: modelsOf(e),
      modelPrices: e.KORA_MODEL_PRICE ?? {},
      ...(e.KORA_MCP_CONFIG && { mcpConfigPath: e.KORA_MCP_CONFIG }),
      maxToolRounds: e.KORA_MAX_TOOL_ITERATIONS,
      keepsSteps: e.KORA_KEEP_STEPS,
      httpCheckAllow: e.KORA_HTTP_CHECK_ALLOW ?? '',
      redact: e.KORA_REDACT ?? [],
      ...(e.HTTPS_PROXY && { proxy: { url: e.HTTPS_PROXY, noProxy: e.NO_PROXY ?? '' } }),
      api: {
        host: e.KORA_API_HOST,
        port: e.KORA_API_PORT,
        basePath: e.KORA_API_BASE_PATH ?? '',
        ...(e.KORA_API_TOKEN && { token: e.KORA_API_TOKEN }),
        ...(e.KORA_API_READ_TOKEN && { readToken: e.KORA_API_READ_TOKEN }),
      },
      ingest: {
        ...(e.KORA_INGEST_TOKEN && { token: e.KORA_INGEST_TOKEN }),
        ...(e.KORA_SENTRY_CLIENT_SECRET && { sentrySecret: e.KORA_SENTRY_CLIENT_SECRET }),
        ...(e.KORA_PAGERDUTY_WEBHOOK_SECRET && { pagerdutySecret: e.KORA_PAGERDUTY_WEBHOOK_SECRET }),
        ...(e.KORA_GRAFANA_WEBHOOK_SECRET && { grafanaSecret: e.KORA_GRAFANA_WEBHOOK_SECRET }),
        ...(e.KORA_SNS_TOPIC_ARNS && { snsTopicArns: e.KORA_SNS_TOPIC_ARNS }),
      },
      ...(e.KORA_CONSOLE_URL && { consoleUrl: e.KORA_CONSOLE_URL }),
      ...(e.KORA_METRICS_PORT !== undefined && { metricsPort: e.KORA_METRICS_PORT }),
      ...(e.OTEL_EXPORTER_OTLP_ENDPOINT && {
        otlp: { endpoint: e.OTEL_EXPORTER_OTLP_ENDPOINT, headers: e.OTEL_EXPORTER_OTLP_HEADERS ?? {} },
      }),
      logLevel: e.LOG_LEVEL,
    },
  };
}

/** Many programs write the variables of the proxy in lower case. */
function withUpperCaseNames(env: Record<string, string | undefined>): Record<string, string | undefined> {
  const { https_proxy: url, no_proxy: excluded } = env;
  return {
    ...env,
    HTTPS_PROXY: env.HTTPS_PROXY?.trim() ? env.HTTPS_PROXY : url,
    NO_PROXY: env.NO_PROXY?.trim() ? env.NO_PROXY : excluded,
  };
}

/** Removes the values that Kubernetes injected instead of a port. @returns a warning for each */
function removeInjected(set: Record<string, string>): string[] {
  const injected = Object.keys(set).filter((name) => name.startsWith('KORA_') && isInjectedPort(name, set[name] ?? ''));
  for (const name of injected) delete set[name];
  return injected.map((name) => `${name} is the address of a Kubernetes Service, not a port; it is ignored`);
}

function unknownWarnings(names: string[]): string[] {
  const known = VARIABLES.map(({ name }) => name);
  return unknownNames(names, new Set([...known, ...COMPOSE_VARIABLES])).map((name) => {
    const meant = suggestion(name, known);
    return `${name} is not a variable of Kora Wake; it is ignored${meant ? `. Did you mean ${meant}?` : ''}`;
  });
}

type Parsed = z.infer<typeof ENV>;

/** @param set is changed: a variable that is faulty and not used is removed */
function parse(set: Record<string, string>, used: ReadonlySet<string>): Parsed {
  const parsed = ENV.safeParse(set);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => ({ name: String(issue.path[0]), message: issue.message }));
  const unused = faults.filter(({ name }) => !used.has(name) && name in set);
  if (unused.length > 0) {
    for (const { name } of unused) delete set[name];
    return parse(set, used);
  }
  const lines = faults.map(({ name, message }) => `  ${name} ${message}`);
  throw new StartupError(`the configuration is not usable:\n${lines.join('\n')}`);
}

function homeOf({ KORA_HOME }: Parsed): string | undefined {
  if (KORA_HOME !== undefined) return expandHome(KORA_HOME);
  const folder = homeFolder();
  return folder === undefined ? undefined : resolve(folder, '.kora');
}

/** An absolute path. A shell would have expanded a leading `~`, but an environment file has no shell. */
function expandHome(path: string): string {
  return resolve(/^~(?:\/|$)/.test(path) ? join(needed(homeFolder()), path.slice(1)) : path);
}

/** @throws StartupError if there is no folder */
function needed(home: string | undefined): string {
  if (home !== undefined) return home;
  throw new StartupError('this user has no home folder. Set KORA_HOME or KORA_AUDIT_LOG_PATH.');
}

const MODELS: Record<PaidTier, ModelChoice> = {
  normal: { model: 'claude-sonnet-5-5', effort: 'medium' },
  warn_75: { model: 'claude-sonnet-5-5', effort: 'low' },
  downshift_90: { model: 'claude-haiku-4-5' },
};

/** An operator who names one model may have no other: a server of their own does not know ours. */
function modelsOf(e: Parsed): Record<PaidTier, ModelChoice> {
  const normal = e.KORA_MODEL_NORMAL;
  return {
    normal: normal ?? MODELS.normal,
    warn_75: e.KORA_MODEL_WARN_75 ?? normal ?? MODELS.warn_75,
    downshift_90: e.KORA_MODEL_DOWNSHIFT_90 ?? normal ?? MODELS.downshift_90,
  };
}

function anthropicCredential(e: Parsed): AnthropicCredential | undefined {
  if (e.CLAUDE_CODE_OAUTH_TOKEN) return { kind: 'oauth', token: e.CLAUDE_CODE_OAUTH_TOKEN };
  const key = e.KORA_ANTHROPIC_API_KEY ?? e.ANTHROPIC_API_KEY;
  if (key) return { kind: 'apiKey', key };
  return e.ANTHROPIC_AUTH_TOKEN ? { kind: 'bearer', token: e.ANTHROPIC_AUTH_TOKEN } : undefined;
}

/** True if only this machine can reach the address. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}
