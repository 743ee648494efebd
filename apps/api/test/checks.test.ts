/** The checklist of the set-up: each state of a part, and its next step. */
import { describe, expect, test } from 'vitest';
import { type CheckFacts, checksOf } from '../src/checks.ts';

const policy = { version: 'a1b2', problem: null };
const slack = {
  isConfigured: true,
  operator: 'U0OPERATOR',
  team: 'Acme',
  bot: 'kora',
  scopes: ['chat:write'],
  missingScopes: [],
};
const at = '2026-11-27T12:00:00.000Z';

const [before, after] = ['2026-11-27T11:59:00.000Z', '2026-11-27T12:01:00.000Z'];

function ingestSource(source: string, lastAt: string) {
  return { source, lastAt, accepted: 1, recovered: 0, ignored: 0, unmapped: 0, refused: 0, unavailable: 0 };
}

const ingestFault = (source: string) => ({ at, source, field: 'alerts', message: 'is missing', text: '' });

const complete: CheckFacts = {
  version: '0.3.0',
  problems: [],
  workers: [{ id: 'host:1', version: '0.3.0', startedAt: at, policy }],
  policy,
  slack,
  clicks: { areTaken: true, socket: { isConnected: true, connections: 1 }, isHttpOpen: false },
  llm: { isConfigured: true, model: 'claude-sonnet-5-5', lastAnswerAt: at },
  log: { path: '/log', sourceId: 's', isWatched: true, unreadable: [] },
  ingestion: { sources: [ingestSource('grafana', at)], faults: [] },
  tailers: [{ holder: 'host:2', version: '0.3.0', sourceId: 's', path: '/log', policy }],
  mcpServers: [{ name: 'grafana', state: 'connected' }],
  redis: { address: 'redis://redis', warnings: [] },
  writeRefusal: null,
  lastRowAt: at,
  missingSince: null,
  isIngestionOpen: true,
  hasConsoleUrl: true,
};

const problemOf = (service: 'slack' | 'llm', kind: 'refused' | 'unreachable') => ({
  service,
  kind,
  code: 'some_code',
  message: '',
  since: at,
  lastSeenAt: at,
  waiting: 0,
});

function check(id: string, more: Partial<CheckFacts>) {
  return checksOf({ ...complete, ...more }).find((each) => each.id === id);
}

test('a complete set-up is ready in every part, and has nothing to do', () => {
  for (const { id, state, fix } of checksOf(complete)) expect([id, state, fix]).toEqual([id, 'ok', null]);
});

describe('a part that is not ready says so, and what to do', () => {
  test.for<[string, Partial<CheckFacts>, string, RegExp, RegExp]>([
    ['redis', { redis: { address: 'r', warnings: ['It evicts.'] } }, 'warning', /It evicts/, /docs\/redis\.md/],
    ['redis', { redis: { address: 'r', warnings: null } }, 'warning', /takes writes, but .* cannot be read/, /INFO/],
    ['redis', { writeRefusal: 'refuses writes (OOM)' }, 'problem', /refuses writes \(OOM\): alerts wait/, /Correct/],
    ['log', { log: { ...complete.log, isWatched: false } }, 'problem', /^Log watcher is down: /, /tailer for \/log/],
    ['log', { missingSince: at }, 'problem', /does not exist/, /KORA_AUDIT_LOG_PATH/],
    ['workers', { workers: [] }, 'problem', /no worker runs/, /Start a worker/],
    ['slack', { slack: null }, 'warning', /without a worker/, /Start a worker/],
    ['slack', { slack: { ...slack, isConfigured: false } }, 'warning', /printed/, /KORA_SLACK_BOT_TOKEN/],
    ['slack', { problems: [problemOf('slack', 'refused')] }, 'problem', /some_code/, /scopes/],
    ['slack', { problems: [problemOf('slack', 'unreachable')] }, 'problem', /some_code/, /try again/],
    ['slack', { slack: { ...slack, missingScopes: ['im:write'] } }, 'warning', /lacks im:write/, /Add these scopes/],
    ['slack', { slack: { ...slack, team: null } }, 'warning', /not answered yet/, /log of the worker/],
    ['recipient', { slack: { ...slack, operator: null } }, 'problem', /they fail/, /KORA_SLACK_OPERATOR_USER_ID/],
    [
      'recipient',
      { slack: { ...slack, isConfigured: false, operator: null } },
      'warning',
      /Slack is not configured/,
      /KORA_SLACK_OPERATOR_USER_ID/,
    ],
    [
      'llm',
      { llm: { isConfigured: false, model: null, lastAnswerAt: null } },
      'warning',
      /without/,
      /ANTHROPIC_API_KEY/,
    ],
    ['recipient', { slack: null }, 'warning', /without a worker/, /Start a worker/],
    ['llm', { llm: null }, 'warning', /without a worker/, /Start a worker/],
    ['llm', { problems: [problemOf('llm', 'refused')] }, 'problem', /does not answer \(some_code\)/, /Check the key/],
    ['clicks', { clicks: { areTaken: false, socket: null, isHttpOpen: false } }, 'off', /no buttons/, /APP_TOKEN/],
    [
      'clicks',
      { clicks: { areTaken: false, socket: { isConnected: false, connections: 0 }, isHttpOpen: false } },
      'problem',
      /is down/,
      /APP_TOKEN/,
    ],
    ['links', { hasConsoleUrl: false }, 'off', /do not link/, /KORA_CONSOLE_URL/],
    ['ingestion', { ingestion: { sources: [], faults: [] } }, 'off', /none has sent/, /docs\/sources\.md/],
    [
      'ingestion',
      { ingestion: { sources: complete.ingestion.sources, faults: [ingestFault('grafana')] } },
      'warning',
      /grafana could not be read: is missing/,
      /npm run map/,
    ],
    ['ingestion', { isIngestionOpen: false }, 'off', /not accepted/, /KORA_INGEST_TOKEN/],
    [
      'policy',
      { policy: { version: '', problem: null }, workers: [], tailers: [] },
      'off',
      /no file/,
      /KORA_POLICY_PATH/,
    ],
    ['policy', { policy: { version: 'x', problem: null } }, 'warning', /different versions/, /SIGHUP/],
    ['policy', { policy: { version: 'a1b2', problem: '3: no' } }, 'problem', /older version.*3: no/, /policy -- check/],
    ['mcp', { mcpServers: [] }, 'off', /none/, /KORA_MCP_CONFIG/],
    ['mcp', { mcpServers: [{ name: 'g', state: 'failed' }] }, 'warning', /^g not connected/, /log of the worker/],
    [
      'mcp',
      { mcpServers: [{ name: 'g', state: 'no_allow_list' }] },
      'warning',
      /^g without an allow list/,
      /needs an `allow` list/,
    ],
    ['versions', { version: '0.4.0' }, 'warning', /0\.4\.0, others do not: host:1 \(0\.3\.0\), host:2/, /Update/],
  ])('%s: %j', ([id, more, state, text, fix]) => {
    const found = check(id, more);
    expect(found?.state).toBe(state);
    expect(found?.text).toMatch(text);
    expect(found?.fix).toMatch(fix);
  });
});

describe('a body of an alerting tool that could not be read', () => {
  // The sources are sorted by name.
  const ingestion = (grafanaAt: string, sentryAt: string, ...of: string[]) =>
    check('ingestion', {
      ingestion: {
        sources: [ingestSource('grafana', grafanaAt), ingestSource('sentry', sentryAt)],
        faults: of.map(ingestFault),
      },
    });

  test('is shown until its own tool has sent something else', () => {
    const text = expect.stringContaining('the last alert of sentry could not be read');
    expect(ingestion(after, at, 'sentry')).toMatchObject({ state: 'warning', text });
    expect(ingestion(before, after, 'sentry')).toMatchObject({ state: 'ok' });
  });

  test('does not hide that of another tool', () => {
    expect(ingestion(after, at, 'grafana', 'sentry')?.text).toContain('the last alert of sentry');
  });
});

test('an AI that was not asked is no fault', () => {
  const llm = { isConfigured: true, model: 'claude-sonnet-5-5', lastAnswerAt: null };
  const text = 'claude-sonnet-5-5, no answer since the workers started';
  expect(check('llm', { llm })).toMatchObject({ state: 'ok', text });
});

test('an MCP server that is still connecting is no fault', () => {
  const mcpServers = [
    { name: 'g', state: 'connecting' } as const,
    { name: 'h', state: 'connected' } as const,
    { name: 'i', state: 'connected' } as const,
  ];
  expect(check('mcp', { mcpServers })).toMatchObject({ state: 'ok', text: 'connected: h, i; connecting: g' });
});
