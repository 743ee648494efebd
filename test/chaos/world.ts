/** All that a chaos run runs: two tailers, two workers, their Redis behind a proxy, and the doubles of both services. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { readAccount } from '@kora-wake/shared/store/account';
import { redisKeys, sourceId } from '@kora-wake/shared/store/keys';
import { deliveriesQueue, wakesQueue } from '@kora-wake/shared/store/queues';
import { Redis } from 'ioredis';
import type { Random } from '../../apps/cli/src/random.ts';
import { message } from '../support/anthropic.ts';
import { httpDouble, json } from '../support/http-double.ts';
import { tcpProxy } from '../support/proxy.ts';
import { redisProcess } from '../support/redis-process.ts';
import { slackDouble } from '../support/slack.ts';
import type { Counts, History, PaidAnswer, SeenDecision, SeenOffset, WakeRecord } from './history.ts';
import { Writer } from './writer.ts';

const root = join(import.meta.dirname, '..', '..');
const PREFIX = '{chaos}';
const WINDOW_MS = 20_000;
/** How long a process that ended stays away before it is started again, ms. */
const RESTART_MS = 1_000;

export type World = Awaited<ReturnType<typeof makeWorld>>;

/** A process that is started again whenever it ends, as long as it is wanted. */
class Supervised {
  readonly name: string;
  child: ChildProcess | undefined;
  peakBytes = 0;
  #start: () => ChildProcess;
  #wanted = false;
  #ended: Promise<void> = Promise.resolve();

  constructor(name: string, start: () => ChildProcess) {
    this.name = name;
    this.#start = start;
  }

  start(): void {
    this.#wanted = true;
    const child = this.#start();
    this.child = child;
    this.#ended = new Promise((resolve) => {
      child.once('close', () => {
        resolve();
        if (this.#wanted) setTimeout(() => this.#wanted && this.child === child && this.start(), RESTART_MS);
      });
    });
  }

  /** Sends a signal; what dies of it comes back by itself. */
  signal(signal: NodeJS.Signals): void {
    this.child?.kill(signal);
  }

  /** Ends it for good, or until `start`. */
  async end(signal: NodeJS.Signals): Promise<void> {
    this.#wanted = false;
    this.child?.kill('SIGCONT');
    this.child?.kill(signal);
    await this.#ended;
  }

  look(): void {
    try {
      const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${this.child?.pid}/status`, 'utf8'))?.[1];
      this.peakBytes = Math.max(this.peakBytes, Number(peak ?? 0) * 1024);
    } catch {
      // it has just ended
    }
  }
}

export async function makeWorld(folder: string, chance: Random) {
  mkdirSync(folder, { recursive: true });
  const redisServer = await redisProcess(join(folder, 'redis'), ['--appendfsync', 'everysec']);
  const keys = redisKeys(PREFIX);
  /** Not through the proxy: it sees what is there, whatever the apps see. */
  const redis = new Redis(redisServer.port, '127.0.0.1', { maxRetriesPerRequest: 1, retryStrategy: () => 200 });
  redis.on('error', () => undefined);
  const network = { up: true, answers: true };
  const proxy = await tcpProxy(
    { hostname: '127.0.0.1', port: redisServer.port },
    {
      accepts: () => network.up,
      requests: (chunk, forward) => forward(chunk),
      answers: (chunk, forward) => network.answers && forward(chunk),
    },
  );

  const slack = await slackDouble();
  const paid: PaidAnswer[] = [];
  const engine = await httpDouble((request, response, socket) => {
    const marker = /row-\d+/.exec(request.body)?.[0] ?? 'unknown';
    paid.push({ marker, at: Date.now() });
    const text = `The probe is right about ${marker}, answer ${paid.length}.\nNext step: look at it.`;
    return json(200, message(text))({ ...request }, response, socket);
  });

  const logPath = join(folder, 'log', 'kora_audit_log.jsonl');
  mkdirSync(join(folder, 'log'));
  const writer = new Writer(logPath, chance);
  const bypass = chance.fraction() < 0.5;
  const rowsOfWorkers = join(folder, 'workers.jsonl');
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
    // The workers' own rows stand elsewhere: a row that a probe writes in two halves must not get one of them inside.
  };
  const decisions: SeenDecision[] = [];
  const crashes: string[] = [];
  const app = (name: 'tailer' | 'worker', number: number) => {
    const output = createWriteStream(join(folder, `${name}-${number}.log`), { flags: 'a' });
    return new Supervised(`${name} ${number}`, () => {
      const child = spawn(process.execPath, [join(root, 'apps', name, 'dist', 'main.js')], {
        env: { ...env, KORA_AUDIT_LOG_PATH: name === 'tailer' ? logPath : rowsOfWorkers },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      createInterface({ input: child.stdout }).on('line', (line) => {
        output.write(`${line}\n`);
        const { msg, level, wakeId, winner, probe, category } = JSON.parse(line);
        if (level >= 60) crashes.push(`${name} ${number}: ${line}`);
        const at = Date.now();
        if (msg === 'enqueued') decisions.push({ kind: msg, id: wakeId, at });
        if (msg === 'coalesced') decisions.push({ kind: msg, pair: `${probe} ${category}`, winner, at });
      });
      child.stderr.on('data', (text) => {
        output.write(String(text));
        // A supervisor starts it again where Redis was not there at start; everything else is no way to end.
        if (!/Redis at/.test(String(text))) crashes.push(`${name} ${number}: ${String(text).trim()}`);
      });
      return child;
    });
  };
  const tailers = [app('tailer', 1), app('tailer', 2)];
  const workers = [app('worker', 1), app('worker', 2)];

  const offsets: SeenOffset[] = [];
  const past = { counts: [] as Counts[], wakes: [] as WakeRecord[] };
  const forgot: number[] = [];
  const stopping = new AbortController();

  async function position(): Promise<Array<{ device: string; inode: string; born: string; offset: number }>> {
    const stored = await redis.hget(keys.source(sourceId(logPath)), 'position');
    try {
      return JSON.parse(stored ?? '').files;
    } catch {
      return [];
    }
  }

  /** Looks at the checkpoint and at memory, now and then, until the end. */
  async function watch(): Promise<void> {
    let last = '';
    while (!stopping.signal.aborted) {
      for (const tailer of tailers) tailer.look();
      const files = await position().catch(() => []);
      const at = Date.now();
      if (JSON.stringify(files) !== last) {
        last = JSON.stringify(files);
        for (const { inode, born, offset } of files) {
          const newline = await newlineBefore(inode, offset);
          // Asked last: it may have been emptied while we looked.
          const emptiedJustNow = writer.emptied.some((file) => file.inode === inode && file.at > at - 5_000);
          const afterNewline = emptiedJustNow ? undefined : newline;
          offsets.push({ file: `-${inode}-${born}`, offset, afterNewline, at });
        }
      }
      await sleep(250);
    }
  }

  async function newlineBefore(inode: string, offset: number): Promise<boolean | undefined> {
    if (offset === 0) return true;
    const paths = readdirSync(join(folder, 'log')).map((name) => join(folder, 'log', name));
    const path = paths.find((name) => String(statSync(name, { bigint: true }).ino) === inode);
    if (!path || statSync(path).size < offset) return undefined;
    const file = await open(path);
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, offset - 1);
    await file.close();
    return buffer[0] === 0x0a;
  }

  /** Waits until all that was written is decided; false where that does not come about in time. */
  async function caughtUp(ms: number): Promise<boolean> {
    return within(ms, async () => {
      const files = await position();
      const live = files.at(-1);
      return files.length === 1 && live?.inode === writer.inode() && live.offset === writer.size();
    });
  }

  /** Waits until nothing is on its way any more. */
  async function settled(ms: number): Promise<boolean> {
    return within(ms, async () => {
      const { inFlight, outcomes, enqueued } = await readAccount(redis, keys);
      const ended = outcomes.diagnosis + outcomes.fallback + outcomes.dry_run + outcomes.dead;
      return inFlight === 0 && ended >= enqueued;
    });
  }

  async function counts(): Promise<Counts> {
    const { rows, enqueued, coalesced, rejected, inFlight, unaccounted } = await readAccount(redis, keys);
    const refused = Object.values(rejected).reduce((sum, n) => sum + n, 0);
    return { rows, enqueued, coalesced, rejected: refused, inFlight, unaccounted };
  }

  async function knownWakes(): Promise<WakeRecord[]> {
    const queue = wakesQueue(redis, PREFIX);
    const found: WakeRecord[] = [];
    for await (const names of redis.scanStream({ match: `${PREFIX}:wake:*`, count: 1_000 })) {
      for (const name of names) {
        const { enqueuedAt, outcome, suppressed } = await redis.hgetall(name);
        const id = name.slice(keys.wake('').length);
        if (enqueuedAt === undefined) continue;
        const job = await queue.getJob(id);
        found.push({ id, outcome, suppressed: Number(suppressed ?? 0), addedAt: job?.timestamp });
      }
    }
    await queue.close();
    return found;
  }

  async function holding(): Promise<string[]> {
    const found: string[] = [];
    for await (const names of redis.scanStream({ match: `${keys.dedup('')}*`, count: 1_000 })) {
      for (const name of names) found.push(...[await redis.get(name)].filter((id) => id !== null));
    }
    return found;
  }

  /** What is known now, kept for the end: Redis is about to lose it. */
  async function remember(): Promise<void> {
    past.counts.push(await counts());
    past.wakes.push(...(await knownWakes()));
  }

  /** As an operator does, once what was wrong is mended. */
  async function retryDeadLetters(): Promise<void> {
    const queues = [wakesQueue(redis, PREFIX), deliveriesQueue(redis, PREFIX)];
    for (const queue of queues) {
      for (const job of await queue.getFailed()) await job.retry();
      await queue.close();
    }
  }

  async function history(allSettled: boolean): Promise<History> {
    const now = await counts();
    const sum = (name: keyof Counts) => past.counts.reduce((total, of) => total + of[name], now[name]);
    return {
      windowMs: WINDOW_MS,
      bypass,
      rows: writer.rows,
      posts: slack.accepted.map(({ wakeId, text, at }) => ({ wakeId, text, at })),
      paid,
      decisions,
      offsets,
      emptied: writer.emptied,
      forgot,
      wakes: [...past.wakes, ...(await knownWakes())],
      holding: await holding(),
      counts: {
        rows: sum('rows'),
        enqueued: sum('enqueued'),
        coalesced: sum('coalesced'),
        rejected: sum('rejected'),
        inFlight: now.inFlight,
        unaccounted: sum('unaccounted'),
      },
      crashes,
      tailerPeakBytes: Math.max(...tailers.map(({ peakBytes }) => peakBytes)),
      settled: allSettled,
    };
  }

  function appendOnlyFile(): { path: string; size: number } {
    const files = join(redisServer.folder, 'appendonlydir');
    const name = readdirSync(files).find((file) => file.endsWith('.incr.aof'));
    if (!name) throw new Error('Redis has no append-only file');
    const path = join(files, name);
    return { path, size: statSync(path).size };
  }

  /** Where the workers' own rows go: a file, or a disk that is full. */
  function workersWrite(to: 'file' | 'full disk'): void {
    rmSync(rowsOfWorkers, { force: true });
    symlinkSync(to === 'file' ? join(folder, 'rows.jsonl') : '/dev/full', rowsOfWorkers);
  }

  async function close(): Promise<void> {
    stopping.abort();
    await Promise.all([...tailers, ...workers].map((process) => process.end('SIGKILL')));
    redis.disconnect();
    await Promise.all([proxy.close(), slack.close(), engine.close(), redisServer.kill('SIGKILL')]);
    writer.close();
  }

  workersWrite('file');
  for (const process of [...tailers, ...workers]) process.start();
  const followed = await within(20_000, async () => (await position()).length > 0);
  if (!followed) throw new Error('no tailer began to follow the log');
  void watch();
  const world = {
    chance,
    writer,
    tailers,
    workers,
    network,
    proxy,
    redis,
    redisServer,
    slack,
    engine,
    keys,
    source: keys.source(sourceId(logPath)),
    position,
    caughtUp,
    settled,
    remember,
    retryDeadLetters,
    workersWrite,
    history,
    close,
    forgot,
    /** Below this, bytes of the append-only file that no cut may take: what they tell of is not on disk any more. */
    aofFloor: 0,
    /** Bytes of the append-only file, and where it is. */
    appendOnlyFile,
  };
  // What a log that was never followed is to be taken for is no question of faults.
  world.aofFloor = appendOnlyFile().size;
  return world;
}

/** Polls until `holds`; false where it does not within `ms`. While Redis is away it does not hold. */
async function within(ms: number, holds: () => Promise<boolean>): Promise<boolean> {
  const until = performance.now() + ms;
  while (performance.now() < until) {
    if (await holds().catch(() => false)) return true;
    await sleep(100);
  }
  return false;
}
