/** The operator's console as it is built, in a real browser, against answers of the API that this file writes. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import type { Browser, BrowserContextOptions, Page as BrowserPage } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import type {
  Account,
  Costs,
  DeadLetter,
  Investigation,
  Me,
  OpenedInvestigation,
  OpenWindow,
  Operation,
  Page,
  Queues,
  Tailer,
} from '../../apps/console/src/contract.ts';
import { barriers, launchBrowser, watchedPage } from '../support/browser.ts';
import { eventually } from '../support/fixtures.ts';

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const MARKUP = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`;
const NASTY = 'a/b:c%20d 🔥 <i>é</i>';
const LONG = 'x:/%'.repeat(750);

let built: string;
let browser: Browser;

beforeAll(async () => {
  // Into a folder of its own: other tests start the API, which serves what `npm run build` left.
  built = mkdtempSync(join(tmpdir(), 'kora-wake-test-console-'));
  const root = join(import.meta.dirname, '../../apps/console');
  // Else Vite builds for development, as it sees that tests run.
  vi.stubEnv('NODE_ENV', 'production');
  await build({ root, logLevel: 'warn', build: { outDir: built } });
  vi.unstubAllEnvs();
  browser = await launchBrowser();
}, 60_000);

afterAll(async () => {
  await browser?.close();
  rmSync(built, { recursive: true });
});

const at = (before: number) => new Date(Date.now() - before).toISOString();

function wake(more: Partial<Investigation>): Investigation {
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
    suppressed: 14,
    lastSuppressedAt: at(3 * MINUTE),
    ...more,
  };
}

const unended = {
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
      ...unended,
      wakeId: 'w-0',
      probe: 'postgres',
      category: 'replication_lag',
      title: 'Replica is 48 s behind',
      severity: 'warning',
      enqueuedAt: at(20_000),
      state: 'investigating',
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
      ...undiagnosed,
      wakeId: 'w-4',
      probe: 'stripe',
      category: 'webhook_backlog',
      title: 'Webhooks wait for more than ten minutes',
      enqueuedAt: at(7 * HOUR),
      outcome: 'dead',
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
  const [probes, fates] = [
    ['fly', 'postgres', 'vercel', 'stripe'],
    ['diagnosis', 'diagnosis', 'fallback', 'diagnosis', 'dry_run'] as const,
  ];
  for (let i = 0; i < 24; i++) {
    some.push(
      wake({
        wakeId: `w-older-${i}`,
        probe: probes[(i * 7) % 4] ?? 'fly',
        enqueuedAt: at((9.5 + i * 0.58) * HOUR),
        outcome: fates[i % 5] ?? null,
        suppressed: i % 3 === 0 ? i * 3 : 0,
        verdict: 'likely',
        ...(fates[i % 5] === 'fallback' && {
          ...undiagnosed,
          code: 'sdk_5xx',
          dmStatus: 'engine_unavailable_fallback',
        }),
      }),
    );
  }
  return some;
}

function openWindow(more: Partial<OpenWindow>): OpenWindow {
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

function opened(entry: Investigation): OpenedInvestigation {
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
          { route: 'tool_loop_iteration', model: 'claude-sonnet-5-5', durationMs: 2840, error: 'sdk_rate_limited' },
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
    evidence: diagnosed
      ? [
          { source: 'call-1', quote: 'unauthenticated: token expired at 2026-11-22T23:59:59Z' },
          { source: 'row', quote: 'Fly app(s) unreachable: HTTP 401' },
        ]
      : [],
    droppedQuotes: diagnosed ? 1 : 0,
    dm: `🚨 Probe alert · ${entry.probe.slice(0, 200)}\n${entry.summary ?? `${entry.title}\n\nI was unable to investigate — engine returned: ${entry.code}`}\nNext step: Renew the token of the Fly probe, then wait for its next run.`,
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
  };
}

interface World {
  windows: Page<OpenWindow>;
  /** Windows that are not on the first page. */
  hiddenWindows: OpenWindow[];
  queues: Queues;
  account: Account;
  tailer: Tailer;
  costs: Costs;
  investigations: Page<Investigation>;
  deadLetters: Page<DeadLetter>;
  operations: Operation[];
  me: Me;
}

function busy(): World {
  const counts = { waiting: 0, active: 0, delayed: 0, prioritized: 0, completed: 209, failed: 0 };
  return {
    hiddenWindows: [],
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
      nextCursor: null,
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
      rejected: { stale: 40, malformed: 4 },
      outcomes: { diagnosis: 180, fallback: 21, dry_run: 5, dead: 3 },
      inFlight: 1,
      unreadLines: 0,
      repaired: {},
      unaccounted: 0,
      oldestPendingMs: 20_000,
    },
    me: { name: 'jo', may: 'change' },
    tailer: {
      sources: [
        {
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
    deadLetters: { entries: [], nextCursor: null },
  };
}

const letter = (more: Partial<DeadLetter> = {}): DeadLetter => ({
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

function quiet(): World {
  const { queues, account, tailer, costs, me } = busy();
  const none = { entries: [], nextCursor: null };
  return {
    windows: none,
    queues: {
      queues: queues.queues.map(({ name, isPaused, workers, counts }) => ({
        name,
        isPaused,
        workers,
        counts: { ...counts, active: 0, waiting: 0, failed: 0 },
        oldestWaitingMs: null,
      })),
    },
    hiddenWindows: [],
    operations: [],
    me,
    account: {
      ...account,
      rows: 0,
      enqueued: 0,
      coalesced: 0,
      rejected: {},
      outcomes: { diagnosis: 0, fallback: 0, dry_run: 0, dead: 0 },
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
    investigations: none,
    deadLetters: none,
  };
}

const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};

type Override = (path: string, method: string) => { status: number; body: unknown } | 'hang' | 'reset' | undefined;

/** Serves the built console under the policy of the API, and the world as JSON. What `override` answers goes first. */
async function api(world: World) {
  const state = { world, override: (() => undefined) as Override, streams: true };
  const changes: { method: string; path: string; body: string }[] = [];
  const requests: { method: string; path: string }[] = [];
  const streams = new Set<ServerResponse>();
  const respond = (request: IncomingMessage, body: string, response: ServerResponse) => {
    const { method = 'GET', url: path = '/' } = request;
    const { pathname, searchParams } = new URL(path, 'http://console');
    if (!pathname.startsWith('/v1/')) {
      const file = join(built, pathname === '/' ? 'index.html' : pathname);
      const headers = { 'content-type': TYPES[extname(file)] ?? 'text/plain', 'content-security-policy': POLICY };
      response.writeHead(200, headers).end(readFileSync(file));
      return;
    }
    if (pathname === '/v1/events' && !state.streams) {
      response.writeHead(503).end();
      return;
    }
    if (pathname === '/v1/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('retry: 2000\n\n');
      streams.add(response);
      response.on('close', () => streams.delete(response));
      return;
    }
    requests.push({ method, path });
    if (method !== 'GET') changes.push({ method, path, body });
    const over = state.override(pathname, method);
    if (over === 'hang') return;
    if (over === 'reset') {
      request.socket.resetAndDestroy();
      return;
    }
    const found = over ?? answer(state.world, method, pathname, searchParams);
    response.writeHead(found.status, { 'content-type': 'application/json' }).end(JSON.stringify(found.body));
  };
  // Names of 3,000 characters, percent-encoded, are a long address.
  const server = createServer({ maxHeaderSize: 128 * 1024 }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => respond(request, Buffer.concat(chunks).toString(), response));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => {
      server.close(resolve);
    });
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const emit = (type: string) => {
    for (const stream of streams) stream.write(`id: 1-0\nevent: ${type}\ndata: {}\n\n`);
  };
  return { url, state, changes, requests, emit, listeners: () => streams.size };
}

const notFound = { status: 404, body: { statusCode: 404, error: 'Not Found', message: 'There is no such thing.' } };

/** What the API does, as far as the console can tell. */
function answer(
  world: World,
  method: string,
  pathname: string,
  query: URLSearchParams,
): { status: number; body: unknown } {
  const ok = (body: unknown) => ({ status: 200, body });
  const [, , kind, ...rest] = pathname.split('/').map(decodeURIComponent);
  const [first, second] = rest;
  if (method === 'DELETE' && kind === 'debounce') {
    const named = (one: OpenWindow) => one.probe === query.get('probe') && one.category === query.get('category');
    const entry = world.windows.entries.find(named);
    world.windows = { ...world.windows, entries: world.windows.entries.filter((one) => one !== entry) };
    return ok({ cleared: entry ? 1 : 0 });
  }
  if (method === 'POST' && kind === 'queues') {
    const queue = world.queues.queues.find(({ name }) => name === first);
    if (!queue) return notFound;
    queue.isPaused = second === 'pause';
    return ok({ name: queue.name, isPaused: queue.isPaused });
  }
  if (method !== 'GET' && kind === 'dead-letters') {
    world.deadLetters = {
      entries: world.deadLetters.entries.filter(({ jobId }) => jobId !== second),
      nextCursor: null,
    };
    return ok(method === 'POST' ? { retried: true } : { dropped: true });
  }
  if (kind === 'investigations' && first !== undefined) {
    const entry = world.investigations.entries.find(({ wakeId }) => wakeId === first);
    return entry ? ok(opened(entry)) : notFound;
  }
  if (kind === 'investigations') {
    const probe = query.get('probe');
    const after = Number(query.get('cursor') ?? 0);
    const limit = Math.min(Number(query.get('limit')), pageSize);
    const all = world.investigations.entries.filter((entry) => probe === null || entry.probe === probe);
    const end = after + limit;
    return ok({ entries: all.slice(after, end), nextCursor: end < all.length ? String(end) : null });
  }
  if (kind === 'debounce') {
    const of = query.get('probe');
    if (of === null) return ok(world.windows);
    return ok({ entries: world.hiddenWindows.filter(({ probe }) => probe === of), nextCursor: null });
  }
  if (kind === 'me') return ok(world.me);
  if (kind === 'queues') return ok(world.queues);
  if (kind === 'account') return ok(world.account);
  if (kind === 'operations') return ok({ entries: world.operations });
  if (kind === 'tailer') return ok(world.tailer);
  if (kind === 'costs') return ok(world.costs);
  if (kind === 'dead-letters') return ok(world.deadLetters);
  return notFound;
}

/** So small that a few dozen wakes need more than one. */
const pageSize = 20;

const LAPTOP = { width: 1366, height: 768 };
const PHONE = { width: 360, height: 800 };

/** Opens a page of the console, and sees at the end that it kept to itself and complained of nothing. */
async function open(
  url: string,
  hash = '#/',
  options: BrowserContextOptions = {},
  expected: RegExp[] = [],
): Promise<BrowserPage> {
  const { page, complaints, foreign } = await watchedPage(browser, url, {
    viewport: LAPTOP,
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
    ...options,
  });
  page.setDefaultTimeout(8_000);
  onTestFinished(async () => {
    await page.context().close();
    expect(complaints.filter((text) => !expected.some((pattern) => pattern.test(text)))).toEqual([]);
    expect(foreign).toEqual([]);
  });
  await page.goto(`${url}/${hash}`);
  return page;
}

/** A browser says so itself where an answer is no success. */
const FAILED_LOAD = /Failed to load resource/;

const text = (page: BrowserPage, selector: string) => page.locator(selector).innerText();
const seconds = (countdown: string) => countdown.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
const windowRow = (page: BrowserPage, name: string) => page.locator('.windows li').filter({ hasText: name });

test('what is built is small, and names no other place', () => {
  const files = readdirSync(built, { recursive: true, encoding: 'utf8' }).map((name) => join(built, name));
  const scripts = files.filter((file) => file.endsWith('.js'));
  const size = scripts.reduce((sum, file) => sum + statSync(file).size, 0);
  expect(size).toBeGreaterThan(10_000);
  expect(size).toBeLessThan(60 * 1024);
  const page = readFileSync(join(built, 'index.html'), 'utf8');
  expect(page).not.toMatch(/<style|style=|<script(?![^>]*src=)/);
  for (const file of files.filter((file) => /\.(js|css|html)$/.test(file))) {
    // The names of the SVG and MathML namespaces are names, not places.
    expect(readFileSync(file, 'utf8').match(/(?:https?:)?\/\/(?!www\.w3\.org\/)[\w-]+\.\w+[^'"`\s]*/g) ?? []).toEqual(
      [],
    );
  }
});

describe('the first screen', () => {
  test('answers the four questions without scrolling on a laptop', async () => {
    const { url } = await api(busy());
    const page = await open(url, '#/', { viewport: { width: 1366, height: 640 } });
    await page.locator('.wake').first().waitFor();
    const inSight = async (selector: string) => {
      const box = await page.locator(selector).first().boundingBox();
      return box !== null && box.y + box.height <= 640;
    };
    // What is going on, why I was woken and what it found, why I was not, what it costs, and whether it adds up.
    expect(await text(page, 'h1')).toBe('1 wake in flight');
    expect(await text(page, '.wake:nth-child(2) .found')).toContain('its token expired on 22 November');
    expect(await text(page, '.windows li:nth-child(2) .repeats')).toContain('14 held back');
    expect(await text(page, '.spent')).toMatch(/\$[\d.]+ of \$[\d.]+ this month/);
    expect(await text(page, '.unaccounted')).toBe('unaccounted: 0');
    for (const selector of [
      'h1',
      '.wake:nth-child(5)',
      '.windows li:nth-child(3)',
      '.ladder',
      '.spent',
      '.queues',
      '.sources',
      '.unaccounted',
    ]) {
      expect([selector, await inSight(selector)]).toEqual([selector, true]);
    }
    expect(await text(page, '.ladder li.here')).toContain('75 %');
  });

  test('counts the time left of each window down by itself', async () => {
    const { url, state } = await api(busy());
    const page = await open(url);
    const left = windowRow(page, 'postgres').locator('.countdown');
    const before = seconds(await left.innerText());
    expect(before).toBeGreaterThan(560);
    // No new answer may help it.
    state.override = (path) => (path === '/v1/debounce' ? 'hang' : undefined);
    await eventually(async () => seconds(await left.innerText()) <= before - 3);
    expect(seconds(await left.innerText())).toBeGreaterThan(before - 12);
  });

  test('shows at once what a live event tells of, and who changed what by hand', async () => {
    const { url, state, requests, emit } = await api(busy());
    const page = await open(url);
    await page.getByText('window cleared').waitFor();
    expect(await text(page, '.operations')).toContain('by jo');
    // Right after a poll, so that the next is three seconds away.
    const asked = () => requests.filter(({ path }) => path.startsWith('/v1/debounce')).length;
    const before = asked();
    await eventually(() => asked() > before);
    state.world.windows.entries = [];
    const began = Date.now();
    emit('window.cleared');
    await page.locator('.empty').filter({ hasText: 'No window is open' }).waitFor();
    expect(Date.now() - began).toBeLessThan(2_500);
  });

  test('asks once before a window is cleared, and says what happened', async () => {
    const { url, changes } = await api(busy());
    const page = await open(url);
    const row = windowRow(page, NASTY);
    await row.getByRole('button', { name: 'Clear' }).click();
    expect(changes).toEqual([]);
    expect(await row.innerText()).toContain('Investigate its next wake?');
    await row.getByRole('button', { name: 'Keep' }).click();
    await row.getByRole('button', { name: 'Clear' }).click();
    await page.keyboard.press('Escape');
    expect(changes).toEqual([]);
    await row.getByRole('button', { name: 'Clear' }).click();
    await row.getByLabel('Why, if you want to say').fill(' Störung & 🔥 ');
    await row.getByRole('button', { name: 'Yes, clear' }).click();
    const said = page.locator('[role=status]').filter({ hasText: 'Cleared' });
    await said.waitFor();
    expect(await said.innerText()).toContain(`Cleared ${NASTY} / <img`);
    expect(await said.innerText()).toContain('its next wake is investigated. It had held nothing back.');
    const [{ method, path } = { method: '', path: '' }, ...more] = changes;
    const asked = new URL(path, url);
    expect([method, asked.pathname, Object.fromEntries(asked.searchParams), more]).toEqual([
      'DELETE',
      '/v1/debounce',
      { probe: NASTY, category: MARKUP, reason: 'Störung & 🔥' },
      [],
    ]);
    expect(await row.count()).toBe(0);
    expect(await page.evaluate('document.activeElement?.textContent')).toContain('Cleared');
  });

  test('finds a window that is not on the first page by the name of its probe', async () => {
    const { url, state } = await api(busy());
    const page = await open(url);
    await windowRow(page, 'postgres').waitFor();
    expect(await page.getByRole('button', { name: 'Find' }).count()).toBe(0);
    const [some] = state.world.windows.entries;
    state.world.windows.nextCursor = 'more';
    state.world.hiddenWindows = [{ ...some!, probe: NASTY, category: 'far_down', wakeId: 'w-far' }];
    await page.getByLabel('Probe').fill(NASTY);
    await page.keyboard.press('Enter');
    await windowRow(page, 'far_down').waitFor();
    expect(await page.locator('.windows li').count()).toBe(1);
    await page.getByLabel('Probe').fill('nobody');
    await page.getByRole('button', { name: 'Find' }).click();
    await page.getByText('No window of nobody is open').waitFor();
    await page.getByRole('button', { name: 'All probes' }).click();
    await windowRow(page, 'postgres').waitFor();
  });

  test('clears names of 3,000 characters, and says why where it cannot', async () => {
    const { url, changes, state } = await api(busy());
    const page = await open(url, '#/', {}, [FAILED_LOAD]);
    const clear = async (name: string) => {
      const row = windowRow(page, name);
      await row.getByRole('button', { name: 'Clear' }).click();
      await row.getByRole('button', { name: 'Yes, clear' }).click();
    };
    await clear(LONG);
    await page.locator('.saying .good').filter({ hasText: '1,240 repeats' }).waitFor();
    const long = encodeURIComponent(LONG);
    expect(changes[0]?.path).toBe(`/v1/debounce?probe=${long}&category=${long}`);

    state.override = (_, method) =>
      method === 'DELETE' ? { status: 403, body: { message: 'This token may only read.' } } : undefined;
    await clear('postgres');
    await page.locator('.saying .bad').filter({ hasText: 'was not cleared: 403: This token may only read.' }).waitFor();
    expect(await windowRow(page, 'postgres').count()).toBe(1);

    state.override = (_, method) => (method === 'DELETE' ? { status: 200, body: { cleared: 0 } } : undefined);
    await clear('postgres');
    await page.locator('.saying .good').filter({ hasText: 'was no longer open' }).waitFor();
  });

  test('asks before a queue is paused, says loudly that it is, and resumes', async () => {
    const { url, changes } = await api(busy());
    const page = await open(url);
    const row = page.locator('.queues li').filter({ hasText: 'deliveries' });
    await row.getByRole('button', { name: 'Pause' }).click();
    expect(await row.innerText()).toContain('Until resumed, nobody is told.');
    expect(changes).toEqual([]);
    await row.getByRole('button', { name: 'Yes, pause' }).click();
    await page.locator('.saying').filter({ hasText: 'deliveries is paused' }).waitFor();
    expect(await text(page, '.troubles')).toContain('The queue deliveries is paused: nobody is told.');
    await row.getByRole('button', { name: 'Resume' }).click();
    await page.locator('.saying').filter({ hasText: 'deliveries runs again' }).waitFor();
    expect(await page.locator('.troubles').count()).toBe(0);
    expect(changes.map(({ method, path }) => [method, path])).toEqual([
      ['POST', '/v1/queues/deliveries/pause'],
      ['POST', '/v1/queues/deliveries/resume'],
    ]);
  });

  test('retries a dead letter, and drops one only with a reason', async () => {
    const world = busy();
    const byHand = letter({ jobId: 'by hand', wakeId: null, probe: null, category: null, severity: null, title: null });
    world.deadLetters = {
      entries: [letter(), letter({ jobId: 'w-9', wakeId: 'w-9', probe: NASTY }), byHand],
      nextCursor: null,
    };
    const { url, changes } = await api(world);
    const page = await open(url);
    expect(await text(page, '.troubles')).toContain('3 wakes could not be told.');
    const stripe = page.locator('.dead li').filter({ hasText: 'stripe' });
    await stripe.getByRole('button', { name: 'Retry' }).click();
    await page.locator('.saying').filter({ hasText: 'is tried again' }).waitFor();
    const nasty = page.locator('.dead li').filter({ hasText: NASTY });
    await nasty.getByRole('button', { name: 'Drop' }).click();
    await page.keyboard.press('Escape');
    expect(await page.evaluate('document.activeElement?.textContent')).toBe('Drop…');
    await page.keyboard.press('Enter');
    await nasty.getByRole('button', { name: 'Drop' }).click();
    expect(changes).toHaveLength(1);
    await nasty.getByRole('textbox').fill('told by phone');
    await page.keyboard.press('Enter');
    await nasty.waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Retry: deliveries / by hand' }).click();
    await page.getByText('No dead letters: nothing was left untold.').waitFor();
    expect(changes).toEqual([
      { method: 'POST', path: `/v1/dead-letters/deliveries/${encodeURIComponent('w-4:deliver/1 %')}/retry`, body: '' },
      { method: 'DELETE', path: '/v1/dead-letters/deliveries/w-9', body: JSON.stringify({ reason: 'told by phone' }) },
      { method: 'POST', path: '/v1/dead-letters/deliveries/by%20hand/retry', body: '' },
    ]);
  });

  test('is alarmed where wakes are unaccounted for, nobody follows the log, or no worker is there', async () => {
    const world = busy();
    world.account.unaccounted = 2;
    world.account.oldestPendingMs = 7.5 * MINUTE;
    world.costs.rung = 'hard_stop_100';
    for (const source of world.tailer.sources) source.holder = null;
    for (const queue of world.queues.queues) queue.workers = 0;
    const { url } = await api(world);
    const page = await open(url);
    await page.locator('.troubles li').nth(5).waitFor();
    expect(await page.locator('.troubles li').allInnerTexts()).toEqual([
      '2 wakes cannot be accounted for.',
      'A wake has waited for 7 min 30 s, and nobody was told of it yet.',
      'No worker takes from wakes: nothing is investigated.',
      'No worker takes from deliveries: nobody is told.',
      'Nobody follows /var/lib/kora/kora_audit_log.jsonl: new rows are not seen.',
      'The budget is spent, or too little of it is left: wakes are told without a diagnosis.',
    ]);
    expect(await text(page, '.unaccounted.wrong')).toBe('unaccounted: 2');
  });

  test('is alarmed where no tailer ever came, and shows what was found while it cannot be told', async () => {
    const world = quiet();
    world.tailer.sources = [];
    world.investigations.entries = [wake({ ...wake({}), outcome: null, outcomeAt: null, state: 'delivering' })];
    const { url } = await api(world);
    const page = await open(url);
    await page.getByText('Nobody follows a log: start a tailer.').waitFor();
    expect(await text(page, '.wake .found')).toContain('its token expired on 22 November');
    expect(await text(page, '.wake .tag')).toBe('on its way to slack');
  });

  test('puts first the windows that hold back the most, and shows all that was changed by hand when asked', async () => {
    const world = busy();
    world.windows.entries = Array.from({ length: 9 }, (_, i) =>
      openWindow({ probe: `probe-${i}`, suppressed: i, remainingMs: (9 - i) * MINUTE }),
    );
    const [one] = world.operations;
    world.operations = Array.from({ length: 5 }, (_, i) => ({ ...one!, what: `thing_${i}_done` }));
    const { url } = await api(world);
    const page = await open(url);
    await windowRow(page, 'probe-8').waitFor();
    expect(await page.locator('.windows li b').first().innerText()).toBe('probe-8');
    expect(await page.locator('.windows li').count()).toBe(6);
    await page.getByRole('button', { name: 'Show all 5 changes' }).click();
    expect(await text(page, '.operations')).toContain('thing 4 done');
  });

  test('offers nothing to change to who may only look', async () => {
    const world = busy();
    world.me.may = 'look';
    world.deadLetters.entries = [letter()];
    world.queues.queues[0]!.isPaused = true;
    const { url } = await api(world);
    const page = await open(url);
    await page.getByText('read-only').waitFor();
    expect(await page.getByRole('button', { name: /Clear|Pause|Resume|Retry|Drop/ }).count()).toBe(0);
  });

  test('follows what changes, and rests while nobody looks', async () => {
    const { url, state, requests, listeners } = await api(busy());
    const page = await open(url);
    await page.locator('.wake').first().waitFor();
    state.world.account = { ...state.world.account, inFlight: 7 };
    await page.getByRole('heading', { name: '7 wakes in flight' }).waitFor();

    const visibility = (value: string) =>
      page.evaluate(`Object.defineProperty(document, 'visibilityState', { configurable: true, value: '${value}' });
        document.dispatchEvent(new Event('visibilitychange'))`);
    await visibility('hidden');
    await page.waitForTimeout(300);
    const asked = requests.length;
    // Nor does it keep a connection, of which a browser has few.
    await eventually(() => listeners() === 0);
    await page.waitForTimeout(3_500);
    expect(requests.length).toBe(asked);
    state.world.account = { ...state.world.account, inFlight: 8 };
    await visibility('visible');
    await page.getByRole('heading', { name: '8 wakes in flight' }).waitFor({ timeout: 1_500 });
    await eventually(() => listeners() === 1);
  });
});

describe('investigations', () => {
  test('are a time line with a lane for each probe, and a list', async () => {
    const { url } = await api(busy());
    const page = await open(url, '#/investigations');
    await page.locator('.wakemark').first().waitFor();
    expect(await page.locator('.lanename').allInnerTexts()).toEqual([
      'postgres',
      'fly',
      'vercel',
      NASTY,
      'stripe',
      LONG,
    ]);
    const fates = await page
      .locator('.wakemark .mark')
      .evaluateAll((marks) => marks.map((mark) => mark.getAttribute('class')));
    expect(new Set(fates)).toEqual(
      new Set(['mark told', 'mark fallback', 'mark failed', 'mark dry_run', 'mark in_flight']),
    );
    const shapes = await page.locator('.legend .mark').evaluateAll((marks) => marks.map((mark) => mark.innerHTML));
    expect(new Set(shapes).size).toBe(5);
    expect(await page.locator('.lane').filter({ hasText: 'stripe' }).locator('.held').first().innerText()).toMatch(
      /^\+\d+$/,
    );
    expect(await page.locator('.wakes .wake').count()).toBe(20);
    await page.getByRole('button', { name: 'Show older ones' }).click();
    await page.locator('.wakes .wake').nth(29).waitFor();
    expect(await page.getByRole('button', { name: 'Show older ones' }).count()).toBe(0);
  });

  test('can be narrowed to a probe and a period', async () => {
    const { url, requests } = await api(busy());
    const page = await open(url, '#/investigations');
    await page.getByRole('button', { name: NASTY }).click();
    // For a moment there is none, while the new list is read.
    await eventually(async () => (await page.locator('.wakes .wake').count()) === 1);
    await page.getByRole('button', { name: '7 days' }).click();
    await eventually(async () => requests.some(({ path }) => path.includes('window=7d')));
    expect(requests.at(-1)?.path).toBe(`/v1/investigations?window=7d&limit=100&probe=${encodeURIComponent(NASTY)}`);
    await page.getByLabel('Probe', { exact: true }).fill('nobody');
    await page.keyboard.press('Enter');
    await page.getByText('No wake of nobody in this period.').waitFor();
    await page.getByRole('button', { name: 'All probes' }).click();
    await page.locator('.wakemark').first().waitFor();
  });

  test('are walked with the arrow keys', async () => {
    const { url } = await api(busy());
    const page = await open(url, '#/investigations');
    await page.locator('.wakemark[tabindex="0"]').focus();
    expect(await page.locator('.wakemark[tabindex="0"]').count()).toBe(1);
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('ArrowLeft');
    expect(await page.evaluate('document.activeElement?.getAttribute("data-wake")')).toBe('w-2');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Deployment of web failed twice' }).waitFor();
  });

  test('open into the row, the looks, the report, its evidence, its cost and the DM', async () => {
    const { url } = await api(busy());
    const page = await open(url);
    await page.locator('.wake').nth(1).getByRole('link').click();
    await page.getByRole('heading', { name: 'Fly app(s) unreachable: HTTP 401' }).waitFor();
    expect(await text(page, '.verdict')).toBe('Confirmed');
    expect(await text(page, '.summary')).toContain('its token expired');
    expect(await page.locator('.looks tbody tr').allInnerTexts()).toHaveLength(7);
    expect(await text(page, '.looks tr:has-text("grafana")')).toContain('failed, TimeoutError');
    expect(await text(page, '.looks tr:has-text("http_check")')).toContain('412 ms');
    expect(await page.locator('.evidence li').allInnerTexts()).toEqual([
      'unauthenticated: token expired at 2026-11-22T23:59:59Z\ncall-1, http_check',
      'Fly app(s) unreachable: HTTP 401\nthe row',
    ]);
    expect(await text(page, '.slack .text')).toMatch(/^🚨 Probe alert · fly\nThe Fly API/);
    expect(await page.locator('.rail .facts data').first().getAttribute('title')).toBe('$0.004913');
    expect(await text(page, '.rail .facts')).toContain('$0.0049');
    await page.goBack();
    await page.getByRole('heading', { name: 'Open windows' }).waitFor();
  });

  test('that no longer exist are said to', async () => {
    const { url } = await api(busy());
    const page = await open(url, '#/investigations/w-gone', {}, [FAILED_LOAD]);
    await page.getByRole('heading', { name: 'This wake is not known' }).waitFor();
  });
});

test('costs are a chart against the budget, and a table', async () => {
  const { url } = await api(busy());
  const page = await open(url, '#/costs');
  await page.locator('.chart rect').first().waitFor();
  expect(await page.locator('.chart > svg .pace').count()).toBe(1);
  expect(await page.locator('.chart > svg').getAttribute('aria-label')).toContain(
    'Spend by day and model; the most on',
  );
  await page.getByText('The numbers as a table').click();
  expect(await page.locator('.numbers tbody tr').count()).toBe(new Date().getUTCDate());
  expect(await page.locator('.shares').first().innerText()).toContain('claude-sonnet-5-5');
});

test('markup, strange and long names are text everywhere', async () => {
  const { url } = await api(busy());
  const page = await open(url);
  for (const hash of [
    '#/',
    '#/investigations',
    `#/investigations/${encodeURIComponent('w/3 %')}`,
    '#/investigations/w-5',
    '#/costs',
  ]) {
    await page.goto(`${url}/${hash}`);
    await page.locator('.panel').nth(1).waitFor();
    expect(await page.locator('main img, main script, main i:has-text("é")').count()).toBe(0);
    expect(await page.title()).toContain('Kora Wake');
  }
  await page.goto(`${url}/#/investigations/${encodeURIComponent('w/3 %')}`);
  await page.getByRole('heading', { name: MARKUP }).waitFor();
  expect(await text(page, 'pre[aria-label=Detail]')).toContain(MARKUP);
});

describe('when there is little to show', () => {
  test('emptiness says what it means', async () => {
    const { url } = await api(quiet());
    const page = await open(url);
    await page.getByRole('heading', { name: 'All quiet' }).waitFor();
    await page.getByText('No wake yet.').waitFor();
    await page.getByText('No window is open. The next wake of any probe is investigated and told.').waitFor();
    await page.goto(`${url}/#/investigations`);
    await page.getByText('No wake in the last 24 hours').waitFor();
    await page.goto(`${url}/#/costs`);
    await page.getByText('Nothing was spent.').waitFor();
    await page.goto(`${url}/#/nowhere`);
    await page.getByRole('heading', { name: 'There is no such page' }).waitFor();
  });

  test('what is not there yet is being read', async () => {
    const { url, state } = await api(busy());
    state.override = () => 'hang';
    const page = await open(url);
    await page.locator('.panel[aria-busy=true] .skeleton').first().waitFor();
    expect(await text(page, 'h1')).toBe('Reading…');
  });

  test.each([401, 429])('a refused token is said so, and not tried again: %i', async (status) => {
    const { url, state, requests } = await api(busy());
    state.override = () => ({
      status,
      body: { statusCode: status, error: 'Unauthorized', message: 'Give the token.' },
    });
    const page = await open(url, '#/', {}, [FAILED_LOAD]);
    await page.getByRole('heading', { name: 'You have no permission to look' }).waitFor();
    expect(await text(page, '.notice')).toContain('give the token as the password');
    await page.waitForLoadState('networkidle');
    const asked = requests.length;
    await page.waitForTimeout(3_500);
    expect(requests.length).toBe(asked);
    state.override = () => undefined;
    await page.getByRole('button', { name: 'Reload' }).click();
    await page.getByRole('heading', { name: '1 wake in flight' }).waitFor();
  });

  test('an API that is gone is said so from the start, and the page comes by itself once it is back', async () => {
    const { url, state } = await api(busy());
    state.override = () => 'reset';
    const page = await open(url, '#/', {}, [FAILED_LOAD]);
    await page.getByRole('heading', { name: 'The API does not answer' }).waitFor();
    await page.getByRole('button', { name: 'Try again' }).click();
    state.override = () => undefined;
    await page.getByRole('heading', { name: '1 wake in flight' }).waitFor();
    await page.getByText('The API does not answer').waitFor({ state: 'detached' });
  });

  test('a stream of events that was refused is tried again', async () => {
    const { url, state, listeners } = await api(busy());
    state.streams = false;
    const page = await open(url, '#/', {}, [FAILED_LOAD]);
    await page.locator('.wake').first().waitFor();
    expect(listeners()).toBe(0);
    state.streams = true;
    await eventually(() => listeners() === 1);
  });

  test('the last good data stays, with its age, while the API does not answer', async () => {
    const { url, state } = await api(busy());
    const page = await open(url, '#/', {}, [FAILED_LOAD]);
    await page.locator('.wake').first().waitFor();
    state.override = () => 'reset';
    await page.getByText('The API does not answer').waitFor();
    expect(await page.locator('.wake').count()).toBe(5);
    expect(await text(page, '.trouble')).toMatch(/What you see is from (\d+ s ago|just now)/);
    await page.locator('.stale').first().waitFor({ timeout: 12_000 });
    expect(await text(page, '.freshness')).toMatch(/\d+ s old/);
    state.override = () => undefined;
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.locator('.freshness.live').waitFor();
    await page.locator('.trouble').waitFor({ state: 'detached' });
  });

  test('one part that fails is named, and the others live', async () => {
    const { url, state } = await api(busy());
    state.override = (path) =>
      path === '/v1/costs' ? { status: 500, body: { message: 'Something went wrong.' } } : undefined;
    const page = await open(url, '#/', {}, [FAILED_LOAD]);
    await page.getByText('/v1/costs answers 500: Something went wrong.').waitFor();
    expect(await page.locator('.wake').count()).toBe(5);
    await page.getByText('Cannot be read: 500').waitFor();
  });
});

test('an answer that makes no sense breaks one page, not the console', async () => {
  const { url, state } = await api(busy());
  state.override = (path) => (path === '/v1/queues' ? { status: 200, body: { queues: [null] } } : undefined);
  const page = await open(url);
  await page.getByRole('heading', { name: 'This page cannot be drawn' }).waitFor();
  await page.getByRole('link', { name: 'Costs', exact: true }).click();
  await page.locator('.chart rect').first().waitFor();
});

const PAGES: [name: string, hash: string, ready: string][] = [
  ['now', '#/', '.wake'],
  ['investigations', '#/investigations', '.wakemark'],
  ['investigation', '#/investigations/w-1', '.slack'],
  ['investigation-nasty', `#/investigations/${encodeURIComponent('w/3 %')}`, '.slack'],
  ['investigation-long', '#/investigations/w-5', '.slack'],
  ['fallback', '#/investigations/w-2', '.slack'],
  ['costs', '#/costs', '.chart rect'],
];

const OVERFLOW = 'Math.max(0, document.documentElement.scrollWidth - innerWidth)';

/** Set, it names a folder for pictures of every page, to be looked at. */
const pictures = process.env.CONSOLE_PICTURES;

describe.each(['light', 'dark'] as const)('in %s', (colorScheme) => {
  test.each([
    ['laptop', LAPTOP],
    ['phone', PHONE],
  ] as const)(
    'on a %s every page keeps nobody out and scrolls one way only',
    async (device, viewport) => {
      const world = busy();
      world.deadLetters = {
        entries: device === 'phone' ? [letter(), letter({ jobId: 'w-9', probe: LONG, title: LONG, reason: LONG })] : [],
        nextCursor: null,
      };
      const { url } = await api(world);
      const page = await open(url, '#/', { viewport, colorScheme });
      for (const [name, hash, ready] of PAGES) {
        await page.goto(`${url}/${hash}`);
        await page.locator(ready).first().waitFor();
        if (name === 'costs') await page.getByText('The numbers as a table').click();
        expect([name, await barriers(page)]).toEqual([name, []]);
        expect([name, await page.evaluate(OVERFLOW)]).toEqual([name, 0]);
        if (pictures) {
          mkdirSync(pictures, { recursive: true });
          await page.screenshot({
            path: join(pictures, `${name}-${device}-${colorScheme}.png`),
            fullPage: device === 'phone',
          });
        }
      }
    },
    60_000,
  );

  test('what is asked, empty or wrong keeps nobody out either', async () => {
    const { url, state } = await api(busy());
    const page = await open(url, '#/', { viewport: PHONE, colorScheme }, [FAILED_LOAD]);
    const look = async (name: string) => {
      expect([name, await barriers(page)]).toEqual([name, []]);
      expect([name, await page.evaluate(OVERFLOW)]).toEqual([name, 0]);
      if (pictures) await page.screenshot({ path: join(pictures, `${name}-phone-${colorScheme}.png`), fullPage: true });
    };
    await windowRow(page, 'fly').getByRole('button', { name: 'Clear' }).click();
    await page.getByRole('button', { name: 'Pause' }).first().click();
    await look('asking');
    state.override = () => 'reset';
    await page.getByText('The API does not answer').waitFor();
    await look('stale');
    await page.reload();
    await page.getByRole('heading', { name: 'The API does not answer' }).waitFor();
    await look('unreachable');
    state.override = () => ({ status: 401, body: {} });
    await page.getByRole('heading', { name: 'You have no permission' }).waitFor();
    await look('barred');
    state.override = () => undefined;
    state.world = quiet();
    await page.reload();
    await page.getByRole('heading', { name: 'All quiet' }).waitFor();
    await look('empty');
  }, 60_000);
});

test('the keyboard reaches every control, each with a visible focus', async () => {
  const world = busy();
  world.deadLetters = { entries: [letter()], nextCursor: null };
  const { url } = await api(world);
  const page = await open(url);
  for (const [, hash, ready] of PAGES) {
    await page.goto(`${url}/${hash}`);
    await page.reload();
    await page.locator(ready).first().waitFor();
    const expected: number = await page.evaluate(
      `[...document.querySelectorAll('a[href], button, input, summary, [tabindex="0"]')].filter((e) => e.tabIndex >= 0 && e.checkVisibility()).length`,
    );
    const reached = new Set<string>();
    const invisible: string[] = [];
    for (let i = 0; i < expected + 4; i++) {
      await page.keyboard.press('Tab');
      const focus: { key: string; ring: boolean } | null = await page.evaluate(`(() => {
        const e = document.activeElement;
        if (!e || e === document.body) return null;
        e.dataset.reached ??= String(Math.random());
        const { outlineStyle, outlineWidth } = getComputedStyle(e);
        return { key: e.dataset.reached, ring: outlineStyle !== 'none' && outlineWidth !== '0px' };
      })()`);
      if (!focus) continue;
      reached.add(focus.key);
      if (!focus.ring) invisible.push(await page.evaluate('document.activeElement.outerHTML.slice(0, 200)'));
    }
    expect([hash, reached.size]).toEqual([hash, expected]);
    expect(invisible).toEqual([]);
  }
}, 60_000);
