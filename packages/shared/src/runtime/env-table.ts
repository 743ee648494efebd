/**
 * Every environment variable, once: its schema, default and meaning. The parser in `config.ts`, its types,
 * `docs/configuration.md` and `.env.example` all come from this table.
 */
import { z } from 'zod';
import * as type from './env-types.ts';

export const APP_NAMES = ['tailer', 'worker', 'api'] as const;
export type AppName = (typeof APP_NAMES)[number];

interface Facts {
  /** Meaning for the operator, in Markdown. */
  doc: string;
  /** The apps that use the variable, if they are not those of its group. */
  apps?: readonly AppName[];
  /** Default of an optional variable as text for the documents, if the code computes it. */
  computedDefault?: string;
  /** A bad value falls back to the default with a warning, because a bad setting must not silence alerts. */
  lenient?: true;
  /** The whole value is a credential. */
  secret?: true;
}

interface VariableFacts extends Facts {
  /** Text for a missing value. The schema parses it like a value of the environment. */
  default?: string;
}

const FACTS = z.registry<VariableFacts>();

function withDefault<T>(schema: z.ZodType<T, string>, value: string, facts: Facts) {
  return schema.prefault(value).register(FACTS, { ...facts, default: value });
}

function optional<T>(schema: z.ZodType<T, string>, facts: Facts) {
  return schema.optional().register(FACTS, facts);
}

/** A tebibyte. */
const MAX_LOG_MIB = 1_048_576;
const DAY_S = 86_400;
const DECADE_S = 3_650 * DAY_S;

const REDIS = {
  REDIS_URL: withDefault(type.redisUrl, 'redis://127.0.0.1:6379', {
    doc: 'Redis or Valkey, also over TLS, with Sentinels or as a cluster: see [redis.md](redis.md). If it is not set, `npm start` starts a private Redis.',
  }),
  KORA_QUEUE_PREFIX: withDefault(type.word('a key prefix'), '{kora}', {
    doc: 'Prefix of every key in Redis. Redis Cluster needs the braces.',
  }),
};

const AUDIT_LOG = {
  KORA_HOME: optional(type.path, {
    computedDefault: '~/.kora',
    doc: 'Folder of the audit log and of the private Redis.',
  }),
  KORA_AUDIT_LOG_PATH: optional(type.path, {
    computedDefault: '$KORA_HOME/kora_audit_log.jsonl',
    doc: 'The audit log to watch: the path of one file. Only a leading `~` is expanded.',
  }),
  KORA_AUDIT_LOG_MAX_MIB: withDefault(type.number({ min: 0, max: MAX_LOG_MIB }), '0', {
    apps: ['tailer'],
    doc: 'At this size in MiB the tailer renames the log, once it is read to its end. It keeps the five newest old files. 0: you rotate it. See [audit-log.md](audit-log.md#rotation).',
  }),
  KORA_SOURCE_NAME: optional(type.word('a name'), {
    doc: "Name of this host's log, if several hosts watch logs under the same path with one Redis. Without it only one of them is watched.",
  }),
};

/** The tailer decides rows; the API decides them again in a backtest. */
const DECIDING: readonly AppName[] = ['tailer', 'api'];

const ALERTS = {
  KORA_PROBE_DEBOUNCE_SECONDS: withDefault(type.number({ min: 0, max: DECADE_S, integer: true }), '600', {
    apps: APP_NAMES,
    lenient: true,
    doc: 'Length of the suppression window in seconds. After an alert, repeats of the same probe and category are counted, not sent. 0: no suppression.',
  }),
  KORA_PROBE_DEBOUNCE_BYPASS_CRITICAL: withDefault(type.boolean, 'false', {
    apps: DECIDING,
    lenient: true,
    doc: 'If true, a critical alert is sent even inside a suppression window, and restarts the window.',
  }),
  KORA_PROBE_DEBOUNCE_CONSECUTIVE_REQUIRED: withDefault(type.number({ min: 1, max: 1_000, integer: true }), '1', {
    apps: DECIDING,
    lenient: true,
    doc: 'Number of alerts of the same probe and category, within one suppression window, after which you are notified. The ones before are counted. It does not apply while an incident is open.',
  }),
  KORA_INCIDENT_QUIET_SECONDS: withDefault(type.number({ min: 0, max: DECADE_S, integer: true }), '7200', {
    apps: APP_NAMES,
    doc: 'An incident expires after this many seconds without a row of its pair, but not before the suppression window is over. Alerting tools may send an alert only once, so their incidents expire after 24 h. 0: no incidents, each alert stands alone.',
  }),
  KORA_ACK_REMIND_SECONDS: withDefault(type.number({ min: 0, max: DECADE_S, integer: true }), '14400', {
    apps: ['worker'],
    doc: 'An acknowledged incident that is still open sends a reminder after this many seconds, again and again. 0: never.',
  }),
  KORA_PROBE_WAKE_POLL_SEC: withDefault(type.number({ min: 0, max: DAY_S, above: true }), '30', {
    lenient: true,
    doc: 'Longest time in seconds until the tailer reads a new row. File events make it faster.',
  }),
  KORA_PROBE_WAKE_MAX_AGE_SECONDS: withDefault(type.number({ min: 0, max: DECADE_S, integer: true }), '3600', {
    doc: 'Alerts older than this, in seconds, are rejected as stale. 0: no limit.',
  }),
  KORA_POLICY_PATH: optional(type.path, {
    apps: APP_NAMES,
    doc: 'Path of a YAML file with the policy: which alerts notify and when, how alerts of other tools become alerts of Kora Wake, and whom an incident is escalated to. See [policy.md](policy.md). A file with faults stops an app at its start; after a change, send SIGHUP to the apps.',
  }),
};

const SLACK = {
  KORA_SLACK_BOT_TOKEN: optional(type.word('a Slack token'), {
    secret: true,
    doc: 'Token of a bot with the scope `chat:write`. The scopes `im:history` and `im:write` let the worker look up an unconfirmed DM. If it is not set, the worker prints DMs in its log.',
  }),
  KORA_SLACK_OPERATOR_USER_ID: optional(type.slackId, {
    doc: 'Slack id of the person who gets the DMs. Without it every DM is a failed delivery (`operator_unset`).',
  }),
  KORA_SLACK_JOSHUA_USER_ID: optional(type.slackId, {
    lenient: true,
    doc: 'Older name of `KORA_SLACK_OPERATOR_USER_ID`, which wins if both are set.',
  }),
  KORA_SLACK_APP_TOKEN: optional(type.word('an app-level token'), {
    secret: true,
    doc: 'App-level token (`xapp-…`) with the scope `connections:write`. With it the messages have buttons. The API opens a WebSocket to Slack (Socket Mode), so Slack needs no public URL. Interactivity must be on.',
  }),
  KORA_SLACK_SIGNING_SECRET: optional(type.word('a secret'), {
    secret: true,
    doc: 'Signing secret of the Slack app. With it the messages have buttons: let the Request URL of Interactivity be `/slack/interactions` of this API, which Slack must reach.',
  }),
  KORA_SLACK_API_URL: optional(type.httpUrl, {
    computedDefault: "Slack's",
    doc: 'For a proxy or a test double. It ends in `/api/`.',
  }),
};

const LLM = {
  CLAUDE_CODE_OAUTH_TOKEN: optional(type.word('a token'), {
    secret: true,
    doc: 'Credential for the LLM. The first one that is set is used: this one, `KORA_ANTHROPIC_API_KEY`, `ANTHROPIC_API_KEY`, `ANTHROPIC_AUTH_TOKEN`. Without one, alerts are sent without a diagnosis (`engine_unavailable`).',
  }),
  KORA_ANTHROPIC_API_KEY: optional(type.word('an API key'), { secret: true, doc: 'Credential for the LLM.' }),
  ANTHROPIC_API_KEY: optional(type.word('an API key'), { secret: true, doc: 'Credential for the LLM.' }),
  ANTHROPIC_AUTH_TOKEN: optional(type.word('a token'), {
    secret: true,
    doc: 'Credential for the LLM, sent as a bearer token.',
  }),
  ANTHROPIC_BASE_URL: optional(type.messagesApiUrl, {
    computedDefault: "Anthropic's",
    doc: 'Any server that speaks the Messages API, such as a gateway or a local model: see [investigator.md](investigator.md#servers-and-gateways). It must not end in `v1` or `messages`. It gets the credential in both usual headers, `x-api-key` and `Authorization`.',
  }),
  KORA_MODEL_NORMAL: optional(type.model, {
    computedDefault: 'claude-sonnet-5-5:medium',
    doc: '`model` or `model:effort`, below 75 % of the budget.',
  }),
  KORA_MODEL_WARN_75: optional(type.model, {
    computedDefault: 'claude-sonnet-5-5:low',
    doc: 'The same, from 75 % of the budget. If it is not set but `KORA_MODEL_NORMAL` is, that model is used.',
  }),
  KORA_MODEL_DOWNSHIFT_90: optional(type.model, {
    computedDefault: 'claude-haiku-4-5',
    doc: 'The same, from 90 % of the budget. If it is not set but `KORA_MODEL_NORMAL` is, that model is used.',
  }),
  KORA_MODEL_PRICE: optional(type.modelPrices, {
    doc: 'Prices of models, in USD per million tokens: `model=input/output`, separated by commas. `0/0`: free. A model without a known price is charged the highest known price.',
  }),
  KORA_COST_MONTHLY_USD: withDefault(type.number({ min: 0, max: 1e9 }), '200', {
    apps: ['worker', 'api'],
    doc: 'Budget of all workers together for a UTC month. Once it is used up, alerts are sent without a diagnosis (`cost_ladder_halted`). 0: no limit.',
  }),
};

const INVESTIGATION = {
  KORA_INVESTIGATION_TIMEOUT_SECONDS: withDefault(type.number({ min: 0, max: DAY_S, above: true }), '120', {
    doc: 'Deadline in seconds of one investigation with its retries and tools. After it, the alert is sent without a diagnosis.',
  }),
  KORA_WORKER_CONCURRENCY: withDefault(type.number({ min: 1, max: 1_000, integer: true }), '8', {
    doc: 'Concurrent investigations of one worker process.',
  }),
  KORA_MAX_TOOL_ITERATIONS: withDefault(type.number({ min: 0, max: 50, integer: true }), '5', {
    doc: 'Rounds in which the AI may call tools. 0: no tools.',
  }),
  KORA_KEEP_STEPS: withDefault(type.boolean, 'true', {
    doc: 'If true, the console shows the inputs and outputs of the AI and its tools, redacted. They are stored for 35 days, 64 MiB at most. False: they are not stored.',
  }),
  KORA_HTTP_CHECK_ALLOW: optional(type.text, {
    doc: 'Targets that the network tools may reach: see [investigator.md](investigator.md#network-targets). If it is not set, they may reach nothing.',
  }),
  KORA_MCP_CONFIG: optional(type.text, {
    doc: 'Path of a file of MCP servers: see [investigator.md](investigator.md#mcp-servers).',
  }),
  KORA_SYSTEM_PROMPT_PATH: optional(type.text, {
    computedDefault: 'built in',
    doc: 'Path of a file with your own system prompt.',
  }),
  KORA_REDACT: optional(type.patterns, {
    apps: APP_NAMES,
    doc: 'Additional secrets to remove from texts: regular expressions, separated by blanks.',
  }),
};

const PROXY = {
  HTTPS_PROXY: optional(type.proxyUrl, {
    doc: 'HTTP proxy through which the worker reaches Slack and the LLM if their URL begins with `https://`: `http://user:password@host:port`. Network tools, MCP servers and traces do not use it. The name may be in lower case.',
  }),
  NO_PROXY: optional(type.text, {
    doc: 'Hosts that are reached without the proxy: names with their subdomains, addresses or networks (`10.0.0.0/8`), each with a `:port` if it is for one port only, separated by commas. `*`: all hosts. The name may be in lower case.',
  }),
};

const API = {
  KORA_API_HOST: withDefault(type.word('a host name or address'), '127.0.0.1', {
    apps: APP_NAMES,
    doc: 'Address on which the API and the console listen.',
  }),
  KORA_API_PORT: withDefault(type.port, '3900', { doc: 'Port of the API and the console.' }),
  KORA_API_TOKEN: optional(type.word('a token'), {
    secret: true,
    doc: 'Allows everything in the API and the console. Required, with at least 16 characters, unless the host is loopback.',
  }),
  KORA_API_READ_TOKEN: optional(type.word('a token'), {
    secret: true,
    doc: 'A second token that allows reading only. It needs `KORA_API_TOKEN`, must differ from it, and has the same minimum length.',
  }),
  KORA_API_BASE_PATH: optional(type.basePath, {
    doc: 'Path under which a reverse proxy serves the API and the console, such as `/kora`: see [operations.md](operations.md#behind-a-reverse-proxy).',
  }),
  KORA_CONSOLE_URL: optional(type.consoleUrl, {
    apps: ['worker', 'api'],
    doc: 'Address at which people reach the console, such as `https://ops.example.com/kora`. A DM that had to be shortened links to its page there.',
  }),
};

const INGESTION = {
  KORA_INGEST_TOKEN: optional(type.word('a token'), {
    secret: true,
    doc: 'Allows alerting tools to send alerts: as Bearer token, as the password of HTTP Basic, or as `routing_key` of PagerDuty events. Without it only this machine may send alerts, and only if the API listens on loopback. At least 16 characters unless the host is loopback. See [sources.md](sources.md).',
  }),
  KORA_SENTRY_CLIENT_SECRET: optional(type.word('a secret'), {
    secret: true,
    doc: 'Client secret of the Sentry integration. If it is set, Sentry needs no token, and only signed requests are accepted.',
  }),
  KORA_PAGERDUTY_WEBHOOK_SECRET: optional(type.word('a secret'), {
    secret: true,
    doc: 'Secret of the PagerDuty webhook subscription. If it is set, PagerDuty needs no token, and only signed requests are accepted.',
  }),
  KORA_GRAFANA_WEBHOOK_SECRET: optional(type.word('a secret'), {
    secret: true,
    doc: 'HMAC secret of the Grafana webhook. If it is set, Grafana needs no token, and only signed requests are accepted.',
  }),
  KORA_SNS_TOPIC_ARNS: optional(type.topicArns, {
    doc: 'ARNs of the SNS topics that may send CloudWatch alarms, comma-separated. Their messages are accepted by their signature.',
  }),
};

const MONITORING = {
  LOG_LEVEL: withDefault(type.logLevel, 'info', { doc: 'A pino level in any case, such as `debug` or `warn`.' }),
  KORA_METRICS_PORT: optional(type.port, {
    apps: ['tailer', 'worker'],
    doc: 'Port on which tailer and worker serve `/metrics`, at `KORA_API_HOST`. Each process needs its own port.',
  }),
  OTEL_EXPORTER_OTLP_ENDPOINT: optional(type.httpUrl, {
    doc: 'Receiver of traces, such as `http://127.0.0.1:4318`. If it is not set, there are no traces.',
  }),
  OTEL_EXPORTER_OTLP_HEADERS: optional(type.headers, {
    secret: true,
    doc: 'Headers of each request to that receiver: `name=value,name=value`, percent-encoded.',
  }),
};

export const ENV_TABLE = {
  ...REDIS,
  ...AUDIT_LOG,
  ...ALERTS,
  ...SLACK,
  ...LLM,
  ...INVESTIGATION,
  ...PROXY,
  ...API,
  ...INGESTION,
  ...MONITORING,
};

export interface Variable extends VariableFacts {
  name: string;
  schema: z.ZodType;
  apps: readonly AppName[];
}

/** @param apps use each variable of the table that names no apps itself */
function variablesOf(table: Record<string, z.ZodType>, apps: readonly AppName[]): Variable[] {
  return Object.entries(table).map(([name, schema]) => {
    const facts = FACTS.get(schema);
    if (!facts) throw new Error(`${name} is not documented`);
    return Object.assign({ name, schema, apps }, facts);
  });
}

/** The variables by group, in the order of the documents. */
export const ENV_GROUPS: ReadonlyArray<{ title: string; variables: Variable[] }> = [
  { title: 'Redis', variables: variablesOf(REDIS, APP_NAMES) },
  { title: 'Audit log', variables: variablesOf(AUDIT_LOG, APP_NAMES) },
  { title: 'Alerts', variables: variablesOf(ALERTS, ['tailer']) },
  { title: 'Slack', variables: variablesOf(SLACK, ['worker']) },
  { title: 'LLM and budget', variables: variablesOf(LLM, ['worker']) },
  { title: 'Investigations', variables: variablesOf(INVESTIGATION, ['worker']) },
  { title: 'Proxy', variables: variablesOf(PROXY, ['worker']) },
  { title: 'API and console', variables: variablesOf(API, ['api']) },
  { title: 'Alerts from other tools', variables: variablesOf(INGESTION, ['api']) },
  { title: 'Logs, metrics and traces', variables: variablesOf(MONITORING, APP_NAMES) },
];

/** The variables of all groups. */
export const VARIABLES: readonly Variable[] = ENV_GROUPS.flatMap(({ variables }) => variables);

/** Variables that only docker-compose.yml reads. Compose also passes them to the apps. */
export const COMPOSE_VARIABLES: ReadonlySet<string> = new Set(['KORA_LOG_DIR']);
