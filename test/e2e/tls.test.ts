/** The whole path over `rediss://` with a password and a certificate that only the test's own authority signed. */
import { execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { tryListen } from '../../apps/cli/src/private-redis.ts';
import { startTailerAndWorker } from '../support/doubles.ts';
import { append, eventually, test, wakeRow } from '../support/fixtures.ts';
import { freePort } from '../support/ports.ts';
import { runApp } from '../support/process.ts';

test('rediss:// with a password carries a wake, and an untrusted certificate is refused', async ({
  folder,
  logPath,
}) => {
  const request = 'req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost';
  execFileSync('openssl', [...request.split(' '), '-addext', 'subjectAltName=DNS:localhost'], {
    cwd: folder,
    stdio: 'pipe',
  });
  const port = await freePort();
  const options = { port: '0', 'tls-port': String(port), bind: '127.0.0.1', requirepass: 'hunter2', dir: folder };
  const tls = { 'tls-cert-file': 'cert.pem', 'tls-key-file': 'key.pem', 'tls-auth-clients': 'no', save: '' };
  const flags = Object.entries({ ...options, ...tls }).flatMap(([name, value]) => [`--${name}`, value]);
  const server = spawn('redis-server', flags, { cwd: folder, stdio: 'ignore' });
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.once('exit', () => resolve());
        server.kill();
      }),
  );
  await eventually(() =>
    tryListen(port)
      .then(() => false)
      .catch(() => true),
  );

  const env = { REDIS_URL: `rediss://:hunter2@localhost:${port}`, KORA_AUDIT_LOG_PATH: logPath };
  const trusting = { ...env, NODE_EXTRA_CA_CERTS: join(folder, 'cert.pem') };
  const { worker } = await startTailerAndWorker(trusting);
  append(logPath, wakeRow());
  await worker.until('delivery.dry_run');

  const stranger = runApp('tailer', env);
  expect(await stranger.exited).toBe(1);
  expect(stranger.stderr()).toContain(`Redis at rediss://:***@localhost:${port} has a certificate that is not trusted`);
  expect(stranger.stderr()).not.toContain('hunter2');
});
