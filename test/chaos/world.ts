/** The processes of one chaos run: two tailers, two workers, their Redis behind a proxy, and doubles of both services. */
import { mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { redisKeys, sourceId } from '@kora-wake/shared/store/keys';
import { Redis } from 'ioredis';
import type { Random } from '../../apps/cli/src/random.ts';
import { message } from '../support/anthropic.ts';
import { textsOf } from '../support/digests.ts';
import { httpDouble, json } from '../support/http-double.ts';
import { freePort } from '../support/ports.ts';
import { LOST, tcpProxy } from '../support/proxy.ts';
import { redisProcess } from '../support/redis-process.ts';
import { slackDouble } from '../support/slack.ts';
import type { Counts, History, PaidAnswer, SeenDecision, SeenWake } from './history.ts';
import { holdsWithin, observer } from './observer.ts';
import { people, SIGNING_SECRET } from './people.ts';
import { supervisedApp } from './supervised.ts';
import { Writer } from './writer.ts';

const PREFIX = '{chaos}';
const WINDOW_MS = 20_000;
/** Nobody acknowledged an incident for this time: it is escalated, ms. */
const ESCALATE_MS = 40_000;
/** Whom it is escalated to. */
const OTHERS = 'U0OTHERS';
/** Limit of the wait for the first tailer to follow the log, ms. */
const START_MS = 180_000;

/** Alerts of one probe are counted first, and those of another one are muted every second minute. Windows keep their length. */
const RULES = `rules:
  - { match: { probe: vercel }, consecutive: 2 }
  - match: { probe: supabase }
    mute: [{ cron: "*/2 * * * *", for: 1m, reason: tests }]
`;

const STORM = 'storm: { pairs: 4, within: 3s }\n';

export type World = Awaited<ReturnType<typeof makeWorld>>;

export async function makeWorld(folder: string, chance: Random) {
  mkdirSync(folder, { recursive: true });
  const redisServer = await redisProcess(join(folder, 'redis'), ['--appendfsync', 'everysec']);
  const keys = redisKeys(PREFIX);
  /** Connects past the proxy, so that it sees the real state during network faults too. */
  const redis = new Redis(redisServer.port, '127.0.0.1', { maxRetriesPerRequest: 1, retryStrategy: () => 200 });
  redis.on('error', () => undefined);
  const network = { up: true, requests: true, answers: true };
  /** The server behind the address of the apps. */
  const target = { hostname: '127.0.0.1', port: redisServer.port };
  const proxy = await tcpProxy(target, {
    accepts: () => network.up,
    requests: (chunk, forward) => (network.requests ? forward(chunk) : LOST),
    answers: (chunk, forward) => (network.answers ? forward(chunk) : LOST),
  });

  const slack = await slackDouble();
  const paid: PaidAnswer[] = [];
  const engine = await httpDouble((request, response, socket) => {
    const marker = /row-\d+/.exec(request.body)?.[0] ?? 'unknown';
    paid.push({ marker, at: Date.now() });
    const text = `The probe is right about ${marker}, answer ${paid.length}.\nNext step: look at it.`;
    return json(200, message(text))({ ...request }, response, socket);
  });

  const logPath = join(folder, 'log', 'kora_audit_log.jsonl');
  // The folder of the log is a link, which a fault changes.
  mkdirSync(join(folder, 'log-0'));
  symlinkSync(join(folder, 'log-0'), join(folder, 'log'));
  const hasStorms = chance.fraction() < 0.5;
  const writer = new Writer(logPath, chance, hasStorms);
  const bypass = chance.fraction() < 0.5;
  // The workers write their rows to another file: they must not land inside a row that a probe writes in two halves.
  const workerLogPath = join(folder, 'workers.jsonl');
  const policyPath = join(folder, 'policy.yaml');
  writeFileSync(
    policyPath,
    `version: 1
escalate: { after: ${ESCALATE_MS}ms, to: [${OTHERS}], severity: [critical, warning] }
${hasStorms ? STORM : ''}${RULES}`,
  );
  const apiPort = await freePort();
  const env = {
    PATH: process.env.PATH,
    HOME: folder,
    REDIS_URL: `redis://127.0.0.1:${proxy.port}`,
    KORA_QUEUE_PREFIX: PREFIX,
    KORA_PROBE_DEBOUNCE_SECONDS: String(WINDOW_MS / 1000),
    KORA_PROBE_DEBOUNCE_BYPASS_CRITICAL: String(bypass),
    KORA_PROBE_WAKE_POLL_SEC: '1',
    KORA_INVESTIGATION_TIMEOUT_SECONDS: '6',
    KORA_SLACK_BOT_TOKEN: 'xoxb-secret',
    KORA_SLACK_OPERATOR_USER_ID: 'U0OPERATOR',
    KORA_SLACK_API_URL: slack.apiUrl,
    ANTHROPIC_API_KEY: 'sk-secret',
    ANTHROPIC_BASE_URL: engine.url,
    KORA_API_PORT: String(apiPort),
    KORA_SLACK_SIGNING_SECRET: SIGNING_SECRET,
    KORA_ACK_REMIND_SECONDS: '60',
    KORA_POLICY_PATH: policyPath,
  };
  const responders = people(`http://127.0.0.1:${apiPort}`, chance);
  const decisions: SeenDecision[] = [];
  const crashes: string[] = [];
  const app = (name: 'tailer' | 'worker' | 'api', number: number) =>
    supervisedApp({
      app: name,
      number,
      env: { ...env, KORA_AUDIT_LOG_PATH: name === 'tailer' ? logPath : workerLogPath },
      folder,
      crash: (text) => crashes.push(text),
      line: ({ event, time, wakeId, winner, probe, category }) => {
        // The time of the line, not of its arrival here: this process may be slow.
        const at = Number(time);
        if (event === 'wake.enqueued') decisions.push({ kind: 'enqueued', id: String(wakeId), at });
        if (event === 'wake.coalesced') {
          decisions.push({
            kind: 'coalesced',
            pair: `${String(probe)} ${String(category)}`,
            winner: String(winner),
            at,
          });
        }
      },
    });
  const tailers = [app('tailer', 1), app('tailer', 2)];
  const workers = [app('worker', 1), app('worker', 2)];
  const apis = [app('api', 1)];
  const seen = observer({ redis, keys, prefix: PREFIX, logPath, writer });
  const past = { counts: [] as Counts[], wakes: [] as SeenWake[] };
  const dataLosses: number[] = [];
  const delays: History['delays'] = [];
  const stopping = new AbortController();

  /** Keeps the counts and wakes for the history: FLUSHALL is about to remove them. */
  async function keepState(): Promise<void> {
    past.counts.push(await seen.counts());
    past.wakes.push(...(await seen.storedWakes()));
  }

  async function history(settled: boolean): Promise<History> {
    const now = await seen.counts();
    const sum = (name: keyof Counts) => past.counts.reduce((total, of) => total + of[name], now[name]);
    return {
      windowMs: WINDOW_MS,
      bypass,
      rows: writer.rows,
      recoveries: writer.recoveries,
      posts: slack.accepted.map(({ wakeId, text, at, channel }) => ({ wakeId, text, at, channel })),
      digests: slack.accepted.filter(({ wakeId }) => wakeId.startsWith('n-s-')).flatMap(textsOf),
      actions: responders.actions,
      escalateMs: ESCALATE_MS,
      incidents: await seen.storedIncidents(),
      shown: new Map(slack.accepted.map(({ ts, text, edits }) => [ts, edits.at(-1)?.text ?? text])),
      paid,
      decisions,
      offsets: seen.offsets,
      emptied: writer.emptied,
      dataLosses,
      delays,
      wakes: [...past.wakes, ...(await seen.storedWakes())],
      windowOwners: await seen.windowOwners(),
      counts: {
        rows: sum('rows'),
        enqueued: sum('enqueued'),
        coalesced: sum('coalesced'),
        buffered: sum('buffered'),
        muted: sum('muted'),
        rejected: sum('rejected'),
        recovered: sum('recovered'),
        inFlight: now.inFlight,
        unaccounted: sum('unaccounted'),
      },
      crashes,
      tailerPeakBytes: Math.max(...tailers.map(({ peakBytes }) => peakBytes)),
      settled,
    };
  }

  /** Path and size (bytes) of Redis' append-only file. */
  function appendOnlyFile(): { path: string; size: number } {
    const files = join(redisServer.folder, 'appendonlydir');
    const name = readdirSync(files).find((file) => file.endsWith('.incr.aof'));
    if (!name) throw new Error('Redis has no append-only file');
    const path = join(files, name);
    return { path, size: statSync(path).size };
  }

  /** Redirects the workers' own rows to a file, or to a device that is full. */
  function workersWrite(to: 'file' | 'full disk'): void {
    rmSync(workerLogPath, { force: true });
    symlinkSync(to === 'file' ? join(folder, 'rows.jsonl') : '/dev/full', workerLogPath);
  }

  async function close(): Promise<void> {
    stopping.abort();
    await Promise.all([...tailers, ...workers, ...apis].map((process) => process.end('SIGKILL')));
    redis.disconnect();
    await Promise.all([proxy.close(), slack.close(), engine.close(), redisServer.kill('SIGKILL')]);
    writer.close();
  }

  workersWrite('file');
  for (const process of [...tailers, ...workers, ...apis]) process.start();
  const following = await holdsWithin(START_MS, async () => (await seen.position()).length > 0);
  if (!following) {
    await close();
    throw new Error('no tailer began to follow the log');
  }
  void seen.watch(tailers, stopping.signal);
  const { caughtUp, settled, retryDeadLetters } = seen;
  return {
    chance,
    writer,
    tailers,
    workers,
    apis,
    people: responders,
    network,
    proxy,
    target,
    redis,
    redisServer,
    slack,
    engine,
    source: keys.source(sourceId(logPath)),
    caughtUp,
    settled,
    keepState,
    retryDeadLetters,
    workersWrite,
    history,
    close,
    dataLosses,
    delays,
    appendOnlyFile,
    /**
     * Bytes of the append-only file that no fault may cut off: the rows behind them are no longer on disk. At first it
     * protects the first checkpoint, because a log without one is followed from its end.
     */
    aofFloor: appendOnlyFile().size,
  };
}
