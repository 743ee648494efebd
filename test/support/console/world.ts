/** The data of the fake API: a busy installation and an empty one, with hostile and long names. */
import type {
  Account,
  Backtest,
  BacktestPolicy,
  Check,
  Costs,
  DeadLetter,
  DeadLetters,
  Hold,
  Incident,
  IncidentDetail,
  Investigation,
  InvestigationDetail,
  Investigations,
  KeptStep,
  Me,
  MissedAlert,
  OpenWindow,
  Operation,
  Queues,
  ServiceProblem,
  Stats,
  StatsEntry,
  Status,
  Tailer,
} from '@kora-wake/api/contract';

export const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
export const MARKUP = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`;
export const NASTY = 'a/b:c%20d 🔥 <i>é</i>';
export const LONG = 'x:/%'.repeat(750);

const at = (before: number) => new Date(Date.now() - before).toISOString();

export function wake(more: Partial<Investigation>): Investigation {
  return {
    wakeId: 'w-1',
    probe: 'fly',
    category: 'service_unhealthy',
    severity: 'critical',
    title: 'Fly app(s) unreachable: HTTP 401',
    emittedAt: at(12 * MINUTE),
    enqueuedAt: at(12 * MINUTE),
    state: 'ended',
    outcome: 'diagnosis',
    outcomeAt: at(12 * MINUTE - 14_200),
    code: null,
    verdict: 'confirmed',
    summary:
      'The Fly API refuses the probe with 401: its token expired on 22 November at midnight UTC. The apps themselves may well be up.',
    toolCalls: 3,
    costUsd: 0.004913,
    durationMs: 12_840,
    dmStatus: 'sent',
    joinedInto: null,
    repeats: null,
    failure: null,
    dismissed: null,
    buffered: 0,
    suppressed: 14,
    lastSuppressedAt: at(3 * MINUTE),
    recoveredAt: null,
    stormId: null,
    incidentId: null,
    feedback: null,
    ...more,
  };
}

function incident(more: Partial<Incident>): Incident {
  return {
    id: 'i-1',
    probe: 'fly',
    category: 'service_unhealthy',
    severity: 'critical',
    state: 'firing',
    openedAt: at(12 * MINUTE),
    startedAt: at(12 * MINUTE),
    closedAt: null,
    closeReason: null,
    acknowledgedBy: null,
    snoozedUntil: null,
    escalatedAt: null,
    rows: 15,
    wakes: 1,
    flaps: 0,
    firing: 1,
    lastRowAt: at(3 * MINUTE),
    lastWakeId: 'w-1',
    stormId: null,
    message: null,
    ...more,
  };
}

const unfinished = {
  outcome: null,
  outcomeAt: null,
  verdict: null,
  summary: null,
  costUsd: null,
  durationMs: null,
  dmStatus: null,
};
const undiagnosed = { verdict: null, summary: null, toolCalls: 0, costUsd: null };

function wakes(): Investigation[] {
  const some = [
    wake({
      ...unfinished,
      wakeId: 'w-0',
      probe: 'postgres',
      category: 'replication_lag',
      title: 'Replica is 48 s behind',
      severity: 'warning',
      enqueuedAt: at(20_000),
      state: 'investigating',
      buffered: 0,
      suppressed: 0,
      toolCalls: 1,
    }),
    wake({}),
    wake({
      ...undiagnosed,
      wakeId: 'w-2',
      probe: 'vercel',
      category: 'deploy_failed',
      title: 'Deployment of web failed twice',
      severity: 'warning',
      enqueuedAt: at(95 * MINUTE),
      outcome: 'fallback',
      code: 'sdk_timeout',
      dmStatus: 'engine_unavailable_fallback',
      suppressed: 2,
    }),
    wake({
      wakeId: 'w/3 %',
      probe: NASTY,
      category: MARKUP,
      title: MARKUP,
      severity: 'info',
      enqueuedAt: at(4 * HOUR),
      verdict: 'inconclusive',
      summary: `Inconclusive: ${MARKUP} could not be told from noise.`,
      suppressed: 0,
    }),
    wake({
      wakeId: 'w-unchanged',
      enqueuedAt: at(5 * HOUR),
      outcome: 'unchanged',
      repeats: { wakeId: 'w-older-2', at: at(9.5 * HOUR) },
      toolCalls: 0,
      costUsd: 0,
      durationMs: 0,
      suppressed: 0,
    }),
    wake({
      ...undiagnosed,
      wakeId: 'w-4',
      probe: 'stripe',
      category: 'webhook_backlog',
      title: 'Webhooks wait for more than ten minutes',
      enqueuedAt: at(7 * HOUR),
      outcome: 'dead',
      dmStatus: 'failed_send',
      failure: { code: 'channel_not_found', at: at(6 * HOUR), attempts: 1 },
      suppressed: 31,
    }),
    wake({
      wakeId: 'w-5',
      probe: LONG,
      category: LONG,
      title: LONG,
      severity: 'warning',
      enqueuedAt: at(9 * HOUR),
      outcome: 'dry_run',
      verdict: 'likely',
      suppressed: 0,
    }),
  ];
  const [probes, outcomes] = [
    ['fly', 'postgres', 'vercel', 'stripe'],
    ['diagnosis', 'diagnosis', 'fallback', 'diagnosis', 'dry_run'] as const,
  ];
  for (let i = 0; i < 24; i++) {
    some.push(
      wake({
        wakeId: `w-older-${i}`,
        probe: probes[(i * 7) % 4] ?? 'fly',
        enqueuedAt: at((9.5 + i * 0.58) * HOUR),
        outcome: outcomes[i % 5] ?? null,
        suppressed: i % 3 === 0 ? i * 3 : 0,
        verdict: 'likely',
        ...(outcomes[i % 5] === 'fallback' && {
          ...undiagnosed,
          code: 'sdk_5xx',
          dmStatus: 'engine_unavailable_fallback',
        }),
      }),
    );
  }
  return some;
}

/** A month of alerts. */
function olderWakes(): Investigation[] {
  return Array.from({ length: 400 }, (_, i) =>
    wake({
      wakeId: `w-month-${i}`,
      probe: `host-${i % 100}`,
      title: `Disk of host ${i % 100} is full`,
      enqueuedAt: at((30 + i * 1.7 + ((i * i) % 29)) * HOUR),
      outcome: i % 17 === 0 ? 'dead' : 'diagnosis',
      suppressed: (i * 7) % 40,
    }),
  );
}

export function openWindow(more: Partial<OpenWindow>): OpenWindow {
  const remainingMs = more.remainingMs ?? 7 * MINUTE;
  return {
    probe: 'fly',
    category: 'service_unhealthy',
    wakeId: 'w-1',
    severity: 'critical',
    openedAt: at(10 * MINUTE - remainingMs),
    expiresAt: at(-remainingMs),
    remainingMs,
    suppressed: 14,
    lastSuppressedAt: at(3 * MINUTE),
    ...more,
  };
}

/** An incident with its newest message, and all investigations as its wakes. */
export function incidentDetailOf(world: World, found: Incident): IncidentDetail {
  return {
    ...found,
    history: world.investigations.entries.slice(0, 3),
    actions: world.operations,
    preview: [
      { kind: 'header', text: `🚨 ${found.probe} · Fly app(s) unreachable: HTTP 401` },
      { kind: 'context', text: 'Firing since 2026-11-26 14:03 UTC · 14 repeats' },
      { kind: 'text', text: `The Fly API refuses the probe with 401: its token expired. ${MARKUP}` },
      { kind: 'text', text: 'Next step: fly tokens create' },
      { kind: 'code', text: 'fly tokens create' },
      { kind: 'quote', text: 'HTTP 401 token expired (call-1)' },
      { kind: 'buttons', text: '', labels: ['Acknowledge', 'Snooze 1 h', 'Resolve'] },
    ],
  };
}

function steps(): KeptStep[] {
  const usage = { inputTokens: 4210, outputTokens: 391, cacheCreationInputTokens: 0, cacheReadInputTokens: 0 };
  const llm = {
    kind: 'llm',
    model: 'claude-sonnet-5-5',
    startedAt: at(12 * MINUTE),
    usage,
    input: '',
    output: '',
  } as const;
  const tool = { kind: 'tool', status: 'ok', startedAt: at(12 * MINUTE), input: '{}', output: MARKUP } as const;
  return [
    {
      ...llm,
      route: 'probe_investigation',
      durationMs: 3920,
      input: 'You are on call.\n\nTitle: Fly app(s) unreachable: HTTP 401',
      output: '→ http_check {"url":"https://api.machines.dev/v1/apps"}',
    },
    {
      ...tool,
      source: 'call-1',
      name: 'http_check',
      durationMs: 412,
      input: '{"url":"https://api.machines.dev/v1/apps"}',
      output: `status: 401\n${'x-header: long\n'.repeat(60)}unauthenticated:\n token expired at 2026-11-22T23:59:59Z`,
    },
    { ...tool, source: 'call-2', name: 'past_investigations', durationMs: 3 },
    {
      ...tool,
      source: 'call-3',
      name: 'grafana__query_logs',
      status: 'execution_error',
      durationMs: 1530,
      excType: 'TimeoutError',
      output: LONG,
    },
    { ...tool, source: 'call-4', name: NASTY, status: 'not_allowed', durationMs: 1, input: '', output: '' },
    { kind: 'omitted', count: 2 },
    {
      ...llm,
      route: 'tool_loop_iteration',
      durationMs: 2840,
      error: 'sdk_rate_limited',
      reason: 'HTTP 429: slow down',
    },
    { ...llm, route: 'tool_loop_iteration', durationMs: 4100, output: '{"verdict":"confirmed"}' },
  ];
}

/** Only those of one alert did not fit into its space. */
const stepsOf = ({ wakeId }: Investigation) =>
  wakeId === 'w-1' ? steps() : steps().filter(({ kind }) => kind !== 'omitted');

export function detailOf(entry: Investigation): InvestigationDetail {
  const diagnosed = entry.summary !== null;
  return {
    ...entry,
    detail: `GET https://api.machines.dev/v1/apps → 401\nunauthenticated: token expired at 2026-11-22T23:59:59Z\n${MARKUP}`,
    snapshotDetails: { apps: ['web', 'worker'], status: 401, markup: MARKUP },
    model: diagnosed ? 'claude-sonnet-5-5' : null,
    usage: diagnosed
      ? { inputTokens: 4210, outputTokens: 391, cacheCreationInputTokens: 2050, cacheReadInputTokens: 6150 }
      : null,
    calls: diagnosed
      ? [
          { route: 'probe_investigation', model: 'claude-sonnet-5-5', durationMs: 3920 },
          {
            route: 'tool_loop_iteration',
            model: 'claude-sonnet-5-5',
            durationMs: 2840,
            error: 'sdk_rate_limited',
            reason: 'HTTP 429: slow down',
          },
          { route: 'tool_loop_iteration', model: 'claude-sonnet-5-5', durationMs: 4100 },
        ]
      : [],
    tools: diagnosed
      ? [
          { source: 'call-1', name: 'http_check', status: 'ok', durationMs: 412 },
          { source: 'call-2', name: 'past_investigations', status: 'ok', durationMs: 3 },
          {
            source: 'call-3',
            name: 'grafana__query_logs',
            status: 'execution_error',
            durationMs: 1530,
            excType: 'TimeoutError',
          },
          { source: 'call-4', name: 'tls_certificate', status: 'not_allowed', durationMs: 1 },
        ]
      : [],
    // Those of older alerts were dropped.
    steps: diagnosed && !entry.wakeId.startsWith('w-older') && !entry.repeats ? stepsOf(entry) : null,
    evidence: diagnosed
      ? [
          { source: 'call-1', quote: 'unauthenticated: token expired at 2026-11-22T23:59:59Z' },
          { source: 'row', quote: 'Fly app(s) unreachable: HTTP 401' },
        ]
      : [],
    droppedQuotes: diagnosed ? 1 : 0,
    dm: `🚨 Probe alert · ${entry.probe.slice(0, 200)}\n${entry.summary ?? `${entry.title}\n\nI was unable to investigate — engine returned: ${entry.code}`}\nNext step: Renew the token of the Fly probe, then wait for its next run.`,
    deadLetter:
      entry.outcome === 'dead' && !entry.dismissed ? { queue: 'deliveries', jobId: `deliver-${entry.wakeId}` } : null,
    posted: entry.dmStatus === 'sent' ? { channel: 'D0OPERATOR', ts: String((Date.now() - 12 * MINUTE) / 1000) } : null,
  };
}

function costs(): Costs {
  const month = new Date().toISOString().slice(0, 7);
  const today = new Date().getUTCDate();
  const entries = Array.from({ length: today }, (_, i) => {
    const day = `${month}-${String(i + 1).padStart(2, '0')}`;
    return [
      { day, route: 'probe_investigation', model: 'claude-sonnet-5-5', usd: 2.1 + ((i * 37) % 11) / 3 },
      { day, route: 'tool_loop_iteration', model: 'claude-sonnet-5-5', usd: 1.2 + ((i * 53) % 7) / 4 },
      ...(i % 3 === 1
        ? [{ day, route: 'tool_loop_iteration', model: 'claude-haiku-4-5', usd: 0.41 + (i % 5) / 5 }]
        : []),
    ];
  }).flat();
  const sum = (of: typeof entries) => of.reduce((all, { usd }) => all + usd, 0);
  const by = (key: 'day' | 'route' | 'model') =>
    [...Map.groupBy(entries, (entry) => entry[key])].map(([name, of]) => ({ name, usd: sum(of) }));
  return {
    rung: 'warn_75',
    budgetUsd: sum(entries) / 0.78,
    month,
    spentMonthUsd: sum(entries),
    spentTodayUsd: sum(entries.slice(-2)),
    reservedUsd: 0.1125,
    days: by('day').map(({ name, usd }) => ({ day: name, usd })),
    byRoute: by('route').map(({ name, usd }) => ({ route: name, usd })),
    byModel: by('model').map(({ name, usd }) => ({ model: name, usd })),
    entries,
    correctedUsd: 0,
    corrections: [],
  };
}

export interface World {
  /** All open windows, on all pages. */
  windows: { entries: OpenWindow[] };
  queues: Queues;
  account: Account;
  tailer: Tailer;
  costs: Costs;
  investigations: Investigations;
  /** Alerts of the weeks before, which only the longest period has. */
  older: Investigation[];
  deadLetters: DeadLetters;
  /** Open ones. */
  incidents: Incident[];
  /** Open and closed ones, the newest first. */
  pastIncidents: Incident[];
  operations: Operation[];
  hold: Hold;
  me: Me;
  status: Status;
  /** By pair. */
  stats: Stats;
  backtest: Backtest;
}

export function pairStats(more: Partial<StatsEntry>): StatsEntry {
  return {
    rows: 0,
    wakes: 0,
    suppressed: 0,
    buffered: 0,
    muted: 0,
    night: 0,
    outcomes: { diagnosis: 0, fallback: 0, dry_run: 0, unchanged: 0, digest: 0, joined: 0, withdrawn: 0, dead: 0 },
    verdicts: { confirmed: 0, likely: 0, inconclusive: 0 },
    usd: 0,
    ...more,
  };
}

function stats(): Stats {
  const { outcomes } = pairStats({});
  const entries = [
    pairStats({
      probe: 'fly',
      category: 'service_unhealthy',
      rows: 700,
      wakes: 120,
      suppressed: 560,
      muted: 20,
      night: 9,
      outcomes: { ...outcomes, diagnosis: 90, fallback: 30 },
      verdicts: { confirmed: 60, likely: 20, inconclusive: 10 },
      usd: 7.2,
    }),
    pairStats({
      probe: 'postgres',
      category: 'replication_lag',
      rows: 240,
      wakes: 80,
      suppressed: 160,
      night: 61,
      outcomes: { ...outcomes, diagnosis: 78, dead: 2 },
      verdicts: { confirmed: 8, likely: 40, inconclusive: 30 },
      usd: 12.64,
    }),
    pairStats({ probe: NASTY, category: MARKUP, rows: 40, wakes: 10, suppressed: 30, usd: 0.4 }),
    pairStats({ probe: LONG, category: LONG, rows: 14, wakes: 2, suppressed: 12 }),
    pairStats({ probe: null, category: null, rows: 6, wakes: 1, suppressed: 5 }),
  ];
  const {
    probe: _,
    category: __,
    ...totals
  } = pairStats({
    rows: 1000,
    wakes: 213,
    suppressed: 767,
    muted: 20,
    night: 70,
    outcomes: { ...outcomes, diagnosis: 168, fallback: 30, dead: 2 },
    verdicts: { confirmed: 68, likely: 60, inconclusive: 40 },
    usd: 20.24,
  });
  return { from: at(7 * 24 * HOUR), to: at(0), by: 'pair', entries, left: 0, totals };
}

function backtestPolicy(name: string, more: Partial<BacktestPolicy>): BacktestPolicy {
  return {
    name,
    rows: 1204,
    decisions: { enqueued: 210, coalesced: 950, buffered: 0, muted: 40, rejected: 4 },
    reasons: { malformed: 4 },
    wakes: 210,
    withdrawn: 3,
    storms: 0,
    inDigests: 0,
    messages: 207,
    night: 61,
    usd: 12.6,
    byPair: [
      { probe: 'fly', category: 'service_unhealthy', rows: 700, wakes: 120 },
      { probe: NASTY, category: MARKUP, rows: 400, wakes: 80 },
      { probe: LONG, category: LONG, rows: 104, wakes: 10 },
    ],
    byHour: Array.from({ length: 24 }, (_, hour) => (hour * 7) % 11),
    ...more,
  };
}

export const missedAlert = (more: Partial<MissedAlert> = {}): MissedAlert => ({
  policy: 'new',
  probe: 'fly',
  category: 'service_unhealthy',
  severity: 'warning',
  emittedAt: at(26 * HOUR),
  title: 'Fly app(s) unreachable: HTTP 401',
  decision: 'coalesced',
  message: 'none',
  messageAt: null,
  ...more,
});

export function backtest(more: Partial<Backtest> = {}): Backtest {
  const missed = [
    missedAlert({ severity: 'critical', title: 'The database is down', probe: 'db', category: 'down' }),
    missedAlert({ probe: NASTY, category: MARKUP, title: MARKUP, decision: 'muted' }),
    missedAlert({ title: LONG, message: 'later', messageAt: at(25 * HOUR), decision: 'buffered' }),
    missedAlert({ message: 'earlier', messageAt: at(27 * HOUR) }),
  ];
  return {
    from: at(7 * 24 * HOUR),
    to: at(HOUR),
    timezone: 'Europe/Berlin',
    policies: [backtestPolicy('current', {}), backtestPolicy('new', { wakes: 90, messages: 87, night: 20, usd: 5.4 })],
    missed,
    missedTotal: missed.length,
    missedCritical: 1,
    suggestions: [
      {
        probe: NASTY,
        category: MARKUP,
        messages: 80,
        messagesThen: 31,
        windowMs: HOUR,
        hides: 49,
        hidesCritical: 2,
        rule: `- match: { probe: ${JSON.stringify(NASTY)}, category: ${JSON.stringify(MARKUP)} }\n  window: 1h`,
      },
    ],
    warnings: ['4: rule 2 never applies: rule 1 (line 3) matches all its rows'],
    doubts: ['A live tailer decides when it reads a row; the backtest takes the time of the row.'],
    ...more,
  };
}

export const slackProblem = (more: Partial<ServiceProblem> = {}): ServiceProblem => ({
  service: 'slack',
  kind: 'refused',
  code: 'token_revoked',
  message: '',
  since: at(3 * MINUTE),
  lastSeenAt: at(4_000),
  waiting: 3,
  ...more,
});

function checks(): Check[] {
  return [
    {
      id: 'redis',
      title: 'Redis',
      state: 'ok',
      text: 'redis://redis takes writes, and keeps them',
      at: null,
      fix: null,
    },
    {
      id: 'log',
      title: 'Audit log',
      state: 'ok',
      text: '/var/lib/kora/kora_audit_log.jsonl is watched, last alert at',
      at: at(MINUTE),
      fix: null,
    },
    { id: 'workers', title: 'Workers', state: 'ok', text: '1 worker: worker-1:1', at: null, fix: null },
    { id: 'slack', title: 'Slack', state: 'ok', text: `team Acme, bot ${MARKUP}`, at: null, fix: null },
    {
      id: 'mcp',
      title: 'MCP servers',
      state: 'warning',
      text: `${LONG.slice(0, 300)} not connected: their tools are missing`,
      at: null,
      fix: 'See the log of the worker for the reason.',
    },
    {
      id: 'policy',
      title: 'Policy',
      state: 'off',
      text: 'no file',
      at: null,
      fix: 'Set KORA_POLICY_PATH, see docs/policy.md.',
    },
  ];
}

/** Everything is configured, and every service answers. */
function status(): Status {
  const policy = { version: '', problem: null };
  return {
    version: '0.2.0',
    checks: checks(),
    problems: [],
    workers: [{ id: 'worker-1:1', version: '0.2.0', startedAt: at(HOUR), policy }],
    policy,
    slack: {
      isConfigured: true,
      operator: 'U0OPERATOR',
      team: 'Acme',
      bot: 'kora',
      scopes: ['chat:write', 'im:history', 'im:write'],
      missingScopes: [],
    },
    clicks: { areTaken: true, socket: { isConnected: true, connections: 1 }, isHttpOpen: false },
    llm: { isConfigured: true, model: 'claude-sonnet-5-5', lastAnswerAt: at(12 * MINUTE) },
    log: { path: '/var/lib/kora/kora_audit_log.jsonl', sourceId: '3f2a9c', isWatched: true, unreadable: [] },
    ingestion: { sources: [], faults: [] },
    tailers: [
      { holder: 'tailer-1', version: '0.2.0', sourceId: '3f2a9c', path: '/var/lib/kora/kora_audit_log.jsonl', policy },
    ],
    mcpServers: [],
    redis: { address: 'redis://redis', warnings: [] },
  };
}

export function busy(): World {
  const counts = { waiting: 0, active: 0, delayed: 0, prioritized: 0, completed: 209, failed: 0 };
  return {
    windows: {
      entries: [
        openWindow({}),
        openWindow({
          probe: NASTY,
          category: MARKUP,
          wakeId: 'w/3 %',
          remainingMs: 4 * MINUTE,
          suppressed: 0,
          lastSuppressedAt: null,
        }),
        openWindow({ probe: LONG, category: LONG, wakeId: 'w-5', remainingMs: 65_000, suppressed: 1240 }),
        openWindow({
          probe: 'postgres',
          category: 'replication_lag',
          wakeId: 'w-0',
          remainingMs: 9.5 * MINUTE,
          suppressed: 0,
          lastSuppressedAt: null,
        }),
      ],
    },
    queues: {
      queues: [
        { name: 'wakes', isPaused: false, counts: { ...counts, active: 1 }, workers: 2, oldestWaitingMs: null },
        {
          name: 'deliveries',
          isPaused: false,
          counts: { ...counts, waiting: 3, failed: 1 },
          workers: 2,
          oldestWaitingMs: 4200,
        },
      ],
    },
    operations: [
      {
        at: new Date(Date.now() - MINUTE).toISOString(),
        what: 'window_cleared',
        by: 'jo',
        reason: MARKUP,
        details: { probe: NASTY, category: 'deploy' },
      },
    ],
    account: {
      rows: 1204,
      enqueued: 210,
      coalesced: 950,
      buffered: 0,
      muted: 0,
      rejected: { stale: 40, malformed: 4 },
      outcomes: { diagnosis: 178, fallback: 21, dry_run: 5, unchanged: 0, digest: 0, joined: 2, withdrawn: 1, dead: 3 },
      recovered: { closed: 30, partial: 2, ignored: 5 },
      incidents: { opened: 40, open: 3, closed: { recovered: 30, resolved: 5, expired: 2 } },
      notices: { sent: 4, withdrawn: 1, dead: 0, pending: 0 },
      feedback: { right: 12, partly: 1, wrong: 2 },
      inFlight: 1,
      unreadLines: 0,
      repaired: {},
      unaccounted: 0,
      oldestPendingMs: 20_000,
    },
    hold: { until: null, by: null },
    me: { name: 'jo', may: 'change' },
    status: status(),
    stats: stats(),
    backtest: backtest(),
    tailer: {
      sources: [
        {
          id: '3f2a9c',
          name: null,
          missingSince: null,
          conflictWith: null,
          path: '/var/lib/kora/kora_audit_log.jsonl',
          offset: 918_204,
          size: 918_204,
          lagBytes: 0,
          lastRowAt: at(21_000),
          committedAt: at(20_000),
          holder: 'tailer-1',
        },
      ],
    },
    costs: costs(),
    investigations: { entries: wakes(), nextCursor: null },
    older: olderWakes(),
    deadLetters: { entries: [], nextCursor: null },
    incidents: [
      incident({}),
      incident({
        id: 'i-2',
        probe: NASTY,
        category: MARKUP,
        severity: 'warning',
        state: 'acknowledged',
        acknowledgedBy: 'jo',
        rows: 1,
        flaps: 2,
      }),
      incident({ id: 'i-3', probe: 'host-7', category: 'unreachable', rows: 1, stormId: 's-1' }),
    ],
    pastIncidents: [
      incident({}),
      incident({
        id: 'i-0',
        severity: 'warning',
        state: 'closed',
        openedAt: at(50 * HOUR),
        startedAt: at(50 * HOUR),
        closedAt: at(49 * HOUR),
        closeReason: 'recovered',
        rows: 4,
      }),
      incident({
        id: 'i-00',
        state: 'closed',
        openedAt: at(240 * HOUR),
        startedAt: at(240 * HOUR),
        closedAt: at(230 * HOUR),
        closeReason: 'resolved',
        rows: 130,
      }),
    ],
  };
}

export const letter = (more: Partial<DeadLetter> = {}): DeadLetter => ({
  queue: 'deliveries',
  jobId: 'w-4:deliver/1 %',
  wakeId: 'w-4',
  probe: 'stripe',
  category: 'webhook_backlog',
  severity: 'critical',
  title: 'Webhooks wait for more than ten minutes',
  reason: 'channel_not_found',
  failedAt: at(7 * HOUR),
  ...more,
});

export function quiet(): World {
  const { queues, account, tailer, costs, me, status } = busy();
  const none = () => ({ entries: [], nextCursor: null });
  return {
    windows: none(),
    queues: {
      queues: queues.queues.map(({ name, isPaused, workers, counts }) => ({
        name,
        isPaused,
        workers,
        counts: { ...counts, active: 0, waiting: 0, failed: 0 },
        oldestWaitingMs: null,
      })),
    },
    operations: [],
    me,
    status,
    account: {
      ...account,
      rows: 0,
      enqueued: 0,
      coalesced: 0,
      buffered: 0,
      muted: 0,
      rejected: {},
      outcomes: { diagnosis: 0, fallback: 0, dry_run: 0, unchanged: 0, digest: 0, joined: 0, withdrawn: 0, dead: 0 },
      recovered: { closed: 0, partial: 0, ignored: 0 },
      inFlight: 0,
      oldestPendingMs: 0,
    },
    tailer,
    costs: {
      ...costs,
      rung: 'normal',
      spentMonthUsd: 0,
      spentTodayUsd: 0,
      reservedUsd: 0,
      days: [],
      byRoute: [],
      byModel: [],
      entries: [],
    },
    investigations: none(),
    older: [],
    deadLetters: none(),
    incidents: [],
    pastIncidents: [],
    hold: { until: null, by: null },
    stats: { ...stats(), entries: [], totals: pairStats({}) },
    backtest: backtest({ from: null, to: null, missed: [], missedTotal: 0, missedCritical: 0, suggestions: [] }),
  };
}
