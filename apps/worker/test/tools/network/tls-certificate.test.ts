import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpsServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates, TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { ToolRefused } from '../../../src/tools/tool.ts';
import { check, closedPort, listening, run } from './servers.ts';

const DAY_MS = 86_400_000;

describe('a certificate', () => {
  let folder: string;
  const pem = (name: string) => readFileSync(join(folder, name), 'utf8');
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'kora-wake-test-'));
    const key = ['-newkey', 'rsa:2048', '-nodes', '-keyout'];
    openssl('req', '-x509', ...key, 'ca.key', '-out', 'ca.pem', '-days', '30', '-subj', '/CN=the authority');
    openssl('req', ...key, 'key.pem', '-out', 'csr', '-subj', '/O=Kora/CN=localhost', '-addext', NAMES);
    for (const [name, days] of [
      ['good.pem', '10'],
      ['expired.pem', '-1'],
    ] as const) {
      const signing = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-copy_extensions', 'copy'];
      openssl('x509', '-req', '-in', 'csr', ...signing, '-days', days, '-out', name);
    }
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const NAMES = 'subjectAltName=DNS:localhost,DNS:alt.example';

  const https = (name: string) =>
    listening(
      createHttpsServer({ key: pem('key.pem'), cert: pem(name) + pem('ca.pem') }, ({ socket }, response) => {
        response.end(`over TLS to ${socket instanceof TLSSocket ? socket.servername : ''}`);
      }),
    );

  /** Makes the authority one that this process knows. */
  const trustAuthority = () => {
    const before = getCACertificates('default');
    setDefaultCACertificates([...before, pem('ca.pem')]);
    onTestFinished(() => setDefaultCACertificates(before));
  };

  const LIST = 'localhost 127.0.0.1';

  test('of an unknown authority is reported and does not end the check', async () => {
    const server = await https('good.pem');
    const text = await check(LIST, `https://localhost:${server.port}/`);
    expect(text).toMatch(
      /certificate: valid until \d{4}-\d\d-\d\dT[\d:.]+Z; 9 days left; issuer CN=the authority; subject O=Kora, CN=localhost; not trusted \(SELF_SIGNED_CERT_IN_CHAIN\)\n/,
    );
    expect(text).toMatch(/timing in ms: dns \d+, connect \d+, tls \d+, first byte \d+, total \d+\n/);
    expect(text).toMatch(/over TLS to localhost$/);
  });

  test('has its days counted with the injected clock', async () => {
    const server = await https('good.pem');
    const at = (days: number) =>
      check(LIST, `https://localhost:${server.port}/`, { now: () => Date.now() + days * DAY_MS });
    expect(await at(5)).toContain('; 4 days left;');
    expect(await at(12)).toContain('; expired 2 days ago;');
  });

  test('that is valid is trusted, but not under another name', async () => {
    trustAuthority();
    const server = await https('good.pem');
    expect(await check(LIST, `https://localhost:${server.port}/`)).toContain('; trusted\n');
    expect(await check(LIST, `https://127.0.0.1:${server.port}/`)).toContain(
      'not trusted (ERR_TLS_CERT_ALTNAME_INVALID)',
    );
  });

  test('that has expired is reported as such', async () => {
    trustAuthority();
    const server = await https('expired.pem');
    const text = await check(LIST, `https://localhost:${server.port}/`, { now: () => Date.now() + 2 * DAY_MS });
    expect(text).toContain('; expired 3 days ago;');
    expect(text).toContain('not trusted (CERT_HAS_EXPIRED)');
    expect(text).toContain('status: 200');
  });

  test('is described in full by tls_certificate', async () => {
    trustAuthority();
    const server = await https('good.pem');
    const closed = Promise.withResolvers<void>();
    server.server.on('connection', (socket) => socket.on('close', () => closed.resolve()));
    const text = await run(LIST, 'tls_certificate', { host: 'LOCALHOST', port: server.port });
    await closed.promise;
    expect(text.split('\n')).toEqual([
      `connected to 127.0.0.1:${server.port}`,
      expect.stringMatching(/^valid from \d{4}-/),
      expect.stringMatching(/^valid until \d{4}-/),
      '9 days left',
      'issuer CN=the authority',
      'subject O=Kora, CN=localhost',
      'trusted',
      'alt names DNS:localhost, DNS:alt.example',
      'chain of 2',
      'protocol TLSv1.3',
    ]);
  });

  test('is not read if the host, the port or the address is not listed', async () => {
    const server = await https('good.pem');
    const look = (list: string, host: string) => run(list, 'tls_certificate', { host, port: server.port });
    for (const [list, host] of [
      ['other.example', 'localhost'],
      ['localhost:1 127.0.0.1', 'localhost'],
      ['localhost', 'localhost'],
      ['localhost', '127.1'],
    ] as const)
      await expect(look(list, host)).rejects.toThrow(ToolRefused);
    await expect(run('localhost 127.0.0.1:1', 'tls_certificate', { host: '127.0.0.1' })).rejects.toThrow(
      '127.0.0.1 at port 443 is not on the list: KORA_HTTP_CHECK_ALLOW would have to list 127.0.0.1.',
    );
    expect(server.sockets).toHaveLength(0);
  });

  test('that is missing is a result', async () => {
    const port = await closedPort();
    expect(await run('127.0.0.1', 'tls_certificate', { host: '127.0.0.1', port })).toContain('connection refused');
  });
});
