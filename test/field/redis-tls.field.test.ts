/** TLS: the name that is sent, certificates for host names, and the sentences about certificates. Also users of Sentinels. */
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { closeRedis, connectRedis, connectRedisOnce } from '@kora-wake/shared/runtime/redis';
import { Redis } from 'ioredis';
import { describe, expect, onTestFinished } from 'vitest';
import { authority, type Certificate, tlsArguments } from '../support/certificates.ts';
import { eventually, ownServer, test } from '../support/fixtures.ts';
import { freePort } from '../support/ports.ts';
import { redisProcess, sentinelProcess } from '../support/redis-process.ts';
import type { LogLine } from '../support/spawn.ts';

/** A Redis with TLS, besides its plain port. */
async function tlsRedis(folder: string, certificate: Certificate, ca: string, more: string[] = []) {
  const port = await freePort();
  const server = await ownServer(
    redisProcess(join(folder, 'redis'), [...tlsArguments(port, certificate, ca), ...more]),
  );
  return { port, server };
}

/** A cluster of one node that announces itself with these arguments. */
async function tlsCluster(folder: string, certificate: Certificate, ca: string, announce: string[]) {
  const options = ['--cluster-enabled', 'yes', '--tls-cluster', 'yes', ...announce];
  const { port, server } = await tlsRedis(folder, certificate, ca, options);
  const direct = new Redis(server.port, '127.0.0.1');
  onTestFinished(() => direct.disconnect());
  await direct.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
  await eventually(async () => String(await direct.call('CLUSTER', 'INFO')).includes('cluster_state:ok'));
  return port;
}

async function tlsSentinel(folder: string, certificate: Certificate, ca: string, master: number): Promise<number> {
  const port = await freePort();
  const tls = tlsArguments(port, certificate, ca).join(' ').replaceAll('--', '\n').split('\n');
  const rules = ['tls-replication yes', `sentinel monitor mymaster 127.0.0.1 ${master} 1`];
  await ownServer(sentinelProcess(join(folder, 'sentinel'), [...tls, ...rules]));
  return port;
}

const IP_ANNOUNCED = ['--cluster-announce-ip', '127.0.0.1'];
const NAME_ANNOUNCED = [
  ...IP_ANNOUNCED,
  '--cluster-announce-hostname',
  'localhost',
  '--cluster-preferred-endpoint-type',
  'hostname',
];

test.for(['rediss', 'rediss-cluster'])('%s://name sends the name in the TLS handshake', async (scheme, { log }) => {
  const sent = Promise.withResolvers<string>();
  const server = createServer({
    SNICallback: (name, done) => {
      sent.resolve(name);
      done(new Error('the test has no certificate'));
    },
  });
  server.on('tlsClientError', () => undefined);
  const port = await new Promise<number>((resolve) => {
    server.listen(0, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : 0);
    });
  });
  onTestFinished(() => void server.close());
  await expect(connectRedisOnce(`${scheme}://localhost:${port}`, 'producer', log.logger)).rejects.toThrow('Redis at');
  expect(await sent.promise).toBe('localhost');
});

describe('a cluster whose certificate has a host name works', () => {
  test.for([
    ['addresses', IP_ANNOUNCED],
    ['host names', NAME_ANNOUNCED],
  ] as const)('and announces %s', async ([, announce], { folder, log }) => {
    const { ca, issue, trust } = authority(folder);
    trust();
    const port = await tlsCluster(folder, issue('node', 'DNS:localhost'), ca, [...announce]);
    for (const kind of ['producer', 'worker'] as const) {
      const redis = await connectRedis(`rediss-cluster://localhost:${port}`, kind, log.logger);
      onTestFinished(() => redis.disconnect());
      expect(await redis.set('a', 'b')).toBe('OK');
    }
  });

  test('but an address needs a certificate with a name in REDIS_URL', async ({ folder, log }) => {
    const { ca, issue, trust } = authority(folder);
    trust();
    const port = await tlsCluster(folder, issue('node', 'DNS:other.example'), ca, IP_ANNOUNCED);
    await expect(connectRedisOnce(`rediss-cluster://127.0.0.1:${port}`, 'producer', log.logger)).rejects.toThrow(
      'has a certificate for other names (DNS:other.example)',
    );
  });
});

test('Sentinels that announce an address work with certificates for a host name', async ({ folder, log }) => {
  const { ca, issue, trust } = authority(folder);
  trust();
  const certificate = issue('both', 'DNS:localhost');
  const { port } = await tlsRedis(folder, certificate, ca);
  const sentinel = await tlsSentinel(folder, certificate, ca, port);
  const url = `rediss-sentinel://localhost:${sentinel}/0#mymaster`;
  const redis = await connectRedis(url, 'producer', log.logger);
  onTestFinished(() => closeRedis(redis));
  expect(await redis.set('a', 'b')).toBe('OK');
});

describe('a certificate that is refused is one sentence with the remedy, at once', () => {
  const CASES = [
    ['expired', 'DNS:localhost', -1, true, 'has a certificate that has expired. Renew it.'],
    [
      'for another name',
      'DNS:other.example',
      10,
      true,
      'has a certificate for other names (DNS:other.example). Use one of these names in REDIS_URL, or add the missing name to the certificate.',
    ],
    [
      'of an unknown authority',
      'DNS:localhost',
      10,
      false,
      'has a certificate that is not trusted. Set NODE_EXTRA_CA_CERTS to a file with the certificate of its authority.',
    ],
  ] as const;

  test.for(CASES)('%s', async ([, names, days, trusted, words], { folder, log }) => {
    const { ca, issue, trust } = authority(folder);
    if (trusted) trust();
    const bad = issue('bad', names, days);
    const { port } = await tlsRedis(join(folder, 'single'), bad, ca);
    const cluster = await tlsCluster(join(folder, 'cluster'), bad, ca, NAME_ANNOUNCED);
    const sentinel = await tlsSentinel(folder, bad, ca, port);
    for (const url of [
      `rediss://:hunter2@localhost:${port}`,
      `rediss-cluster://localhost:${cluster}`,
      `rediss-sentinel://localhost:${sentinel}/0#mymaster`,
    ]) {
      const shown = url.replace('hunter2', '***');
      await expect(connectRedis(url, 'worker', log.logger)).rejects.toThrow(`Redis at ${shown} ${words}`);
    }
    expect(log.lines).toEqual([]);
  });

  test('also while the app runs: in the line about the outage', async ({ folder, log }) => {
    const { ca, issue, trust } = authority(folder);
    trust();
    const { port, server } = await tlsRedis(folder, issue('good', 'DNS:localhost'), ca);
    const redis = await connectRedis(`rediss://localhost:${port}`, 'producer', log.logger);
    onTestFinished(() => closeRedis(redis));
    const expired = issue('expired', 'DNS:localhost', -1);
    const direct = new Redis(server.port, '127.0.0.1');
    onTestFinished(() => direct.disconnect());
    await direct.config('SET', 'tls-cert-file', expired.cert, 'tls-key-file', expired.key);
    await direct.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    const hasExpired = ({ reason }: LogLine) => reason === 'has a certificate that has expired';
    expect(await log.until('redis.down', hasExpired)).toMatchObject({
      msg: 'Redis has a certificate that has expired. Renew it.',
    });
    const good = issue('renewed', 'DNS:localhost');
    await direct.config('SET', 'tls-cert-file', good.cert, 'tls-key-file', good.key);
    await log.until('redis.up');
    expect(log.lines.filter(hasExpired)).toHaveLength(1);
  });
});

describe('Sentinels with a user and password of their own', () => {
  async function protectedSentinel(folder: string) {
    const master = await ownServer(redisProcess(join(folder, 'master')));
    const sentinel = await ownServer(
      sentinelProcess(join(folder, 'sentinel'), [
        `sentinel monitor mymaster 127.0.0.1 ${master.port} 1`,
        'sentinel auth-pass mymaster of-redis',
      ]),
    );
    const direct = [new Redis(sentinel.port, '127.0.0.1'), new Redis(master.port, '127.0.0.1')] as const;
    onTestFinished(() => {
      for (const redis of direct) redis.disconnect();
    });
    const [ofSentinel, ofMaster] = direct;
    await ofSentinel.acl('SETUSER', 'watcher', 'on', '>of@sentinels', '+@all', '~*', '&*');
    await ofSentinel.acl('SETUSER', 'default', 'off');
    await ofMaster.config('SET', 'requirepass', 'of-redis');
    return sentinel.port;
  }

  test('are used if REDIS_URL has both', async ({ folder, log }) => {
    const port = await protectedSentinel(folder);
    const credentials = 'sentinelUsername=watcher&sentinelPassword=of%40sentinels';
    const url = `redis-sentinel://:of-redis@127.0.0.1:${port}/0?${credentials}#mymaster`;
    const redis = await connectRedis(url, 'producer', log.logger);
    onTestFinished(() => closeRedis(redis));
    expect(await redis.set('a', 'b')).toBe('OK');
  });

  test.for([
    ['missing', ''],
    ['wrong', '?sentinelUsername=watcher&sentinelPassword=of-others'],
  ])('that are %s in REDIS_URL are one sentence, without a password', async ([, query], { folder, log }) => {
    const port = await protectedSentinel(folder);
    const url = `redis-sentinel://:of-redis@127.0.0.1:${port}/0${query}#mymaster`;
    const error: unknown = await connectRedis(url, 'producer', log.logger).catch((reason: unknown) => reason);
    expect(String(error)).toContain('has Sentinels that require a user or password of their own');
    expect(String(error)).not.toMatch(/of-redis|of-others/);
  });
});
