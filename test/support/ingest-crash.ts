/**
 * Five tools send alerts and a probe appends to the log, while the API or the tailer is killed, once in each round. A tool sends an
 * alert until it gets a 2xx. Then each of these alerts is a row, each row is decided once, and each pair has one message.
 */
import { appendFileSync, readFileSync, statSync, watch } from 'node:fs';
import { readAccount } from '@kora-wake/shared/store/account';
import { sourceId } from '@kora-wake/shared/store/keys';
import { expect } from 'vitest';
import { doubles, environment } from './doubles.ts';
import { append, eventually, type Namespace, rowsOf, wakeRow } from './fixtures.ts';
import { type Running, runApp } from './process.ts';
import { apiUrl } from './spawn.ts';
import { type Tripwire, tripwire } from './tripwire.ts';
import { sendUntilAccepted, WEBHOOK_SOURCES, webhook } from './webhooks.ts';

const TOKEN = 'token-of-alerting-tools';

/** Messages that an idle app sends too. A kill at one of them interrupts no work. */
const IDLE = /\bINFO\b|\binfo\b|\bping\b|\bCLIENT\b|\bclient\b|\bHELLO\b|PEXPIRE', KEYS\[1\], ARGV\[2\]/i;
const matters = (message: string) => !IDLE.test(message);

export type Kill =
  /** Around message number `at`, which is number 1 after the first alert of the round. */
  | { at: number; when: 'before' | 'after' }
  /** As soon as a row of the round is in the log. It may not be durable yet. */
  | { at: 'write' }
  /** A time after the first alert of the round is sent. */
  | { afterMs: number };

/** Checks of each source. Each of their pairs is sent once; later alerts of a pair are counted. */
const NAMES = 3;

interface World {
  ns: Namespace;
  logPath: string;
  /** Number of rounds so far. */
  rounds: number;
  /** Ids of the alerts that got a 2xx, or were appended to the log. */
  alerts: Set<string>;
}

/** One alert of each source, and a row in the log. Resolves when each request got a 2xx. */
async function sendRound(world: World, api: () => Promise<string>): Promise<void> {
  const round = world.rounds++;
  const name = `check-${round % NAMES}`;
  const alert = (i: number) => ({ id: round * 10 + i, name });
  const inLog = alert(9);
  append(world.logPath, wakeRow({ category: name, details: { instance: String(inLog.id) } }));
  world.alerts.add(String(inLog.id));
  await Promise.all(
    WEBHOOK_SOURCES.map(async (source, i) => {
      await sendUntilAccepted(webhook(source, alert(i), TOKEN), api);
      world.alerts.add(String(alert(i).id));
    }),
  );
}

const wakeRowsOf = (path: string) => rowsOf(path).filter(({ seam }) => seam === 'probe.wake_requested');

async function decided({ ns, logPath }: World): Promise<boolean> {
  const { rows } = await readAccount(ns.redis, ns.keys);
  return rows === wakeRowsOf(logPath).length;
}

/** Claims of the dead API lapse after 20 s. Then retries of its requests are accepted. */
async function expireClaims({ ns }: World): Promise<void> {
  for await (const keys of ns.redis.scanStream({ match: ns.keys.ingestEvent('*'), count: 1_000 })) {
    for (const key of keys) if ((await ns.redis.get(key)) !== 'done') await ns.redis.unlink(key);
  }
}

/** An app that the next kill is meant for. */
interface Victim {
  app: Running;
  wire: Tripwire;
}

/** Prepares a kill. Call the result when the round is over. @returns whether the app was killed */
function prepare(kill: Kill, { app, wire }: Victim, logPath: string): () => boolean {
  let isKilled = false;
  const fire = () => {
    isKilled ||= app.child.kill('SIGKILL');
  };
  let end = () => undefined as void;
  if ('afterMs' in kill) {
    const timer = setTimeout(fire, kill.afterMs);
    end = () => clearTimeout(timer);
  } else if (kill.at === 'write') {
    // The worker appends rows of its own, which are not the ones to wait for.
    appendFileSync(logPath, '');
    const { size } = statSync(logPath);
    const watcher = watch(logPath, () => {
      if (readFileSync(logPath).subarray(size).includes('"received_from"')) fire();
    });
    end = () => watcher.close();
  } else wire.arm(kill.at, fire);
  return () => {
    end();
    return isKilled;
  };
}

/** Waits until every wake has its message, and checks the whole account. */
async function expectAccounted(world: World, url: string, sent: () => string[]): Promise<void> {
  const { ns, logPath, rounds, alerts } = world;
  const wakes = (WEBHOOK_SOURCES.length + 1) * Math.min(NAMES, rounds);
  await eventually(async () => {
    const { outcomes, inFlight } = await readAccount(ns.redis, ns.keys);
    return (await decided(world)) && outcomes.diagnosis === wakes && inFlight === 0;
  }, 180_000);
  const rows = wakeRowsOf(logPath);
  const copies = new Map<string, number>();
  for (const { details } of rows) copies.set(details.instance, (copies.get(details.instance) ?? 0) + 1);
  expect([...alerts].filter((id) => !copies.has(id))).toEqual([]);
  // An alert is written again only if the API died after its first row was durable and before it answered.
  expect([...copies].filter(([, n]) => n > 2)).toEqual([]);
  const headers = { authorization: `Bearer ${TOKEN}` };
  const answer = await fetch(`${url}/v1/account`, { headers });
  expect(await answer.json()).toMatchObject({
    rows: rows.length,
    enqueued: wakes,
    coalesced: rows.length - wakes,
    rejected: {},
    unreadLines: 0,
    inFlight: 0,
    unaccounted: 0,
  });
  expect(await (await fetch(`${url}/metrics`, { headers })).text()).toMatch(/^kora_wakes_unaccounted 0$/m);
  expect(new Set(sent()).size).toBe(wakes);
  expect(sent()).toHaveLength(wakes);
}

type Place = Pick<World, 'ns' | 'logPath'>;

/** Kills an API in each round. @returns how many rounds killed it; the others were over before */
export async function crashApis({ ns, logPath }: Place, kills: Kill[]): Promise<number> {
  const { slack, env: ofDoubles } = await doubles();
  const env = environment(ns, logPath, { ...ofDoubles, KORA_INGEST_TOKEN: TOKEN });
  const [tailer, worker] = [runApp('tailer', env), runApp('worker', env)];
  await Promise.all([tailer.until('tailer.following'), worker.until('worker.ready')]);
  const world: World = { ns, logPath, rounds: 0, alerts: new Set() };
  const start = async (kill: Kill | undefined) => {
    const wire = await tripwire(ns.redisUrl, matters, kill && 'when' in kill ? kill.when : 'before');
    const app = runApp('api', { ...env, REDIS_URL: wire.url });
    return { app, wire, url: await apiUrl(app) };
  };
  let current = await start(kills[0]);
  let killed = 0;
  for (const [i, kill] of kills.entries()) {
    const victim = current;
    const next = victim.app.exited.then(async () => {
      await victim.wire.close();
      await expireClaims(world);
      return start(kills[i + 1]);
    });
    const wasKilled = prepare(kill, victim, logPath);
    const isUp = () => victim.app.child.exitCode === null && victim.app.child.signalCode === null;
    await sendRound(world, async () => (isUp() ? victim.url : (await next).url)).catch((error: unknown) => {
      throw new Error(`killed at ${JSON.stringify(kill)}`, { cause: error });
    });
    if (wasKilled()) killed++;
    else victim.app.child.kill('SIGKILL');

    current = await next;
  }
  await expectAccounted(world, current.url, () => slack.accepted.map(({ text, wakeId }) => `${wakeId} ${text}`));
  return killed;
}

/** Kills a tailer in each round. @returns how many rounds killed it */
export async function crashTailers({ ns, logPath }: Place, kills: Kill[]): Promise<number> {
  const { slack, env: ofDoubles } = await doubles();
  const env = environment(ns, logPath, { ...ofDoubles, KORA_INGEST_TOKEN: TOKEN });
  const start = async (kill: Kill | undefined) => {
    const wire = await tripwire(ns.redisUrl, matters, kill && 'when' in kill ? kill.when : 'before');
    const app = runApp('tailer', { ...env, REDIS_URL: wire.url });
    await app.until('tailer.following');
    return { app, wire };
  };
  const [worker, api] = [runApp('worker', env), runApp('api', env)];
  let current = await start(kills[0]);
  const [url] = await Promise.all([apiUrl(api), worker.until('worker.ready')]);
  const world: World = { ns, logPath, rounds: 0, alerts: new Set() };
  let killed = 0;
  for (const [i, kill] of kills.entries()) {
    const victim = current;
    const wasKilled = prepare(kill, victim, logPath);
    await sendRound(world, async () => url);
    await Promise.race([victim.app.exited, eventually(() => decided(world))]);
    if (wasKilled()) killed++;
    victim.app.child.kill('SIGKILL');
    await victim.app.exited;
    await victim.wire.close();
    await ns.redis.unlink(ns.keys.lease(sourceId(logPath)));
    current = await start(kills[i + 1]);
  }
  await expectAccounted(world, url, () => slack.accepted.map(({ text, wakeId }) => `${wakeId} ${text}`));
  return killed;
}
