/** Faults of Redis and of the network to it. */
import { execFileSync } from 'node:child_process';
import { truncateSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { failOver } from '../../support/fail-over.ts';
import { redisProcess } from '../../support/redis-process.ts';
import type { World } from '../world.ts';
import { CAUGHT_UP_MS, type Fault, untilFollowing } from './fault.ts';

/** The apps have replaced all silent connections after this time, ms. Until then a message may wait for a new one. */
const RECONNECTED_MS = 30_000;

export const REDIS_FAULTS: Fault[] = [
  {
    numbers: [21],
    name: 'checkpoint corrupt',
    group: 'alone',
    inject: async (world) => {
      await untilFollowing(world);
      await world.redis.hset(world.source, 'position', world.chance.of(['', '{"files":', '[]', 'null']));
      world.writer.row();
      if (!(await world.caughtUp(CAUGHT_UP_MS))) throw new Error('the checkpoint was not repaired');
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
    name: 'Redis is unreachable',
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
    name: 'kill -9 of Redis, with its append-only file cut at random',
    group: 'rest',
    inject: async (world) => {
      await world.redisServer.kill('SIGKILL');
      const { path, size } = world.appendOnlyFile();
      const room = Math.max(0, size - world.aofFloor);
      truncateSync(path, size - world.chance.between(0, Math.min(room, 40_000)));
      // Redis keeps half a transaction at the end of the file and applies it two starts later (valkey-io/valkey#4342).
      world.redisServer.repair();
      world.dataLosses.push(Date.now());
      await world.redisServer.start();
    },
  },
  {
    numbers: [56],
    name: 'connections die silently, because the network forgets them',
    group: 'rest',
    inject: async ({ proxy, chance, delays }) => {
      const from = Date.now();
      for (let i = chance.between(1, 3); i > 0; i--) {
        proxy.silence();
        await sleep(chance.between(100, 8_000));
      }
      delays.push({ from, to: Date.now() + RECONNECTED_MS });
    },
  },
  {
    numbers: [56],
    name: 'connections die silently in one or both directions, or Redis is frozen',
    group: 'rest',
    inject: async ({ network, redisServer, chance, delays }) => {
      const from = Date.now();
      const ms = chance.of([3_000, 12_000, 40_000]);
      const silent = chance.of(['requests', 'answers', 'both', 'frozen']);
      if (silent === 'frozen') process.kill(redisServer.pid(), 'SIGSTOP');
      if (silent === 'requests' || silent === 'both') network.requests = false;
      if (silent === 'answers' || silent === 'both') network.answers = false;
      await sleep(ms);
      if (silent === 'frozen') process.kill(redisServer.pid(), 'SIGCONT');
      Object.assign(network, { requests: true, answers: true });
      delays.push({ from, to: Date.now() + RECONNECTED_MS });
    },
  },
  {
    numbers: [57],
    name: 'fail-over behind one address, and back',
    group: 'alone',
    inject: async (world) => {
      const { redis, redisServer, target, chance } = world;
      const folder = `${redisServer.folder}-replica-${Date.now()}`;
      const replica = await redisProcess(folder, ['--replicaof', `127.0.0.1 ${redisServer.port}`]);
      const next = new Redis(replica.port, '127.0.0.1');
      try {
        await failOver(redis, next, replica);
        await sleep(chance.of([0, 500, 5_000]));
        target.port = replica.port;
        await sleep(chance.between(1_000, 15_000));
        await failOver(next, redis, redisServer);
      } finally {
        target.port = redisServer.port;
        next.disconnect();
        await replica.kill('SIGKILL');
      }
      // A replica may begin a new append-only file.
      world.aofFloor = world.appendOnlyFile().size;
    },
  },
  {
    numbers: [28],
    name: 'FLUSHALL',
    group: 'alone',
    inject: async (world) => {
      await untilFollowing(world);
      world.writer.busy = true;
      if (!(await world.caughtUp(CAUGHT_UP_MS))) throw new Error('the tailers did not catch up');
      if (!(await world.settled(240_000))) throw new Error('not all wakes have an outcome');
      // A standby tailer reads the checkpoint of the other one each second.
      await sleep(2_000);
      await world.keepState();
      await world.redis.flushall();
      world.dataLosses.push(Date.now());
      world.aofFloor = world.appendOnlyFile().size;
      world.writer.busy = false;
      world.writer.row();
      if (!(await world.caughtUp(CAUGHT_UP_MS))) throw new Error('the tailers did not continue');
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
];

/** Sets the largest file that Redis may write: a full disk. */
function limitFiles({ redisServer }: World, bytes: string): void {
  execFileSync('prlimit', [`--pid=${redisServer.pid()}`, `--fsize=${bytes}:unlimited`]);
}
