import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { sleep } from '@kora-wake/shared/runtime/async';
import { rowTraces } from '@kora-wake/shared/runtime/tracing';
import { readCheckpoint, readConflict } from '@kora-wake/shared/store/checkpoint';
import { sourceId } from '@kora-wake/shared/store/keys';
import { encodePosition, NOWHERE } from '@kora-wake/shared/store/position';
import { readUnreadableLines } from '@kora-wake/shared/store/unreadable-lines';
import { recordOutcome } from '@kora-wake/shared/store/wake-record';
import { getWindow, listWindows } from '@kora-wake/shared/store/windows';
import { redact } from '@kora-wake/shared/wake/redact';
import { describe, expect, onTestFinished } from 'vitest';
import {
  append,
  aWake,
  countWaiting,
  endBeforeCleanup,
  ending,
  eventually,
  type Namespace,
  recoveredRow,
  type TestLog,
  test,
  testLog,
  waitingJobs,
  wakeRow,
} from '../../../test/support/fixtures.ts';
import { checkpoint, tallyOf } from '../src/checkpoint.ts';
import { batchOf, type Decided } from '../src/decide/batch.ts';
import type { Decider } from '../src/decide/enqueue.ts';
import { newToken, takeLease } from '../src/lease.ts';
import { type FileWatcher, fileWatcher } from '../src/log/file-watcher.ts';
import { endOf } from '../src/log/resume.ts';
import type { Line } from '../src/log/scan.ts';
import { runTailer } from '../src/tailer.ts';
import { decisionOn } from './collecting.ts';
import { fixedSettings } from './settings.ts';

const FIXTURES = new URL('../../../test/fixtures/', import.meta.url);
const fixture = (name: string) => readFileSync(new URL(name, FIXTURES));

interface Options {
  windowMs?: number;
  bypassCritical?: boolean;
  /** Default true. */
  hasIncidents?: boolean;
  maxAgeMs?: number;
  pollMs?: number;
  minConflicts?: number;
  watcher?: FileWatcher;
  /** Replaces the commit of a batch. */
  commit?: () => Promise<'committed'>;
  /** Called after each commit. */
  committed?: (decided: Decided) => void;
  log?: TestLog;
}

function deciderFor(ns: Namespace, options: Options): Decider {
  return {
    sourceName: undefined,
    redis: ns.redis,
    queue: ns.queue,
    keys: ns.keys,
    settings: fixedSettings({ windowMs: options.windowMs ?? 600_000, bypassCritical: options.bypassCritical ?? false }),
    hasIncidents: options.hasIncidents ?? true,
    maxAgeMs: options.maxAgeMs ?? 0,
    redact,
    traces: rowTraces(),
    now: Date.now,
    redisNow: Date.now,
    log: (options.log ?? testLog()).logger,
  };
}

/** Runs a tailer in this process, until the test ends or `stop` is called. */
async function tail(ns: Namespace, path: string, options: Options = {}) {
  const log = options.log ?? testLog();
  const watcher = options.watcher ?? fileWatcher(path);
  const source = sourceId(path);
  const stopping = new AbortController();
  const stored = checkpoint(ns.redis, ns.keys, source, path, {
    hasIncidents: options.hasIncidents ?? true,
  });
  let loaded = '';
  const load = async () => {
    const found = await stored.load();
    loaded = found.stored;
    return found;
  };
  const running = runTailer(
    {
      path,
      sourceId: source,
      checkpoint: { ...stored, load, ...(options.commit && { commit: options.commit }) },
      watcher,
      pollMs: options.pollMs ?? 50,
      ...(options.minConflicts !== undefined && { minConflicts: options.minConflicts }),
      policy: () => ({ version: '', problem: null }),
      committed: options.committed ?? (() => undefined),
      decider: deciderFor(ns, { ...options, log }),
    },
    stopping.signal,
  );
  const stop = async () => {
    stopping.abort();
    await running;
    watcher.close();
  };
  endBeforeCleanup(stop);
  return { log, stop, loaded: () => loaded };
}

/** Runs a tailer and waits until it follows the log. */
async function tailing(ns: Namespace, path: string, options: Options = {}) {
  const tailer = await tail(ns, path, options);
  await tailer.log.until('tailer.following');
  return tailer;
}

/** Decides a row as one that may have been decided before. */
async function decideAgain(decider: Decider, line: Line): Promise<Decided> {
  const batch = batchOf(decider, true, () => undefined);
  batch.take(line);
  const decided = await batch.decide(async () => true);
  if (!decided) throw new Error('it was not decided');
  return decided;
}

async function counters(ns: Namespace): Promise<Record<string, number>> {
  const all = await ns.redis.hgetall(ns.keys.counters);
  const decisions = Object.entries(all).filter(([name]) => !name.startsWith('incidents:'));
  return Object.fromEntries(decisions.map(([name, n]) => [name, Number(n)]));
}

const rowsAre = (ns: Namespace, rows: number) =>
  eventually(async () => (await counters(ns)).rows === rows && (await counters(ns)));

test('after a burst, the tailer lets the next rows collect for a moment', async ({ ns, logPath }) => {
  /** Rows of each commit, and its time, ms. */
  const commits: Array<{ rows: number; at: number }> = [];
  const committed = ({ lines }: Decided) => {
    commits.push({ rows: lines, at: performance.now() });
    if (commits.length === 1) append(logPath, wakeRow());
  };
  writeFileSync(logPath, '');
  const { log } = await tail(ns, logPath, { committed });
  await log.until('tailer.following');
  append(logPath, Array.from({ length: 20 }, () => wakeRow()).join('\n'));
  await eventually(() => commits.length >= 2);
  expect(commits.map(({ rows }) => rows)).toEqual([20, 1]);
  const [burst, next] = commits.map(({ at }) => at);
  expect(Number(next) - Number(burst)).toBeGreaterThan(45);
});

describe('the tailer', () => {
  test('starts a new source at its end, and enqueues later rows', async ({ ns, logPath }) => {
    writeFileSync(logPath, `${wakeRow({ title: 'history' })}\n`);
    await tailing(ns, logPath);
    append(logPath, wakeRow({ title: 'news' }));
    expect(await rowsAre(ns, 1)).toEqual({ rows: 1, enqueued: 1 });
    const [job] = await waitingJobs(ns.queue);
    expect(job?.data.wake.title).toBe('news');
    expect(job?.id).toMatch(/^w-[0-9a-f]{32}$/);
  });

  test('resumes at its checkpoint, and reads the rows written meanwhile', async ({ ns, logPath }) => {
    const first = await tailing(ns, logPath);
    append(logPath, wakeRow({ category: 'a' }));
    await rowsAre(ns, 1);
    await first.stop();
    append(logPath, wakeRow({ category: 'b' }));
    await tailing(ns, logPath);
    expect(await rowsAre(ns, 2)).toEqual({ rows: 2, enqueued: 2 });
  });

  test('notices a row by a file event, long before the next poll', async ({ ns, logPath }) => {
    const { log } = await tailing(ns, logPath, { pollMs: 3_600_000 });
    append(logPath, wakeRow());
    await log.until('wake.enqueued');
    append(logPath, wakeRow({ category: 'b' }));
    await log.until('wake.enqueued', (line) => line.category === 'b');
    expect(await rowsAre(ns, 2)).toEqual({ rows: 2, enqueued: 2 });
  });

  test('coalesces rows inside an open window, and counts them on the winner', async ({ ns, logPath }) => {
    const startedAt = Date.now();
    await tailing(ns, logPath);
    append(
      logPath,
      wakeRow({ title: '1' }),
      wakeRow({ title: '2' }),
      wakeRow({ title: '3' }),
      wakeRow({ probe: 'vercel' }),
    );
    expect(await rowsAre(ns, 4)).toEqual({ rows: 4, enqueued: 2, coalesced: 2 });
    const window = await getWindow(ns, 'fly', 'service_unhealthy');
    expect(window).toMatchObject({ suppressed: 2 });
    expect(window?.lastSuppressedAt).toBeGreaterThanOrEqual(startedAt);
    expect(await ns.redis.zrange(ns.keys.windowNames, '0', '-1')).toEqual([
      'fly:service_unhealthy',
      'vercel:service_unhealthy',
    ]);
    expect(await listWindows(ns, { sort: 'suppressed', limit: 1 })).toMatchObject({
      entries: [{ probe: 'fly' }],
      open: 2,
      suppressed: 2,
    });
    // Rows of a later batch count for a window that is open already.
    append(logPath, wakeRow());
    await rowsAre(ns, 5);
    expect(await listWindows(ns, { limit: 1 })).toMatchObject({ open: 2, suppressed: 3 });
  });

  test('takes two equal lines for two wakes', async ({ ns, logPath }) => {
    await tailing(ns, logPath, { windowMs: 0 });
    const line = wakeRow();
    append(logPath, line, line);
    expect(await rowsAre(ns, 2)).toEqual({ rows: 2, enqueued: 2 });
    expect(await countWaiting(ns.queue)).toBe(2);
  });

  test('with a window of 0 coalesces nothing and opens nothing', async ({ ns, logPath }) => {
    await tailing(ns, logPath, { windowMs: 0, bypassCritical: true });
    append(logPath, wakeRow({ severity: 'critical' }), wakeRow(), wakeRow());
    expect(await rowsAre(ns, 3)).toEqual({ rows: 3, enqueued: 3 });
    expect(await ns.redis.exists(ns.keys.windowNames)).toBe(0);
  });

  test('lets a critical wake through an open window only with the bypass, and restarts the window for the others', async ({
    ns,
    logPath,
  }) => {
    await tailing(ns, logPath, { bypassCritical: true });
    append(
      logPath,
      wakeRow({ title: 'first' }),
      wakeRow({ title: 'critical', severity: 'critical' }),
      wakeRow({ title: 'third' }),
    );
    expect(await rowsAre(ns, 3)).toEqual({ rows: 3, enqueued: 2, coalesced: 1 });
    const window = await getWindow(ns, 'fly', 'service_unhealthy');
    expect(window).toMatchObject({ severity: 'critical', suppressed: 1 });
    // Only rows of the wake that holds the window now count.
    append(logPath, wakeRow(), wakeRow({ severity: 'critical' }), wakeRow(), wakeRow(), wakeRow());
    await rowsAre(ns, 8);
    expect(await listWindows(ns, { limit: 1 })).toMatchObject({ open: 1, suppressed: 3 });
  });

  test('lets only the first critical row of an incident through an open window, in one batch or in two', async ({
    ns,
    logPath,
  }) => {
    await tailing(ns, logPath);
    const critical = { severity: 'critical' };
    append(logPath, wakeRow(), wakeRow(critical), wakeRow(critical));
    expect(await rowsAre(ns, 3)).toEqual({ rows: 3, enqueued: 2, coalesced: 1 });
    append(logPath, wakeRow(critical), wakeRow({ category: 'b' }));
    expect(await rowsAre(ns, 5)).toEqual({ rows: 5, enqueued: 3, coalesced: 2 });
    append(logPath, wakeRow({ ...critical, category: 'b' }));
    expect(await rowsAre(ns, 6)).toEqual({ rows: 6, enqueued: 4, coalesced: 2 });
  });

  test('holds every critical row in an open window if there are no incidents, and ignores recoveries', async ({
    ns,
    logPath,
  }) => {
    await tailing(ns, logPath, { hasIncidents: false });
    append(logPath, wakeRow(), wakeRow({ severity: 'critical' }));
    expect(await rowsAre(ns, 2)).toEqual({ rows: 2, enqueued: 1, coalesced: 1 });
    append(logPath, recoveredRow({ probe: 'fly', category: 'service_unhealthy' }), wakeRow());
    expect(await rowsAre(ns, 3)).toEqual({ rows: 3, enqueued: 1, coalesced: 2, 'recovered:ignored': 1 });
    expect(await ns.redis.keys(`${ns.keys.incidents}*`)).toEqual([]);
  });

  test('rejects a row of the backlog that is too old, and logs it', async ({ ns, logPath }) => {
    await (await tailing(ns, logPath)).stop();
    const old = new Date(Date.now() - 3_700_000).toISOString();
    append(logPath, wakeRow({ emittedAt: old }), wakeRow({ emittedAt: 'yesterday' }));
    const { log } = await tailing(ns, logPath, { maxAgeMs: 3_600_000 });
    expect(await rowsAre(ns, 2)).toEqual({ rows: 2, 'rejected:stale': 1, enqueued: 1 });
    expect(log.lines.find(({ event }) => event === 'wake.rejected')).toMatchObject({
      reason: 'stale',
      offset: 0,
      probe: 'fly',
    });
    expect(log.lines.filter(({ event }) => event === 'row.time_unreadable')).toHaveLength(1);
  });

  test.for([
    ['a clock that is 61 minutes behind', new Date(Date.now() - 61 * 60_000).toISOString()],
    ['local time without its zone', new Date(Date.now() - 8 * 3_600_000).toISOString().replace('Z', '')],
  ] as const)('delivers a row that is appended now, by a probe with %s', async ([, emittedAt], { ns, logPath }) => {
    append(logPath, wakeRow({ category: 'history', emittedAt }));
    await tailing(ns, logPath, { maxAgeMs: 3_600_000 });
    append(logPath, wakeRow({ emittedAt }));
    expect(await rowsAre(ns, 1)).toEqual({ rows: 1, enqueued: 1 });
    renameSync(logPath, `${logPath}.1`);
    append(logPath, wakeRow({ category: 'after rotation', emittedAt }));
    expect(await rowsAre(ns, 2)).toEqual({ rows: 2, enqueued: 2 });
    const [job] = await waitingJobs(ns.queue);
    expect(job?.data.wake.appendedAfter).toBeGreaterThan(Date.now() - 3_600_000);
  });

  test('judges the rows of a restored file by their time', async ({ ns, folder, logPath }) => {
    append(logPath, 'no row');
    await tailing(ns, logPath, { maxAgeMs: 3_600_000 });
    append(logPath, wakeRow({ category: 'live' }));
    await rowsAre(ns, 1);
    const restored = join(folder, 'restored');
    append(restored, wakeRow({ emittedAt: new Date(Date.now() - 86_400_000).toISOString() }));
    renameSync(restored, logPath);
    expect(await rowsAre(ns, 2)).toEqual({ rows: 2, enqueued: 1, 'rejected:stale': 1 });
  });

  test('judges the rows of an older file by their time, if the path names that file only now', async ({
    ns,
    folder,
    logPath,
  }) => {
    const older = join(folder, 'older');
    append(older, wakeRow({ emittedAt: new Date(Date.now() - 86_400_000).toISOString() }));
    utimesSync(older, 1, 1);
    append(logPath, 'no row');
    await tailing(ns, logPath, { maxAgeMs: 3_600_000 });
    // The file system's clock and ours may differ by a second.
    await eventually(() => Date.now() > statSync(older).birthtimeMs + 2_000);
    append(logPath, wakeRow({ category: 'live' }));
    await rowsAre(ns, 1);
    renameSync(older, logPath);
    expect(await rowsAre(ns, 2)).toEqual({ rows: 2, enqueued: 1, 'rejected:stale': 1 });
  });

  test('survives every hostile line: counted, logged once, never quoted, no secret in any job', async ({
    ns,
    logPath,
  }) => {
    const { log } = await tailing(ns, logPath, { windowMs: 0 });
    const hostile = fixture('hostile.jsonl');
    writeFileSync(
      logPath,
      Buffer.concat([
        hostile,
        Buffer.from(`{"seam":"probe.wake_requested","details":{"x":\n${wakeRow({ title: 'after' })}\n`),
      ]),
      { flag: 'a' },
    );
    expect(await rowsAre(ns, 21)).toEqual({ rows: 21, enqueued: 18, 'rejected:malformed': 3, 'lines:bad': 1 });
    expect(log.lines.filter(({ event }) => event === 'line.unreadable')).toEqual([
      expect.objectContaining({ offset: hostile.length, bytes: 46, reason: 'torn' }),
    ]);
    const jobs = await waitingJobs(ns.queue);
    const kept = JSON.stringify([jobs.map(({ data }) => data), log.lines]);
    for (const secret of ['xoxb-1234567890', 'sk-ant-api03', 'AKIAIOSFODNN7EXAMPLE'])
      expect(kept).not.toContain(secret);
    const pairs = jobs.map(({ data }) => [data.wake.probe, data.wake.category]);
    for (const pair of [
      ['a:b', 'c'],
      ['a', 'b:c'],
      ['unknown', 'unknown'],
      ['42', 'true'],
      ['crlf', 'c'],
      // Shortened; the end tells it from other long names.
      [expect.stringMatching(/^p{183}…[0-9a-f]{16}$/), 'c'],
    ]) {
      expect(pairs).toContainEqual(pair);
    }
  });

  test('keeps the last 50 unreadable lines for the operator: offset, reason and redacted beginning', async ({
    ns,
    logPath,
  }) => {
    await tailing(ns, logPath);
    const torn = (i: number) =>
      `{"seam":"probe.wake_requested","n":${i},"token":"xoxb-1234567890-abcdef","x":"${'y'.repeat(300)}`;
    append(logPath, ...Array.from({ length: 60 }, (_, i) => torn(i)), wakeRow());
    await rowsAre(ns, 1);
    const lines = await readUnreadableLines(ns.redis, ns.keys, sourceId(logPath));
    expect(lines).toHaveLength(50);
    expect(lines[0]).toMatchObject({ reason: 'torn', offset: torn(0).length * 10 + torn(10).length * 49 + 59 });
    expect(lines[0]?.text).toMatch(/^\{"seam":"probe.wake_requested","n":59,"token":"\[redacted/);
    expect(lines[0]?.text).toHaveLength(200);
    expect(JSON.stringify(lines)).not.toContain('xoxb-1234567890');
    expect((await counters(ns))['lines:bad']).toBe(60);
  });

  test('delivers alerts that are not quite JSON, and warns', async ({ ns, logPath }) => {
    const { log } = await tailing(ns, logPath, { windowMs: 0 });
    const row = (title: string) => wakeRow({ title });
    append(
      logPath,
      row('NaN').replace('"apps_running":0', '"apps_running":NaN'),
      `\0\0${row('after a hole')}`,
      `${row('torn').slice(0, 90)}${row('after a torn row')}`,
      JSON.stringify({ log: `${row('in a container')}\n`, stream: 'stdout' }),
      `[${row('first of an array')},${row('second of an array')}]`,
    );
    await rowsAre(ns, 6);
    const titles = (await waitingJobs(ns.queue)).map(({ data }) => data.wake.title);
    expect(titles.toSorted()).toEqual(
      [
        'NaN',
        'after a hole',
        'after a torn row',
        'first of an array',
        'in a container',
        'second of an array',
      ].toSorted(),
    );
    expect(log.lines.filter(({ event }) => event === 'line.repaired')).toHaveLength(5);
    expect(await counters(ns)).toEqual({ rows: 6, enqueued: 6, 'lines:bad': 1 });
  });

  test('makes 7 jobs of the sample day, each row read at its own time', async ({ ns, logPath }) => {
    await tailing(ns, logPath);
    const lines = fixture('sample.jsonl').toString().split('\n').filter(Boolean);
    let clock: number | undefined;
    let wakes = 0;
    for (const line of lines) {
      const { emitted_at: at, seam } = JSON.parse(line);
      if (seam === 'probe.wake_requested') {
        await pass(ns, Date.parse(at) - (clock ?? Date.parse(at)));
        clock = Date.parse(at);
        wakes++;
      }
      append(logPath, line);
      if (seam === 'probe.wake_requested') await rowsAre(ns, wakes);
    }
    expect(await counters(ns)).toEqual({ rows: 13, enqueued: 7, coalesced: 6 });
    const told = (await waitingJobs(ns.queue)).map(({ data }) => data.wake.probe);
    expect(told.toSorted()).toEqual(['doppler', 'fly', 'fly', 'fly', 'sentry', 'supabase', 'vercel']);
  });
});

/** Shortens the open windows, as if the time had passed. */
async function pass({ redis, keys }: Namespace, ms: number): Promise<void> {
  for (const id of await redis.zrange(keys.windowNames, '0', '-1')) {
    const left = await redis.pttl(keys.dedup(id));
    if (left > ms) await redis.pexpire(keys.dedup(id), left - ms);
    else await redis.del(keys.dedup(id));
  }
}

describe('deciding again, after a crash before the commit', () => {
  const line = (text: string, offset = 0) => ({ bytes: Buffer.from(text), offset });

  test('finds the jobs of a crashed tailer, even if the settings changed', async ({ ns, logPath }) => {
    writeFileSync(logPath, '');
    const commit = () => Promise.reject(new Error('it died before'));
    const first = await tailing(ns, logPath, { windowMs: 0, commit });
    append(logPath, wakeRow(), wakeRow());
    await first.log.until('tailer.failing', ({ error }) => String(error).includes('it died before'));
    await first.stop();
    expect(await countWaiting(ns.queue)).toBe(2);
    await tailing(ns, logPath);
    expect(await rowsAre(ns, 2)).toEqual({ rows: 2, enqueued: 2 });
    expect(await countWaiting(ns.queue)).toBe(2);
  });

  test('finds the jobs of a crashed tailer, even if rows of an older file come first', async ({ ns, logPath }) => {
    writeFileSync(logPath, '');
    const files = async () => (await checkpoint(ns.redis, ns.keys, sourceId(logPath), logPath).load()).position?.files;
    const first = await tailing(ns, logPath, { windowMs: 0 });
    append(logPath, wakeRow({ category: 'a' }));
    await rowsAre(ns, 1);
    renameSync(logPath, `${logPath}.1`);
    writeFileSync(logPath, '');
    await eventually(async () => (await files())?.length === 2);
    await first.stop();
    const commit = () => Promise.reject(new Error('it died before'));
    const second = await tailing(ns, logPath, { windowMs: 0, commit });
    append(logPath, wakeRow({ category: 'b' }), wakeRow({ category: 'b' }));
    await second.log.until('tailer.failing', ({ error }) => String(error).includes('it died before'));
    await second.stop();
    append(`${logPath}.1`, ...Array.from({ length: 3 }, () => wakeRow({ category: 'c' })));
    await tailing(ns, logPath);
    expect(await rowsAre(ns, 6)).toEqual({ rows: 6, enqueued: 4, coalesced: 2 });
    expect(await countWaiting(ns.queue)).toBe(4);
  });

  test('finds the same job', async ({ ns }) => {
    const decider = deciderFor(ns, { windowMs: 0 });
    const row = line(wakeRow());
    const first = await decideAgain(decider, row);
    expect(first).toMatchObject({ lines: 1, enqueued: [{ probe: 'fly' }] });
    expect(await decideAgain(decider, row)).toEqual(first);
    expect(await countWaiting(ns.queue)).toBe(1);
  });

  test('leaves a bypassed window as it was', async ({ ns }) => {
    const decider = deciderFor(ns, { bypassCritical: true });
    const rows = [line(wakeRow({ severity: 'critical' }), 0), line(wakeRow({ severity: 'critical' }), 500)];
    for (const row of [...rows, ...rows]) expect((await decideAgain(decider, row)).enqueued).toHaveLength(1);
    const [, second] = await Promise.all(rows.map((row) => decideAgain(decider, row)));
    expect((await getWindow(ns, 'fly', 'service_unhealthy'))?.wakeId).toBe(second?.enqueued[0]?.id);
    expect(await countWaiting(ns.queue)).toBe(2);
  });

  test('does not reject a row as stale that was enqueued before', async ({ ns }) => {
    const emittedAt = new Date(Date.now() - 50_000).toISOString();
    const row = line(wakeRow({ emittedAt }));
    expect(await decideAgain(deciderFor(ns, { maxAgeMs: 60_000 }), row)).toMatchObject({
      enqueued: [{ probe: 'fly' }],
    });
    expect(await decideAgain(deciderFor(ns, { maxAgeMs: 40_000 }), row)).toMatchObject({
      enqueued: [{ probe: 'fly' }],
    });
  });
});

describe('the commit', () => {
  const at = (offset: number) => ({
    ...NOWHERE,
    files: [{ device: '1', inode: '2', birthtime: '3', offset, fingerprint: '', head: '', at: '' }],
  });
  const oneRow = () => tallyOf(decisionOn({ rejected: { stale: 1, malformed: 0 } }), [], { now: () => 1, redact });

  test('lists a wake as pending, unless it already has an outcome', async ({ ns }) => {
    const source = checkpoint(ns.redis, ns.keys, 's', '/log', { hasIncidents: true });
    const lease = await takeLease(ns.redis, ns.keys.lease('s'), newToken());
    if ('heldBy' in lease) throw new Error('held');
    await source.begin(lease.token, '', at(0), false);
    await recordOutcome(ns.redis, ns.keys, ending('w-quick', 'diagnosis', 1));
    const decided = decisionOn({ enqueued: ['w-quick', 'w-slow'].map((id) => aWake({ id })) });
    await source.commit(lease.token, at(0), at(10), tallyOf(decided, [], { now: () => 2, redact }), true);
    expect(await ns.redis.zrangebyscore(ns.keys.pending, '-inf', '+inf')).toEqual(['w-slow']);
    expect(await source.load()).toMatchObject({ position: at(10), mayReplay: true });
  });

  test('counts a batch once, even if it is sent again because its answer was lost', async ({ ns }) => {
    const source = checkpoint(ns.redis, ns.keys, 's', '/log', { hasIncidents: true });
    const lease = await takeLease(ns.redis, ns.keys.lease('s'), newToken());
    if ('heldBy' in lease) throw new Error('held');
    await source.begin(lease.token, '', at(0), false);
    expect(await source.commit(lease.token, at(0), at(10), oneRow(), false)).toBe('committed');
    expect(await source.commit(lease.token, at(0), at(10), oneRow(), false)).toBe('committed');
    expect(await counters(ns)).toEqual({ rows: 1, 'rejected:stale': 1 });
    expect((await source.load()).position).toEqual(at(10));
  });

  test('counts a wake that is committed again as a replay, not as a row', async ({ ns }) => {
    const source = checkpoint(ns.redis, ns.keys, 's', '/log', { hasIncidents: true });
    const lease = await takeLease(ns.redis, ns.keys.lease('s'), newToken());
    if ('heldBy' in lease) throw new Error('held');
    await source.begin(lease.token, '', at(0), false);
    const decision = await decideAgain(deciderFor(ns, {}), { bytes: Buffer.from(wakeRow()), offset: 0 });
    await source.commit(lease.token, at(0), at(10), tallyOf(decision, [], { now: () => 1, redact }), false);
    await source.commit(lease.token, at(10), at(20), tallyOf(decision, [], { now: () => 1, redact }), false);
    expect(await counters(ns)).toEqual({ rows: 1, enqueued: 1, replayed: 1 });
  });

  test('refuses a tailer whose lease another has taken', async ({ ns }) => {
    const source = checkpoint(ns.redis, ns.keys, 's', '/log', { hasIncidents: true });
    const key = ns.keys.lease('s');
    const old = await takeLease(ns.redis, key, newToken());
    if ('heldBy' in old) throw new Error('held');
    await source.begin(old.token, '', at(0), false);
    await ns.redis.del(key); // it lapsed
    const next = await takeLease(ns.redis, key, newToken());
    expect(next).toHaveProperty('token');
    expect(await source.commit(old.token, at(0), at(10), oneRow(), false)).toBe('fenced');
    expect(await old.renew()).toBe(false);
    await old.release();
    expect(await ns.redis.exists(key)).toBe(1);
    expect([(await source.load()).position, await counters(ns)]).toEqual([at(0), {}]);
  });

  test('refuses a batch that does not start at the stored position', async ({ ns }) => {
    const source = checkpoint(ns.redis, ns.keys, 's', '/log', { hasIncidents: true });
    const lease = await takeLease(ns.redis, ns.keys.lease('s'), newToken());
    if ('heldBy' in lease) throw new Error('held');
    await source.begin(lease.token, '', at(0), false);
    expect(await source.commit(lease.token, at(5), at(10), oneRow(), false)).toBe('fenced');
    expect(await counters(ns)).toEqual({});
  });
});

describe('a lease', () => {
  test('is taken by one, and again by the same, whose release was lost', async ({ ns }) => {
    const [mine, theirs] = [newToken(), newToken()];
    const key = ns.keys.lease('s');
    expect(await takeLease(ns.redis, key, mine)).toHaveProperty('token', mine);
    expect(await takeLease(ns.redis, key, theirs)).toEqual({ heldBy: mine.replace(/:[^:]*$/, '') });
    expect(await takeLease(ns.redis, key, mine)).toHaveProperty('token', mine);
  });
});

describe('the poll', () => {
  test('finds a row for which there is no file event', async ({ ns, logPath }) => {
    const noEvents = { listen: () => undefined, close: () => undefined };
    const wait = async (ms: number, signal: AbortSignal) => void (await sleep(ms, signal));
    await tailing(ns, logPath, { pollMs: 50, watcher: { ...noEvents, wait } });
    append(logPath, wakeRow());
    expect(await rowsAre(ns, 1)).toEqual({ rows: 1, enqueued: 1 });
  });
});

describe('file events', () => {
  test('are seen in the folder of the target of a link, and after a link has changed', async ({ folder }) => {
    for (const name of ['one', 'two', 'data']) mkdirSync(join(folder, name));
    const link = (target: string, name: string) => {
      rmSync(join(folder, name), { force: true });
      symlinkSync(target, join(folder, name));
    };
    writeFileSync(join(folder, 'data/log'), '');
    link('one', 'current');
    link('../data/log', 'one/log');
    const watcher = fileWatcher(join(folder, 'current/log'));
    onTestFinished(() => watcher.close());
    const eventAfter = async (change: () => void) => {
      watcher.listen();
      change();
      await watcher.wait(3_600_000, new AbortController().signal);
    };
    await eventAfter(() => append(join(folder, 'data/log'), 'a'));
    link('two', 'current');
    await eventAfter(() => append(join(folder, 'two/log'), 'b'));
    await eventAfter(() => renameSync(join(folder, 'two/log'), join(folder, 'two/log.1')));
  });
});

describe('the checkpoint of a log', () => {
  test('that version 0.2 stored under the resolved path is taken over', async ({ ns, folder }) => {
    mkdirSync(join(folder, 'releases'));
    const real = join(realpathSync(folder), 'releases/log.jsonl');
    append(real, wakeRow({ category: 'before' }));
    await (await tailing(ns, real)).stop();
    append(real, wakeRow({ category: 'meanwhile' }));
    symlinkSync('releases', join(folder, 'current'));
    const path = join(folder, 'current/log.jsonl');
    const { log } = await tailing(ns, path);
    expect(await rowsAre(ns, 1)).toEqual({ rows: 1, enqueued: 1 });
    expect(log.lines.find(({ event }) => event === 'tailer.took_over')).toMatchObject({ path, from: real });
    expect(await ns.redis.smembers(ns.keys.sources)).toEqual([sourceId(path)]);
    expect(await ns.redis.exists(ns.keys.source(sourceId(real)))).toBe(0);
  });

  test('under another name is taken over if the file is the same, and only then', async ({ ns, folder, logPath }) => {
    append(logPath, wakeRow({ category: 'before' }));
    await (await tailing(ns, logPath)).stop();
    append(logPath, wakeRow({ category: 'meanwhile' }));
    const other = join(folder, 'other.jsonl');
    append(other, wakeRow({ title: 'another log' }));
    await (await tailing(ns, other)).stop();
    expect(await counters(ns)).toEqual({});
    renameSync(logPath, join(folder, 'renamed.jsonl'));
    await tailing(ns, join(folder, 'renamed.jsonl'));
    expect(await rowsAre(ns, 1)).toEqual({ rows: 1, enqueued: 1 });
  });

  test('stays with its log if another log has the same content', async ({ ns, folder, logPath }) => {
    append(logPath, wakeRow({ category: 'before' }));
    await (await tailing(ns, logPath)).stop();
    const copy = join(folder, 'copy.jsonl');
    copyFileSync(logPath, copy);
    append(logPath, wakeRow({ category: 'meanwhile' }));
    await tailing(ns, copy);
    append(copy, wakeRow({ category: 'of the copy' }));
    await rowsAre(ns, 1);
    await tailing(ns, logPath);
    expect(await rowsAre(ns, 2)).toEqual({ rows: 2, enqueued: 2 });
  });

  test('is not taken over while a tailer follows the log under its old name', async ({ ns, folder }) => {
    const real = join(realpathSync(folder), 'log.jsonl');
    append(real, wakeRow({ category: 'before' }));
    const old = await tailing(ns, real);
    symlinkSync('log.jsonl', join(folder, 'link.jsonl'));
    const { log } = await tail(ns, join(folder, 'link.jsonl'));
    await log.until('tailer.standby');
    append(real, wakeRow());
    expect(await rowsAre(ns, 1)).toEqual({ rows: 1, enqueued: 1 });
    await old.stop();
    await log.until('tailer.took_over');
    append(real, wakeRow({ category: 'later' }));
    expect(await rowsAre(ns, 2)).toEqual({ rows: 2, enqueued: 2 });
  });
});

describe('a log that does not exist', () => {
  test('is reported once, also if its folder is missing, and read from its start when it appears', async ({
    ns,
    folder,
  }) => {
    const path = join(folder, 'not/there/log.jsonl');
    const { log } = await tailing(ns, path);
    await log.until('log.missing');
    expect((await readCheckpoint(ns.redis, ns.keys, sourceId(path))).missingSince).not.toBeNull();
    expect(existsSync(join(folder, 'not'))).toBe(false);
    mkdirSync(join(folder, 'not/there'), { recursive: true });
    append(path, wakeRow());
    await log.until('log.found');
    expect(await rowsAre(ns, 1)).toEqual({ rows: 1, enqueued: 1 });
    expect((await readCheckpoint(ns.redis, ns.keys, sourceId(path))).missingSince).toBeNull();
    expect(log.lines.filter(({ event }) => event === 'log.missing')).toHaveLength(1);
  });

  test('any more is reported, but not the gap of a rotation', async ({ ns, logPath }) => {
    append(logPath, 'no row');
    const { log } = await tailing(ns, logPath);
    renameSync(logPath, `${logPath}.1`);
    append(logPath, wakeRow());
    await rowsAre(ns, 1);
    expect(log.lines.filter(({ event }) => event === 'log.missing')).toEqual([]);
    rmSync(logPath);
    await log.until('log.missing');
    append(logPath, wakeRow({ category: 'b' }));
    await log.until('log.found');
    expect(await rowsAre(ns, 2)).toEqual({ rows: 2, enqueued: 2 });
  });
});

describe('the tailer of another host', () => {
  const heldBy = 'another-host:12:token';
  const hold = (ns: Namespace, path: string) => ns.redis.set(ns.keys.lease(sourceId(path)), heldBy, 'PX', 60_000);

  test('that follows a different log under the same path is reported with the remedy', async ({
    ns,
    logPath,
    folder,
  }) => {
    const theirs = join(folder, 'theirs');
    append(theirs, wakeRow({ title: 'theirs' }));
    append(logPath, wakeRow({ title: 'ours' }));
    await ns.redis.hset(ns.keys.source(sourceId(logPath)), 'position', encodePosition(await endOf(theirs)));
    await hold(ns, logPath);
    const { log } = await tail(ns, logPath, { minConflicts: 1 });
    const { msg } = await log.until('tailer.other_log');
    expect(msg).toContain('KORA_SOURCE_NAME');
    expect(await readConflict(ns.redis, ns.keys, sourceId(logPath))).toBe('another-host:12');
  });

  test('that follows the same log on a shared disk is not reported, also after a rotation', async ({ ns, logPath }) => {
    append(logPath, wakeRow());
    await ns.redis.hset(ns.keys.source(sourceId(logPath)), 'position', encodePosition(await endOf(logPath)));
    renameSync(logPath, `${logPath}.1`);
    append(logPath, wakeRow({ category: 'b' }));
    await hold(ns, logPath);
    const { log } = await tail(ns, logPath, { minConflicts: 1 });
    await log.until('tailer.standby');
    await ns.redis.del(ns.keys.lease(sourceId(logPath)));
    await log.until('tailer.following');
    expect(log.lines.filter(({ event }) => event === 'tailer.other_log')).toEqual([]);
  });
});

test('the wake id contains the name of the source, so that two hosts may write the same bytes', async ({ ns }) => {
  const line = { bytes: Buffer.from(wakeRow()), offset: 0 };
  const idFor = async (sourceName: string | undefined) =>
    (await decideAgain({ ...deciderFor(ns, { windowMs: 0 }), sourceName }, line)).enqueued[0]?.id;
  const ids = [await idFor(undefined), await idFor('web-1'), await idFor('web-2')];
  expect(new Set(ids).size).toBe(3);
  expect(new Set([sourceId('/log'), sourceId('/log', 'web-1'), sourceId('/log', 'web-2')]).size).toBe(3);
});

describe('a missing or unreadable checkpoint', () => {
  test('is logged as an error, and the log is followed from its end', async ({ ns, logPath }) => {
    await ns.redis.hset(ns.keys.source(sourceId(logPath)), 'position', '{"files":[{"offset":-1}]}');
    append(logPath, wakeRow({ title: 'history' }));
    const { log } = await tailing(ns, logPath);
    expect(log.lines.filter(({ level }) => level === 50)).toEqual([
      expect.objectContaining({ event: 'tailer.checkpoint_lost', resumeFrom: 'end' }),
    ]);
    append(logPath, wakeRow({ title: 'news' }));
    expect(await rowsAre(ns, 1)).toEqual({ rows: 1, enqueued: 1 });
  });

  test('of another file is logged, and the log is read from its start', async ({ ns, logPath }) => {
    const file = { device: '1', inode: '2', born: '3', offset: 100, print: 'of-another-file' };
    await ns.redis.hset(ns.keys.source(sourceId(logPath)), 'position', JSON.stringify({ files: [file], finished: [] }));
    append(logPath, wakeRow());
    const { log } = await tailing(ns, logPath);
    await log.until('log.file_lost');
    expect(await rowsAre(ns, 1)).toEqual({ rows: 1, enqueued: 1 });
  });

  test('after FLUSHALL is logged, and the tailer continues at its last position', async ({ ns, logPath }) => {
    const { log } = await tailing(ns, logPath);
    append(logPath, wakeRow({ category: 'a' }));
    await rowsAre(ns, 1);
    await ns.redis.unlink(ns.keys.source(sourceId(logPath)), ns.keys.lease(sourceId(logPath)));
    append(logPath, wakeRow({ category: 'b' }));
    await log.until('tailer.checkpoint_lost', ({ resumeFrom }) => resumeFrom === 'memory');
    expect(await rowsAre(ns, 2)).toEqual({ rows: 2, enqueued: 2 });
    expect(Number(await ns.redis.get(ns.keys.dataLostAt))).toBeGreaterThan(Date.now() - 20_000);
  });
});

describe('two tailers on one log', () => {
  test('lose no row if the checkpoint becomes unreadable: the one with the last position keeps the log', async ({
    ns,
    logPath,
  }) => {
    const first = await tailing(ns, logPath);
    const second = await tail(ns, logPath);
    await second.log.until('tailer.standby');
    append(logPath, wakeRow({ category: 'a' }));
    await rowsAre(ns, 1);
    await ns.redis.hset(ns.keys.source(sourceId(logPath)), 'position', '{"files":');
    append(logPath, wakeRow({ category: 'b' }));
    await first.log.until('tailer.checkpoint_lost', ({ resumeFrom }) => resumeFrom === 'memory');
    expect(await rowsAre(ns, 2)).toEqual({ rows: 2, enqueued: 2 });
  });

  test('lose no row if Redis is emptied and the other takes over', async ({ ns, logPath }) => {
    const first = await tailing(ns, logPath);
    const second = await tail(ns, logPath);
    await second.log.until('tailer.standby');
    append(logPath, wakeRow({ category: 'a' }));
    await rowsAre(ns, 1);
    const source = sourceId(logPath);
    const committed = await ns.redis.hget(ns.keys.source(source), 'position');
    await eventually(() => second.loaded() === committed);
    await first.stop();
    await ns.redis.unlink(ns.keys.source(source));
    append(logPath, wakeRow({ category: 'b' }));
    await second.log.until('tailer.checkpoint_lost', ({ resumeFrom }) => resumeFrom === 'memory');
    expect(await rowsAre(ns, 2)).toEqual({ rows: 2, enqueued: 2 });
  });

  test('take turns: one follows, the other stands by and takes over', async ({ ns, logPath }) => {
    const first = await tailing(ns, logPath);
    const second = await tail(ns, logPath);
    await second.log.until('tailer.standby');
    append(logPath, wakeRow({ category: 'a' }));
    await first.log.until('wake.enqueued');
    await first.stop();
    append(logPath, wakeRow({ category: 'b' }));
    await second.log.until('wake.enqueued', ({ category }) => category === 'b');
    expect(await rowsAre(ns, 2)).toEqual({ rows: 2, enqueued: 2 });
    expect(first.log.lines.some(({ category }) => category === 'b')).toBe(false);
  });

  test('never both commit: one whose lease was taken changes no counter and no checkpoint', async ({ ns, logPath }) => {
    const first = await tailing(ns, logPath);
    await ns.redis.set(ns.keys.lease(sourceId(logPath)), 'elsewhere:1:token', 'PX', 60_000);
    append(logPath, wakeRow());
    await first.log.until('tailer.fenced');
    await first.log.until('tailer.standby');
    expect(await counters(ns)).toEqual({});
  });
});
