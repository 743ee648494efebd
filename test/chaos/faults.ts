/**
 * The faults that the nemesis injects, by their numbers in test/faults.ts. Each one ends by mending what it did; what
 * it broke on the way is for the apps to live with.
 */
import { execFileSync } from 'node:child_process';
import { truncateSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { apiError, message } from '../support/anthropic.ts';
import { type Answer, cutShort, hang, html, json, reset } from '../support/http-double.ts';
import type { World } from './world.ts';

export interface Fault {
  numbers: number[];
  name: string;
  /** Faults of one group never run at once, and those `alone` only by themselves. */
  group: 'file' | 'rest' | 'alone';
  inject(world: World): Promise<void>;
}

const CAUGHT_UP_MS = 60_000;

export const FAULTS: [Fault, ...Fault[]] = [
  {
    numbers: [1],
    name: 'rename and create, the old descriptor written to for 2 s',
    group: 'file',
    inject: ({ writer }) => writer.rename(2_000),
  },
  {
    numbers: [2],
    name: 'two renames between polls',
    group: 'file',
    inject: async ({ writer }) => {
      await writer.rename(0);
      writer.row();
      await writer.rename(0);
    },
  },
  {
    numbers: [3, 17],
    name: 'rotation while no tailer runs',
    group: 'file',
    inject: (world) => withoutTailers(world, () => world.writer.rename(0)),
  },
  { numbers: [4], name: 'copytruncate', group: 'file', inject: async ({ writer }) => writer.copytruncate() },
  {
    numbers: [5, 17],
    name: 'copytruncate while no tailer runs',
    group: 'file',
    inject: (world) => withoutTailers(world, async () => world.writer.copytruncate()),
  },
  {
    numbers: [6],
    name: 'truncated, and grown past where it was',
    group: 'file',
    inject: (world) => onceDecided(world, () => world.writer.truncate('past')),
  },
  {
    numbers: [7],
    name: 'truncated to the same size',
    group: 'file',
    inject: (world) => onceDecided(world, () => world.writer.truncate('same size')),
  },
  {
    numbers: [8, 10],
    name: 'deleted and made again',
    group: 'file',
    inject: (world) => onceDecided(world, () => world.writer.recreate()),
  },
  { numbers: [11], name: 'a line in two halves', group: 'file', inject: ({ writer }) => writer.halves(false) },
  {
    numbers: [11, 17],
    name: 'a line in two halves, and a restart between them',
    group: 'file',
    inject: (world) =>
      world.writer.halves(false, async () => {
        for (const tailer of world.tailers) tailer.signal('SIGKILL');
        await sleep(2_500);
      }),
  },
  {
    numbers: [12],
    name: 'a rename in the middle of a line',
    group: 'file',
    inject: ({ writer }) => writer.renameInRow(),
  },
  { numbers: [13], name: 'a line byte by byte', group: 'file', inject: ({ writer }) => writer.halves(true) },
  {
    numbers: [14],
    name: 'noise',
    group: 'file',
    inject: async ({ writer, chance }) => {
      for (let i = chance.between(2, 20); i > 0; i--) writer.noise();
    },
  },
  {
    numbers: [17, 18, 19],
    name: 'kill -9 of a tailer in a burst of rows',
    group: 'file',
    inject: async ({ writer, tailers, chance }) => {
      for (let i = 0; i < 200; i++) writer.row();
      await sleep(chance.between(0, 60));
      for (const tailer of tailers) if (chance.fraction() < 0.7) tailer.signal('SIGKILL');
      await sleep(1_000);
    },
  },
  {
    numbers: [20],
    name: 'SIGSTOP of a tailer past its lease',
    group: 'file',
    inject: async ({ tailers, chance, writer }) => {
      const [first, second] = tailers;
      const frozen = chance.fraction() < 0.5 ? first : second;
      writer.row();
      frozen?.signal('SIGSTOP');
      await sleep(13_000);
      frozen?.signal('SIGCONT');
    },
  },
  {
    numbers: [22],
    name: 'a back-log',
    group: 'file',
    inject: (world) =>
      withoutTailers(world, async () => {
        await sleep(25_000);
      }),
  },
  {
    numbers: [21],
    name: 'checkpoint corrupt',
    group: 'alone',
    inject: async (world) => {
      await ready(world);
      await world.redis.hset(world.source, 'position', world.chance.of(['', '{"files":', '[]', 'null']));
      world.writer.row();
      if (!(await world.caughtUp(CAUGHT_UP_MS))) throw new Error('the checkpoint was not mended');
    },
  },
  {
    numbers: [23],
    name: 'answers lost after execution',
    group: 'rest',
    inject: async ({ network, proxy, chance }) => {
      for (let i = chance.between(1, 6); i > 0; i--) {
        network.answers = false;
        await sleep(chance.between(1, 80));
        proxy.cut();
        network.answers = true;
        await sleep(chance.between(100, 1_500));
      }
    },
  },
  {
    numbers: [24],
    name: 'Redis cannot be reached',
    group: 'rest',
    inject: async ({ network, proxy, chance, workers, tailers }) => {
      network.up = false;
      proxy.cut();
      if (chance.fraction() < 0.3) for (const app of [...workers, ...tailers]) app.signal('SIGKILL');
      await sleep(chance.of([500, 3_000, 12_000, 30_000]));
      network.up = true;
    },
  },
  {
    numbers: [25],
    name: 'CLIENT KILL and CLIENT PAUSE',
    group: 'rest',
    inject: async ({ redis, chance }) => {
      await redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      await sleep(chance.between(0, 500));
      await redis.call('CLIENT', 'PAUSE', chance.between(200, 4_000), 'ALL');
    },
  },
  {
    numbers: [26],
    name: 'kill -9 of Redis',
    group: 'rest',
    inject: async ({ redisServer, chance }) => {
      await redisServer.kill('SIGKILL');
      await sleep(chance.between(0, 5_000));
      await redisServer.start();
    },
  },
  {
    numbers: [26, 27],
    name: 'kill -9 of Redis, and its append-only file cut at random',
    group: 'rest',
    inject: async (world) => {
      await world.redisServer.kill('SIGKILL');
      const { path, size } = world.appendOnlyFile();
      const room = Math.max(0, size - world.aofFloor);
      truncateSync(path, size - world.chance.between(0, Math.min(room, 40_000)));
      // Redis itself leaves half a transaction there, and applies it at the start after the next (valkey-io/valkey#4342).
      world.redisServer.repair();
      world.forgot.push(Date.now());
      await world.redisServer.start();
    },
  },
  {
    numbers: [28],
    name: 'FLUSHALL',
    group: 'alone',
    inject: async (world) => {
      await ready(world);
      world.writer.busy = true;
      if (!(await world.caughtUp(CAUGHT_UP_MS))) throw new Error('the tailers did not catch up');
      if (!(await world.settled(240_000))) throw new Error('not all wakes ended');
      // Whoever takes over knows where the log was read up to a second ago.
      await sleep(2_000);
      await world.remember();
      await world.redis.flushall();
      world.forgot.push(Date.now());
      world.aofFloor = world.appendOnlyFile().size;
      world.writer.busy = false;
      world.writer.row();
      if (!(await world.caughtUp(CAUGHT_UP_MS))) throw new Error('the tailers did not go on');
    },
  },
  {
    numbers: [29],
    name: 'Redis out of memory',
    group: 'rest',
    inject: async ({ redis, chance }) => {
      await redis.config('SET', 'maxmemory', '1mb');
      await sleep(chance.between(500, 8_000));
      await redis.config('SET', 'maxmemory', '0');
    },
  },
  {
    numbers: [30],
    name: 'Redis read-only',
    group: 'rest',
    inject: async ({ redis, chance }) => {
      await redis.replicaof('127.0.0.1', 1);
      await sleep(chance.between(500, 8_000));
      await redis.replicaof('NO', 'ONE');
    },
  },
  {
    numbers: [48],
    name: 'disk full, of Redis and of the audit log',
    group: 'rest',
    inject: async (world) => {
      world.workersWrite('full disk');
      limitFiles(world, String(world.appendOnlyFile().size));
      await sleep(world.chance.between(2_000, 10_000));
      limitFiles(world, 'unlimited');
      world.workersWrite('file');
    },
  },
  {
    numbers: [31],
    name: 'kill -9 of workers, at any time',
    group: 'rest',
    inject: async ({ workers, chance }) => {
      for (let i = chance.between(1, 4); i > 0; i--) {
        for (const worker of workers) if (chance.fraction() < 0.6) worker.signal('SIGKILL');
        await sleep(chance.between(500, 3_000));
      }
    },
  },
  {
    numbers: [31, 32],
    name: 'kill -9 of all workers around a post',
    group: 'rest',
    inject: async ({ slack, workers, chance }) => {
      const die: Answer = () => {
        for (const worker of workers) worker.signal('SIGKILL');
      };
      for (let i = chance.between(1, 3); i > 0; i--) slack.next.push(chance.of([die, slack.acceptThen(die)]));
      await until(() => slack.next.length === 0, 60_000);
      slack.next.length = 0;
    },
  },
  {
    numbers: [33],
    name: 'a worker frozen past its locks',
    group: 'rest',
    inject: async ({ workers, chance }) => {
      const [first, second] = workers;
      const frozen = chance.fraction() < 0.5 ? first : second;
      frozen?.signal('SIGSTOP');
      await sleep(21_000);
      frozen?.signal('SIGCONT');
    },
  },
  {
    numbers: [34],
    name: 'SIGTERM of all workers during a post',
    group: 'rest',
    inject: async ({ slack, workers }) => {
      const stop: Answer = async () => {
        for (const worker of workers) worker.signal('SIGTERM');
        await sleep(500);
      };
      slack.next.push(async (request, response, socket) => {
        await stop(request, response, socket);
        return slack.acceptThen(json(200, { ok: true, channel: 'DU0OPERATOR', ts: `${Date.now() / 1000}` }))(
          request,
          response,
          socket,
        );
      });
      await until(() => slack.next.length === 0, 30_000);
      slack.next.length = 0;
      await sleep(3_000);
    },
  },
  engine([35], 'engine overloaded', apiError(529)),
  engine([36], 'engine limits the rate', apiError(429, { 'retry-after': '1' })),
  engine([36], 'engine limits the rate and does not say for how long', apiError(429)),
  engine([37], 'engine hangs', hang),
  engine([37], 'engine breaks off', cutShort),
  engine([38], 'engine answers nonsense', html(200)),
  engine([38], 'engine refuses', json(200, message('', { stop_reason: 'refusal' }))),
  engine([38], 'engine says nothing', json(200, message(''))),
  engine([39], 'engine calls it a bad request', apiError(400)),
  engine([39], 'engine refuses the key', apiError(401)),
  posts([40], 'Slack limits the rate', json(429, { ok: false, error: 'ratelimited' }, { 'retry-after': '3' })),
  posts([41], 'Slack fails before it accepts', html(500)),
  {
    numbers: [41, 42, 43, 44],
    name: 'the answer to a post is lost',
    group: 'rest',
    inject: async (world) => {
      const { slack, chance } = world;
      if (chance.fraction() < 0.5) slack.lookUp.lagMs = chance.between(0, 10_000);
      if (chance.fraction() < 0.5)
        slack.lookUp.error = chance.of(['missing_scope', 'missing_scope', 'ratelimited', 'internal_error']);
      for (let i = chance.between(1, 5); i > 0; i--) {
        slack.next.push(
          slack.acceptThen(
            chance.of<Answer>([reset, hang, html(502), json(200, { ok: false, error: 'internal_error' })]),
          ),
        );
      }
      await until(() => slack.next.length === 0, 60_000);
      await sleep(25_000);
      slack.next.length = 0;
      delete slack.lookUp.lagMs;
      delete slack.lookUp.error;
    },
  },
  posts([45], 'Slack refuses for good', json(200, { ok: false, error: 'channel_not_found' }), 1),
  {
    numbers: [46],
    name: 'Slack revokes the token, and takes it back',
    group: 'rest',
    inject: async ({ slack }) => {
      const refuse: Answer = json(200, { ok: false, error: 'token_revoked' });
      slack.next.push(...Array.from({ length: 1_000 }, () => refuse));
      await sleep(25_000);
      slack.next.length = 0;
    },
  },
];

/** A spell of one kind of answer of the engine. */
function engine(numbers: number[], name: string, answer: Answer): Fault {
  return {
    numbers,
    name,
    group: 'rest',
    inject: async ({ engine: double, chance }) => {
      double.next.push(...Array.from({ length: chance.between(1, 12) }, () => answer));
      await until(() => double.next.length === 0, 20_000);
      double.next.length = 0;
    },
  };
}

/** A spell of one kind of answer to posts, none of which is accepted. */
function posts(numbers: number[], name: string, answer: Answer, most = 6): Fault {
  return {
    numbers,
    name,
    group: 'rest',
    inject: async ({ slack, chance }) => {
      slack.next.push(...Array.from({ length: chance.between(1, most) }, () => answer));
      await until(() => slack.next.length === 0, 30_000);
      slack.next.length = 0;
    },
  };
}

async function withoutTailers({ tailers, writer }: World, meanwhile: () => Promise<void>): Promise<void> {
  await Promise.all(tailers.map((tailer) => tailer.end('SIGKILL')));
  writer.row();
  await meanwhile();
  writer.row();
  for (const tailer of tailers) tailer.start();
}

/** What takes bytes from the disk is done when they are decided: the promise is for rows still on disk. */
async function onceDecided(world: World, destroy: () => void): Promise<void> {
  const { writer } = world;
  writer.busy = true;
  try {
    if (!(await world.caughtUp(CAUGHT_UP_MS))) return;
    // Nor may Redis go back to before that.
    world.aofFloor = world.appendOnlyFile().size;
    destroy();
  } finally {
    writer.busy = false;
  }
}

/** Until a tailer that was killed a moment ago follows again. */
async function ready(world: World): Promise<void> {
  world.writer.row();
  if (!(await world.caughtUp(CAUGHT_UP_MS))) throw new Error('the tailers did not catch up');
}

function limitFiles({ redisServer }: World, bytes: string): void {
  execFileSync('prlimit', [`--pid=${redisServer.pid()}`, `--fsize=${bytes}:unlimited`]);
}

async function until(holds: () => boolean, ms: number): Promise<void> {
  const end = performance.now() + ms;
  while (!holds() && performance.now() < end) await sleep(100);
}
