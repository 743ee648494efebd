import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isLoopback, loadConfig, only, usedBy } from '../../src/runtime/config.ts';
import { APP_NAMES } from '../../src/runtime/env-table.ts';

const NOTHING = { KORA_HOME: '/tmp/kora' };

describe('loadConfig', () => {
  test('returns the documented defaults for an empty environment', () => {
    const { config, warnings } = loadConfig(NOTHING);
    expect(warnings).toEqual([]);
    expect(config).toEqual({
      ingest: {},
      incidentQuietMs: 7_200_000,
      ackRemindMs: 14_400_000,
      auditLogMaxBytes: 0,
      modelPrices: {},
      keepsSteps: true,
      httpCheckAllow: '',
      maxToolRounds: 5,
      redact: [],
      redisUrl: 'redis://127.0.0.1:6379',
      queuePrefix: '{kora}',
      home: '/tmp/kora',
      auditLogPath: '/tmp/kora/kora_audit_log.jsonl',
      createsLogFolder: true,
      debounce: { windowMs: 600_000, consecutive: 1, bypassCritical: false },
      pollMs: 30_000,
      maxAgeMs: 3_600_000,
      slack: {},
      anthropic: {},
      investigationTimeoutMs: 120_000,
      workerConcurrency: 8,
      costMonthlyUsd: 200,
      models: {
        normal: { model: 'claude-sonnet-5-5', effort: 'medium' },
        warn_75: { model: 'claude-sonnet-5-5', effort: 'low' },
        downshift_90: { model: 'claude-haiku-4-5' },
      },
      api: { host: '127.0.0.1', port: 3900, basePath: '' },
      logLevel: 'info',
    });
  });

  test('treats an empty variable as unset, and removes blanks around a value', () => {
    const { config } = loadConfig({
      ...NOTHING,
      KORA_API_TOKEN: '  ',
      REDIS_URL: '',
      KORA_SLACK_BOT_TOKEN: ' xoxb-1 \n',
    });
    expect(config.api.token).toBeUndefined();
    expect(config.redisUrl).toBe('redis://127.0.0.1:6379');
    expect(config.slack.botToken).toBe('xoxb-1');
  });

  test.each([
    [
      'KORA_PROBE_DEBOUNCE_SECONDS',
      ['-1', '1.5', 'ten', '0x10', '1e3', '99999999999', 'NaN'],
      (c: Loaded) => c.debounce.windowMs,
      600_000,
    ],
    ['KORA_PROBE_DEBOUNCE_BYPASS_CRITICAL', ['maybe', '2', 'truee'], (c: Loaded) => c.debounce.bypassCritical, false],
    ['KORA_PROBE_WAKE_POLL_SEC', ['0', '-3', 'soon', '1e9'], (c: Loaded) => c.pollMs, 30_000],
    ['KORA_SLACK_JOSHUA_USER_ID', ['joshua', '@joshua', 'U1 U2'], (c: Loaded) => c.slack.operatorUserId, undefined],
  ])('uses the default for a bad %s, and warns with its name', (name, values, field, fallback) => {
    for (const value of values) {
      const { config, warnings } = loadConfig({ ...NOTHING, [name]: value });
      expect(field(config)).toBe(fallback);
      expect(warnings).toHaveLength(1);
      expect(warnings[0]).toContain(name);
    }
  });

  test.each([['true'], ['1'], ['YES'], ['On']])('reads %s as true', (word) => {
    expect(loadConfig({ KORA_PROBE_DEBOUNCE_BYPASS_CRITICAL: word }).config.debounce.bypassCritical).toBe(true);
  });

  test('accepts a debounce of 0 and a poll of half a second', () => {
    const { config, warnings } = loadConfig({ KORA_PROBE_DEBOUNCE_SECONDS: '0', KORA_PROBE_WAKE_POLL_SEC: '0.5' });
    expect([config.debounce.windowMs, config.pollMs, warnings]).toEqual([0, 500, []]);
  });

  test.each([
    ['KORA_REDACT', ['[', 'a b*', '.*']],
    ['KORA_MAX_TOOL_ITERATIONS', ['-1', 'five']],
    ['REDIS_URL', ['http://x', 'redis', 'redis-sentinel://h']],
    ['KORA_QUEUE_PREFIX', ['a b', 'ä']],
    ['KORA_SLACK_OPERATOR_USER_ID', ['joshua']],
    ['KORA_PROBE_WAKE_MAX_AGE_SECONDS', ['-1', 'x', '1.5']],
    ['KORA_SLACK_BOT_TOKEN', ['xoxb 1']],
    ['KORA_SLACK_API_URL', ['slack.com/api', 'ftp://x']],
    ['CLAUDE_CODE_OAUTH_TOKEN', ['a b']],
    ['KORA_ANTHROPIC_API_KEY', ['a b']],
    ['ANTHROPIC_API_KEY', ['a\nb']],
    ['ANTHROPIC_AUTH_TOKEN', ['a b']],
    [
      'ANTHROPIC_BASE_URL',
      [
        'gateway',
        'http://gw/v1',
        'http://gw/v1/',
        'https://gw/api/v1/messages',
        'http://gw/v1?a=b',
        'http://gw/messages//',
      ],
    ],
    ['KORA_INVESTIGATION_TIMEOUT_SECONDS', ['0', '-1', 'x']],
    ['KORA_WORKER_CONCURRENCY', ['0', '2.5', '9999', 'x']],
    ['KORA_COST_MONTHLY_USD', ['-1', 'x']],
    ['KORA_MODEL_NORMAL', ['claude-sonnet-5-5:hgih', 'two words']],
    ['KORA_MODEL_WARN_75', ['claude:']],
    ['KORA_MODEL_DOWNSHIFT_90', [': low']],
    ['KORA_MODEL_PRICE', ['qwen', 'qwen=1', 'qwen=1/x', '=1/2', 'a=1/2,', 'a=-1/2']],
    ['KORA_API_HOST', ['a b']],
    ['KORA_API_PORT', ['65536', '-1', 'http', '80.5']],
    ['KORA_API_TOKEN', ['a b']],
    ['HTTPS_PROXY', ['socks5://proxy:1080', 'http://', 'http://u:%zz@proxy:3128', 'a b']],
    ['KORA_API_BASE_PATH', ['kora', '/a b', '/a//b', '/../x', '/a?b', 'http://x/kora', '/ä', '//']],
    [
      'KORA_CONSOLE_URL',
      ['ops.example.com', 'https://u:secret@ops', 'https://ops/#/x', `https://ops/${'x'.repeat(300)}`],
    ],
    ['LOG_LEVEL', ['loud']],
    [
      'KORA_AUDIT_LOG_PATH',
      [
        '/var/log/*.jsonl',
        '"/var/log/kora.jsonl"',
        "'/var/log/kora.jsonl",
        '$HOME/kora.jsonl',
        '/var/log/${APP}/log',
        'file:///var/log/kora.jsonl',
        'https://host/log',
        '~joshua/log',
        '/var/log/a.jsonl,/var/log/b.jsonl',
        '/var/log/a.jsonl:/var/log/b.jsonl',
        '/var/log/a.jsonl ./b.jsonl',
        '/var/log/a[12].jsonl',
        '/var/log/{a,b}.jsonl',
      ],
    ],
    ['KORA_HOME', ['"/srv/kora"', '$HOME/.kora', '~root']],
  ])('rejects a bad %s, names it and does not show the value', (name, values) => {
    for (const value of values) {
      let message = '';
      try {
        loadConfig({ ...NOTHING, [name]: value });
      } catch (error) {
        message = String(error);
      }
      expect(message).toMatch(
        new RegExp(`StartupError: the configuration is not usable:\\n  ${name} must be [^\\n]+$`),
      );
    }
  });

  test.each([
    ['~', homedir()],
    ['~/kora', join(homedir(), 'kora')],
    ["/home/o'brien/my logs", "/home/o'brien/my logs"],
    ['/srv/a~b', '/srv/a~b'],
  ])('takes KORA_HOME=%s as it is, and expands only a leading ~', (value, home) => {
    const { config } = loadConfig({ KORA_HOME: value });
    expect([config.home, config.auditLogPath]).toEqual([home, join(home, 'kora_audit_log.jsonl')]);
    expect(config.createsLogFolder).toBe(true);
    expect(loadConfig({ KORA_HOME: value, KORA_AUDIT_LOG_PATH: '/var/log/x' }).config.createsLogFolder).toBe(false);
  });

  test('never shows a value, because it may be a credential', () => {
    const bad = { REDIS_URL: 'hunter2', KORA_SLACK_BOT_TOKEN: 'hunter2 hunter2', KORA_MODEL_NORMAL: 'claude:hunter2' };
    expect(() => loadConfig(bad)).toThrow(/^(?![^]*hunter2)[^]*REDIS_URL[^]*KORA_SLACK_BOT_TOKEN[^]*KORA_MODEL_NORMAL/);
  });

  test('lists every fault in one error', () => {
    expect(() => loadConfig({ REDIS_URL: 'x', KORA_API_PORT: 'y', LOG_LEVEL: 'z' })).toThrow(
      /REDIS_URL[^]*KORA_API_PORT[^]*LOG_LEVEL/,
    );
  });

  test.each(['INFO', 'Info', 'wArN'])('accepts the log level %s', (level) => {
    expect(loadConfig({ ...NOTHING, LOG_LEVEL: level }).config.logLevel).toBe(level.toLowerCase());
  });

  test('prefers KORA_SLACK_OPERATOR_USER_ID to the older name', () => {
    const both = { KORA_SLACK_JOSHUA_USER_ID: 'U0JOSHUA', KORA_SLACK_OPERATOR_USER_ID: 'U0OPERATOR' };
    expect(loadConfig(both).config.slack.operatorUserId).toBe('U0OPERATOR');
    expect(loadConfig({ KORA_SLACK_JOSHUA_USER_ID: 'U0JOSHUA' }).config.slack.operatorUserId).toBe('U0JOSHUA');
  });

  test('uses KORA_MODEL_NORMAL on each tier that has no model of its own', () => {
    const modelsOf = (env: Record<string, string>) => {
      const { normal, warn_75, downshift_90 } = loadConfig(env).config.models;
      return [normal.model, warn_75.model, downshift_90.model];
    };
    expect(modelsOf({})).toEqual(['claude-sonnet-5-5', 'claude-sonnet-5-5', 'claude-haiku-4-5']);
    expect(modelsOf({ KORA_MODEL_NORMAL: 'qwen3:8b' })).toEqual(['qwen3:8b', 'qwen3:8b', 'qwen3:8b']);
    expect(modelsOf({ KORA_MODEL_NORMAL: 'a', KORA_MODEL_WARN_75: 'b' })).toEqual(['a', 'b', 'a']);
    expect(modelsOf({ KORA_MODEL_DOWNSHIFT_90: 'c' })).toEqual(['claude-sonnet-5-5', 'claude-sonnet-5-5', 'c']);
  });

  test('reads prices of models', () => {
    expect(loadConfig({ KORA_MODEL_PRICE: 'qwen3:8b=0/0, openai/gpt-x=1.25/10' }).config.modelPrices).toEqual({
      'qwen3:8b': { inputUsd: 0, outputUsd: 0 },
      'openai/gpt-x': { inputUsd: 1.25, outputUsd: 10 },
    });
  });

  test('uses the first credential that is set', () => {
    const token = { ANTHROPIC_AUTH_TOKEN: 't' };
    const all = { ...token, CLAUDE_CODE_OAUTH_TOKEN: 'o', KORA_ANTHROPIC_API_KEY: 'k', ANTHROPIC_API_KEY: 'a' };
    expect(loadConfig(all).config.anthropic.credential).toEqual({ kind: 'oauth', token: 'o' });
    expect(loadConfig({ ...all, CLAUDE_CODE_OAUTH_TOKEN: '' }).config.anthropic.credential).toEqual({
      kind: 'apiKey',
      key: 'k',
    });
    const credentialOf = (env: Record<string, string>) => loadConfig(env).config.anthropic.credential;
    expect(credentialOf({ ...token, ANTHROPIC_API_KEY: 'a' })).toEqual({ kind: 'apiKey', key: 'a' });
    expect(credentialOf(token)).toEqual({ kind: 'bearer', token: 't' });
  });

  test.each(['http://localhost:11434', 'https://gw/anthropic', 'https://gw/v1beta', 'https://gw/api/messages-api'])(
    'accepts the base URL %s',
    (url) => {
      expect(loadConfig({ ANTHROPIC_BASE_URL: url }).config.anthropic.baseUrl).toBe(url);
    },
  );

  test.each([
    ['claude-opus-5-5:high', { model: 'claude-opus-5-5', effort: 'high' }],
    ['claude-haiku-4-5', { model: 'claude-haiku-4-5' }],
    ['qwen3:8b', { model: 'qwen3:8b' }],
    ['qwen3:8b:low', { model: 'qwen3:8b', effort: 'low' }],
  ])('reads the model %s', (text, choice) => {
    expect(loadConfig({ KORA_MODEL_NORMAL: text }).config.models.normal).toEqual(choice);
  });
});

test.each<[Record<string, string>, Loaded['proxy']]>([
  [{}, undefined],
  [{ NO_PROXY: '*' }, undefined],
  [{ HTTPS_PROXY: 'http://proxy:3128' }, { url: 'http://proxy:3128', noProxy: '' }],
  [
    { HTTPS_PROXY: 'proxy:3128', NO_PROXY: 'a, b' },
    { url: 'http://proxy:3128', noProxy: 'a, b' },
  ],
  [
    { https_proxy: 'http://proxy:3128', no_proxy: 'a' },
    { url: 'http://proxy:3128', noProxy: 'a' },
  ],
  [
    { HTTPS_PROXY: 'http://upper:1', https_proxy: 'http://lower:1' },
    { url: 'http://upper:1', noProxy: '' },
  ],
])('reads the proxy of %j', (env, proxy) => {
  expect(loadConfig({ ...NOTHING, ...env }).config.proxy).toEqual(proxy);
});

describe('a variable with a bad value', () => {
  const BAD: Record<string, string> = {
    REDIS_URL: 'x',
    KORA_PROBE_WAKE_MAX_AGE_SECONDS: 'soon',
    KORA_SLACK_API_URL: 'slack.com',
    KORA_MODEL_NORMAL: 'claude:x',
    KORA_COST_MONTHLY_USD: 'much',
    KORA_WORKER_CONCURRENCY: 'many',
    KORA_API_PORT: 'http',
    KORA_API_READ_TOKEN: 'a-read-token-alone',
    KORA_METRICS_PORT: 'x',
    OTEL_EXPORTER_OTLP_ENDPOINT: 'x',
  };
  const faultsFor = (app: (typeof APP_NAMES)[number], name: string) => {
    try {
      loadConfig({ ...NOTHING, [name]: BAD[name] ?? '' }, usedBy(app));
      return false;
    } catch {
      return true;
    }
  };

  test.each([
    ['REDIS_URL', ['tailer', 'worker', 'api']],
    ['KORA_PROBE_WAKE_MAX_AGE_SECONDS', ['tailer']],
    ['KORA_SLACK_API_URL', ['worker']],
    ['KORA_MODEL_NORMAL', ['worker']],
    ['KORA_COST_MONTHLY_USD', ['worker', 'api']],
    ['KORA_WORKER_CONCURRENCY', ['worker']],
    ['KORA_API_PORT', ['api']],
    ['KORA_API_READ_TOKEN', ['api']],
    ['KORA_METRICS_PORT', ['tailer', 'worker']],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', ['tailer', 'worker', 'api']],
  ])('%s stops only the apps that use it: %s', (name, apps) => {
    expect(APP_NAMES.filter((app) => faultsFor(app, name))).toEqual(apps);
  });

  test('does not hide a fault of a variable that is used', () => {
    const { REDIS_URL = '', ...others } = BAD;
    expect(() => loadConfig({ ...NOTHING, ...others, REDIS_URL }, only('REDIS_URL'))).toThrow(
      /^the configuration is not usable:\n {2}REDIS_URL must be [^\n]*$/,
    );
  });

  test('counts as unset for an app that does not use it, and good values are kept', () => {
    const { config, warnings } = loadConfig(
      { ...NOTHING, KORA_API_PORT: 'http', KORA_PROBE_WAKE_POLL_SEC: 'x', KORA_SLACK_BOT_TOKEN: 'xoxb-1' },
      usedBy('worker'),
    );
    expect(config).toMatchObject({ api: { port: 3900 }, slack: { botToken: 'xoxb-1' } });
    expect(warnings).toEqual([]);
  });
});

describe('a name that is not a variable', () => {
  const warningsFor = (env: Record<string, string>) => loadConfig({ ...NOTHING, ...env }, usedBy('api')).warnings;

  test.each([
    ['KORA_AUDIT_LOGPATH', 'KORA_AUDIT_LOG_PATH'],
    ['KORA_SLACK_BOT_TOKN', 'KORA_SLACK_BOT_TOKEN'],
    ['KORA_MODEL_NORMALL', 'KORA_MODEL_NORMAL'],
  ])('%s causes a warning that suggests %s, and never shows the value', (name, meant) => {
    expect(warningsFor({ [name]: 'hunter2' })).toEqual([
      `${name} is not a variable of Kora Wake; it is ignored. Did you mean ${meant}?`,
    ]);
  });

  test('causes a warning without a suggestion if no variable is similar', () => {
    expect(warningsFor({ KORA_COLOUR_OF_THE_BUTTONS: 'red' })).toEqual([
      'KORA_COLOUR_OF_THE_BUTTONS is not a variable of Kora Wake; it is ignored',
    ]);
  });

  test.each([
    'KORA_API_SERVICE_HOST',
    'KORA_API_SERVICE_PORT',
    'KORA_API_SERVICE_PORT_HTTP',
    'KORA_API_PORT_3900_TCP',
    'KORA_API_PORT_3900_TCP_ADDR',
    'KORA_LOG_DIR',
    'PATH',
  ])('%s causes no warning: Kubernetes, compose or the system set it', (name) => {
    expect(warningsFor({ [name]: 'tcp://10.0.0.1:3900' })).toEqual([]);
  });
});

test.each([
  ['KORA_API_PORT', 'tcp://10.0.0.1:3900'],
  ['KORA_METRICS_PORT', 'TCP://10.0.0.1:3900'],
  ['KORA_REDIS_PORT', 'tcp://10.0.0.1:6379'],
  ['KORA_API_PORT', 'udp://10.0.0.1:3900'],
])('%s=%s was injected by Kubernetes: it is ignored with one warning', (name, value) => {
  for (const app of APP_NAMES) {
    const { config, warnings } = loadConfig({ ...NOTHING, [name]: value }, usedBy(app));
    expect(warnings).toEqual([`${name} is the address of a Kubernetes Service, not a port; it is ignored`]);
    expect([config.api.port, config.metricsPort]).toEqual([3900, undefined]);
  }
});

test.each([
  [{ KORA_API_TOKEN: 'same', KORA_API_READ_TOKEN: ' same ' }, 'KORA_API_READ_TOKEN must differ from KORA_API_TOKEN'],
  [{ KORA_API_HOST: '0.0.0.0', KORA_API_TOKEN: 'x'.repeat(15) }, 'KORA_API_TOKEN must have at least 16 characters'],
  [
    { KORA_API_HOST: '::', KORA_API_TOKEN: 'x'.repeat(16), KORA_API_READ_TOKEN: 'short' },
    'KORA_API_READ_TOKEN must have at least 16 characters',
  ],
  [{ KORA_API_TOKEN: 'same', KORA_INGEST_TOKEN: 'same' }, 'KORA_INGEST_TOKEN must differ from KORA_API_TOKEN'],
  [
    { KORA_API_TOKEN: 'a', KORA_API_READ_TOKEN: 'same', KORA_INGEST_TOKEN: 'same' },
    'KORA_INGEST_TOKEN must differ from KORA_API_TOKEN and KORA_API_READ_TOKEN',
  ],
  [
    { KORA_API_HOST: '::', KORA_API_TOKEN: 'x'.repeat(16), KORA_INGEST_TOKEN: 'short' },
    'KORA_INGEST_TOKEN must have at least 16 characters',
  ],
])('tokens that protect too little are a fault: %j', (env, message) => {
  expect(() => loadConfig(env)).toThrow(message);
});

test('on loopback a token may be short; elsewhere 16 characters are enough', () => {
  expect(loadConfig({ KORA_API_TOKEN: 't', KORA_API_READ_TOKEN: 'r' }).config.api).toMatchObject({ token: 't' });
  const env = { KORA_API_HOST: '0.0.0.0', KORA_API_TOKEN: 'x'.repeat(16), KORA_API_READ_TOKEN: 'y'.repeat(16) };
  expect(loadConfig(env).config.api.readToken).toBe('y'.repeat(16));
});

test('the topics of SNS are a list of ARNs', () => {
  const arn = 'arn:aws:sns:eu-central-1:123456789012:alarms';
  expect(loadConfig({ KORA_SNS_TOPIC_ARNS: ` ${arn}, ${arn}-2 ,` }).config.ingest).toEqual({
    snsTopicArns: [arn, `${arn}-2`],
  });
  for (const bad of [',', 'alarms', `${arn} ${arn}`, arn.replace('123456789012', '1')]) {
    expect(() => loadConfig({ KORA_SNS_TOPIC_ARNS: bad })).toThrow('KORA_SNS_TOPIC_ARNS must be ARNs of SNS topics');
  }
});

type Loaded = ReturnType<typeof loadConfig>['config'];

test.each([
  ['127.0.0.1', true],
  ['127.1.2.3', true],
  ['::1', true],
  ['localhost', true],
  ['0.0.0.0', false],
  ['::', false],
  ['10.0.0.1', false],
  ['127.0.0.1.evil.example', false],
])('%s is loopback: %s', (host, loopback) => {
  expect(isLoopback(host)).toBe(loopback);
});
