import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates, TLSSocket } from 'node:tls';
import type { JsonObject } from '@kora-wake/shared/wake/json';
import { redact } from '@kora-wake/shared/wake/redact';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { aWake } from '../../../../../test/support/fixtures.ts';
import { parseAllowList } from '../../../src/tools/network/allow-list.ts';
import { networkTools } from '../../../src/tools/network/network-tools.ts';
import { ToolRefused } from '../../../src/tools/tool.ts';

const DAY_MS = 86_400_000;

const wake = aWake();

interface Setup {
  signal?: AbortSignal;
  now?: () => number;
  lookup?: (host: string) => Promise<Array<{ address: string }>>;
  dnsServers?: string[];
  timeLimitMs?: number;
}

function run(list: string, name: string, input: JsonObject, setup: Setup = {}): Promise<string> {
  const { signal = new AbortController().signal, now, ...differently } = setup;
  const tool = networkTools(parseAllowList(list), now, differently).find((tool) => tool.name === name);
  if (!tool) throw new Error(`no tool ${name}`);
  return tool.run(input, { wake, redact, signal });
}

const check = (list: string, url: string, setup: Setup & { method?: string } = {}) => {
  const { method, ...rest } = setup;
  return run(list, 'http_check', { url, ...(method ? { method } : {}) }, rest);
};

/** A server on loopback that counts who connects. */
async function listening(server: Server) {
  const sockets: Socket[] = [];
  server.on('connection', (socket: Socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  return { port, sockets, server, url: `http://127.0.0.1:${port}` };
}

const http = (listener: RequestListener) => listening(createHttpServer(listener));
const saying = (text: string) => http((_request, response) => response.end(text));
const tcp = (onSocket: (socket: Socket) => void) => listening(createTcpServer(onSocket));
const redirecting = (to: () => string, status = 302) =>
  http((_request, response) => response.writeHead(status, { location: to() }).end('moved'));

/** A port that was free a moment ago. */
async function closedPort(): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describe('the tools', () => {
  test('do not exist if nothing is listed', () => {
    expect(networkTools(parseAllowList(' '))).toEqual([]);
  });

  test('name the listed entries', () => {
    const tools = networkTools(parseAllowList('a.example,https://b.example/health'));
    expect(tools.map(({ name }) => name)).toEqual(['http_check', 'dns_lookup', 'tls_certificate']);
    for (const { description } of tools) expect(description).toContain('a.example, https://b.example/health.');
  });

  test('accept no other input', async () => {
    await expect(run('a.example', 'http_check', { url: 'http://a.example', body: 'x' })).rejects.toThrow(
      'the input is not valid',
    );
    await expect(run('a.example', 'http_check', { url: 'http://a.example', method: 'POST' })).rejects.toThrow(
      'the input is not valid',
    );
    await expect(run('a.example', 'http_check', { url: 'nonsense' })).rejects.toThrow('not a URL: nonsense');
    await expect(run('a.example', 'dns_lookup', { host: 'a.example/x' })).rejects.toThrow('not a host: a.example/x');
  });
});

describe('http_check refuses, and makes no connection for,', () => {
  const refused = async (list: string, url: (port: number) => string, setup?: Setup) => {
    const server = await saying('secret');
    const failure = await check(list, url(server.port), setup).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ToolRefused);
    expect(server.sockets).toHaveLength(0);
    return String(failure);
  };

  test('a host that is not listed, and names the missing entry', async () => {
    expect(await refused('other.example', (port) => `http://localhost:${port}/x?y`)).toMatch(
      /http:\/\/localhost:\d+\/x is not on the list: KORA_HTTP_CHECK_ALLOW would have to list localhost\./,
    );
  });

  test('a listed name that resolves to an address that is not listed', async () => {
    expect(await refused('localhost 10.0.0.0/8', (port) => `http://localhost:${port}/`)).toContain('127.0.0.1');
    expect(await refused('localhost 127.0.0.1:1', (port) => `http://localhost:${port}/`)).toContain('127.0.0.1');
  });

  test.each(['2130706433', '0x7f.1', '127.1', '0177.0.0.1', '[::ffff:127.0.0.1]', '127.0.0.1', '0', '[::]', '[::1]'])(
    'http://%s/, by names alone',
    async (host) => {
      await refused('localhost *.example.com', (port) => `http://${host}:${port}/`);
    },
  );

  test.each(['user@', 'user:secret@', ':secret@'])('%s in a URL', async (userinfo) => {
    expect(await refused('127.0.0.1', (port) => `http://${userinfo}127.0.0.1:${port}/`)).not.toContain('secret');
  });

  test.each(['/admin', '/health/../admin', '/health/%2e%2e/admin', '/health/..%2fadmin', '/healthz'])(
    '%s where only /health is listed',
    async (path) => {
      const server = await saying('ok');
      const list = `${server.url}/health`;
      await expect(check(list, server.url + path)).rejects.toThrow(ToolRefused);
      expect(server.sockets).toHaveLength(0);
      expect(await check(list, `${server.url}/health/db`)).toContain('status: 200');
    },
  );

  test.each(['file:///etc/passwd', 'ftp://127.0.0.1/', 'data:text/plain,x'])('%s', async (url) => {
    await refused('127.0.0.1', () => url);
  });

  test('a name that has only private addresses', async () => {
    const lookup = async () => [{ address: '10.0.0.1' }, { address: '::1' }, { address: '::ffff:127.0.0.1' }];
    await refused('a.example', (port) => `http://a.example:${port}/`, { lookup });
  });
});

describe('http_check returns', () => {
  test('status, headers, timing and body', async () => {
    const server = await http((request, response) => {
      response.writeHead(503, {
        'content-type': 'text/plain',
        'retry-after': '30',
        'x-request-id': 'r-1',
        'x-proxy-cache': 'MISS',
        'x-secret': 'hidden',
        'set-cookie': 'hidden',
      });
      response.end(`${request.method} ${request.url} ${JSON.stringify(request.headers)}`);
    });
    const text = await check('127.0.0.1', `${server.url}/a?b=c#d`);
    expect(text).toContain(`GET ${server.url}/a?b=c\nconnected to 127.0.0.1:${server.port}\nstatus: 503 Service`);
    for (const line of ['content-type: text/plain', 'retry-after: 30', 'x-request-id: r-1', 'x-proxy-cache: MISS'])
      expect(text).toContain(`\n${line}\n`);
    expect(text).not.toContain('hidden');
    expect(text).toMatch(/\ntiming in ms: dns \d+, connect \d+, first byte \d+, total \d+\n/);
    const sent = `{"host":"127.0.0.1:${server.port}","user-agent":"kora-wake","accept":"*/*","accept-encoding":"identity","connection":"close"}`;
    expect(text).toMatch(/\nbody, \d+ bytes:\nGET \/a\?b=c \{/);
    expect(text.endsWith(sent)).toBe(true);
  });

  test('a HEAD, without a body', async () => {
    const server = await http((request, response) =>
      response.writeHead(200, { 'x-status': `${request.method}` }).end(),
    );
    const text = await check('127.0.0.1', server.url, { method: 'HEAD' });
    expect(text).toContain('x-status: HEAD');
    expect(text).toMatch(/body: none$/);
  });

  test('the first KiB of a long body, and reads no further', async () => {
    const closed = Promise.withResolvers<void>();
    const server = await http((_request, response) => {
      const more = () => {
        while (!response.destroyed && response.write('é'.repeat(4_096)));
      };
      response.on('drain', more).on('close', closed.resolve);
      response.write('a', more);
    });
    const text = await check('127.0.0.1', server.url);
    expect(text).toContain('body, first 1024 bytes:\na');
    // The cut goes through a character.
    expect(text.endsWith(`a${'é'.repeat(511)}`)).toBe(true);
    await closed.promise;
  });

  test.each<[string, Buffer]>([
    ['what is not UTF-8', Buffer.from([0x1f, 0x8b, 0xff])],
    ['zeros', Buffer.from([0x61, 0, 0x61])],
    ['half a character', Buffer.from('aé').subarray(0, 2)],
  ])('of %s how much there is', async (_name, bytes) => {
    const server = await http((_request, response) => response.end(bytes));
    expect(await check('127.0.0.1', server.url)).toContain(`body: binary, ${bytes.length} bytes`);
  });

  test('the addresses of a name, and connects to the first allowed one', async () => {
    const server = await http((request, response) => response.end(request.headers.host));
    const lookup = async () => [{ address: '10.0.0.1' }, { address: '127.0.0.1' }];
    const text = await check('a.example 127.0.0.1', `http://a.example:${server.port}/`, { lookup });
    expect(text).toContain(`connected to 127.0.0.1:${server.port}, one of 10.0.0.1, 127.0.0.1\n`);
    expect(text).toContain(`a.example:${server.port}`);
  });

  test('the first resolution of a name, which it resolves only once per request', async () => {
    const server = await http((request, response) => response.end(`at ${request.socket.localAddress}`));
    const answers = ['127.0.0.1', '127.0.0.2'];
    const asked: string[] = [];
    const lookup = async (host: string) => {
      asked.push(host);
      return [{ address: answers.shift() ?? '' }];
    };
    const text = await check('rebind.example 127.0.0.1', `http://rebind.example:${server.port}/`, { lookup });
    expect(text).toMatch(/at 127\.0\.0\.1$/);
    expect(asked).toEqual(['rebind.example']);
    expect(server.sockets).toHaveLength(1);
  });
});

describe('a redirect', () => {
  test.each([301, 302, 303, 307, 308])('%i to a listed URL is followed', async (status) => {
    const goal = await saying('here');
    const start = await redirecting(() => `${goal.url}/there`, status);
    const text = await check(`127.0.0.1:${start.port} ${goal.url}/there`, start.url);
    expect(text).toContain(`status: ${status}`);
    expect(text).toContain(`location: ${goal.url}/there`);
    expect(text).toContain(`\n\nGET ${goal.url}/there\n`);
    expect(text).toMatch(/bytes:\nhere$/);
    expect(text).not.toContain('moved');
  });

  test('to a URL that is not listed is reported and not followed', async () => {
    const goal = await saying('secret');
    const start = await redirecting(() => goal.url);
    const text = await check(`127.0.0.1:${start.port}`, start.url);
    expect(text).toContain(`redirect to ${goal.url} not followed: ${goal.url}/ is not on the list`);
    expect(goal.sockets).toHaveLength(0);
  });

  test.each([
    ['with a password', (url: string) => url.replace('//', '//user:pass@'), 'a password'],
    ['to a file', () => 'file:///etc/passwd', 'neither http nor https'],
    ['to nonsense', () => 'http://[', 'not a URL'],
    ['out of its path', (url: string) => `${url}/health/../admin`, 'not on the list'],
  ])('%s is not followed', async (_name, to, why) => {
    const start = await redirecting(() => to(start.url));
    const text = await check(`${start.url}/health`, `${start.url}/health`);
    expect(text).toContain('not followed: ');
    expect(text).toContain(why);
    expect(start.sockets).toHaveLength(1);
  });

  test('to a listed name has its address checked again', async () => {
    const start = await redirecting(() => `http://rebind.example:${start.port}/again`);
    const answers = ['127.0.0.1', '127.0.0.2'];
    const lookup = async () => [{ address: answers.shift() ?? '' }];
    const text = await check('rebind.example 127.0.0.1', `http://rebind.example:${start.port}/`, { lookup });
    expect(text).toContain('status: 302');
    expect(text).toContain('rebind.example resolves to 127.0.0.2, which is not public');
    expect(start.sockets).toHaveLength(1);
  });

  test('is followed three times', async () => {
    const start = await redirecting(() => '/again');
    const text = await check('127.0.0.1', start.url);
    expect(text).toContain('redirect to /again not followed: more than 3 redirects');
    expect(start.sockets).toHaveLength(4);
  });

  test('that is followed is not read any further', async () => {
    const goal = await saying('here');
    const closed = Promise.withResolvers<void>();
    const start = await http((_request, response) => {
      response.on('close', closed.resolve).writeHead(302, { location: goal.url }).write('and so on');
    });
    expect(await check('127.0.0.1', start.url)).toContain('here');
    await closed.promise;
  });

  test('to a closed port still returns the first response', async () => {
    const port = await closedPort();
    const start = await redirecting(() => `http://127.0.0.1:${port}/`);
    const text = await check('127.0.0.1', start.url);
    expect(text).toContain('status: 302');
    expect(text).toContain(`connection refused (ECONNREFUSED) while connecting to 127.0.0.1:${port}, after`);
  });
});

describe('a failure is a result:', () => {
  test('a refused connection', async () => {
    const port = await closedPort();
    expect(await check('127.0.0.1', `http://127.0.0.1:${port}/`)).toMatch(
      new RegExp(`connection refused \\(ECONNREFUSED\\) while connecting to 127.0.0.1:${port}, after \\d+ ms$`),
    );
  });

  test('no connection over IPv6', async () => {
    const port = await closedPort();
    expect(await check('::1', `http://[::1]:${port}/`)).toContain(` while connecting to [::1]:${port}, after`);
  });

  test('a name that does not exist', async () => {
    const failed = Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' });
    const text = await check('a.example', 'http://a.example/', { lookup: () => Promise.reject(failed) });
    expect(text).toMatch(/no such name \(ENOTFOUND\) while resolving a.example, after \d+ ms$/);
  });

  test('a name without addresses', async () => {
    const text = await check('a.example', 'http://a.example/', { lookup: async () => [] });
    expect(text).toContain('a.example has no address');
  });

  test.each<[string, (socket: Socket) => void, string]>([
    ['a reset', (socket) => void socket.once('data', () => socket.resetAndDestroy()), 'ECONNRESET'],
    ['a connection that ends', (socket) => void socket.once('data', () => socket.end()), 'ECONNRESET'],
    ['garbage', (socket) => void socket.end('SSH-2.0-OpenSSH_9.9\r\n'), 'the response is not HTTP (HPE_'],
    [
      'another protocol',
      (socket) => void socket.end('HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'),
      'connection closed without an HTTP response',
    ],
  ])('%s', async (_name, onSocket, expected) => {
    const server = await tcp(onSocket);
    expect(await check('127.0.0.1', server.url)).toContain(expected);
  });

  test('TLS with a server that does not speak it', async () => {
    const server = await tcp((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const text = await check('127.0.0.1', `https://127.0.0.1:${server.port}/`);
    expect(text).toMatch(/TLS failed \(\w+\) while agreeing on TLS with 127/);
  });

  test('an incomplete body', async () => {
    const server = await tcp((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf'));
    });
    expect(await check('127.0.0.1', server.url)).toMatch(/half\nthe body breaks off: .*ECONNRESET/);
  });

  test('a server that hangs, and one that hangs in its body', async () => {
    const hanging = await tcp((socket) => void socket.resume());
    const text = await check('127.0.0.1', hanging.url, { timeLimitMs: 200 });
    expect(text).toMatch(
      /connected to .*\ntime ran out while waiting for the response of 127.0.0.1:\d+, after \d+ ms$/,
    );
    const stalling = await http((_request, response) => void response.write('begun'));
    expect(await check('127.0.0.1', stalling.url, { timeLimitMs: 200 })).toMatch(
      /status: 200 .*begun\nthe body breaks off: time ran out$/s,
    );
  });
});

describe('an abort', () => {
  const reason = new Error('enough');

  test.each<[string, (socket: Socket) => void]>([
    ['before the answer', () => undefined],
    ['within the body', (socket) => void socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf')],
  ])('%s ends the connection and rejects with its reason', async (_name, onRequest) => {
    const controller = new AbortController();
    const closed = Promise.withResolvers<void>();
    const server = await tcp((socket) => {
      socket.on('close', () => closed.resolve());
      socket.once('data', () => {
        onRequest(socket);
        controller.abort(reason);
      });
    });
    await expect(check('127.0.0.1', server.url, { signal: controller.signal })).rejects.toBe(reason);
    await closed.promise;
  });

  test('during a name resolution does not wait for it', async () => {
    const controller = new AbortController();
    const lookup = () => {
      controller.abort(reason);
      return new Promise<never>(() => undefined);
    };
    await expect(check('a.example', 'http://a.example/', { signal: controller.signal, lookup })).rejects.toBe(reason);
  });

  test('before the call makes no connection', async () => {
    const server = await saying('x');
    await expect(check('127.0.0.1', server.url, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(server.sockets).toHaveLength(0);
  });
});

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

describe('dns_lookup', () => {
  const A = 1;
  const MX = 15;
  const TXT = 16;

  /** A name server on loopback; `answers` are the data of the records it knows by type, or else a code. */
  async function nameServer(answers: Record<number, Buffer[]>, otherwise: number) {
    const socket = createSocket('udp4');
    const asked: string[] = [];
    socket.on('message', (message, from) => {
      const end = message.indexOf(0, 12) + 5;
      const question = message.subarray(12, end);
      asked.push(
        question
          .subarray(1, -5)
          .toString('latin1')
          .replace(/[^\w-]/g, '.'),
      );
      const type = question.readUInt16BE(question.length - 4);
      const data = answers[type] ?? [];
      const header = Buffer.alloc(12);
      message.copy(header, 0, 0, 2);
      header.writeUInt16BE(0x8180 | (answers[type] ? 0 : otherwise), 2);
      header.writeUInt16BE(1, 4);
      header.writeUInt16BE(data.length, 6);
      const records = data.map((data) => {
        const record = Buffer.alloc(12);
        // Its name is that of the question.
        record.writeUInt16BE(0xc00c, 0);
        record.writeUInt16BE(type, 2);
        record.writeUInt16BE(1, 4);
        record.writeUInt32BE(60, 6);
        record.writeUInt16BE(data.length, 10);
        return Buffer.concat([record, data]);
      });
      socket.send(Buffer.concat([header, question, ...records]), from.port, from.address);
    });
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    onTestFinished(async () => {
      socket.close();
      await once(socket, 'close');
    });
    return { dnsServers: [`127.0.0.1:${socket.address().port}`], asked, socket };
  }

  const NXDOMAIN = 3;
  const SERVFAIL = 2;
  const unknown = () => Promise.reject(Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' }));

  test('returns the addresses with their TTL', async () => {
    const { dnsServers } = await nameServer({ [A]: [Buffer.from([93, 184, 215, 14])] }, NXDOMAIN);
    const text = await run('a.example', 'dns_lookup', { host: 'A.example.' }, { dnsServers, lookup: unknown });
    expect(text).toMatch(
      /^a\.example A 93\.184\.215\.14 ttl 60 s \(after \d+ ms\)\na\.example AAAA: no such name \(ENOT/,
    );
  });

  test.each<[string, number, Buffer, string]>([
    ['MX', MX, Buffer.from('\0\x0a\x02mx\xc0\x0c', 'latin1'), '10 mx.a.example'],
    ['TXT', TXT, Buffer.from('\x05v=spf\x02 1'), 'v=spf 1'],
    ['NS', 2, Buffer.from('\x02ns\xc0\x0c', 'latin1'), 'ns.a.example'],
    ['CNAME', 5, Buffer.from('\x01b\xc0\x0c', 'latin1'), 'b.a.example'],
    ['AAAA', 28, Buffer.from('26064700000000000000000000001111', 'hex'), '2606:4700::1111 ttl 60 s'],
  ])('tells %s records', async (type, number, data, expected) => {
    const { dnsServers } = await nameServer({ [number]: [data] }, NXDOMAIN);
    const text = await run('a.example', 'dns_lookup', { host: 'a.example', type }, { dnsServers });
    expect(text).toContain(`a.example ${type} ${expected} (after`);
  });

  test('reports a missing name, and a server failure', async () => {
    const none = await nameServer({}, NXDOMAIN);
    const look = (dnsServers: string[], type: string) =>
      run('a.example', 'dns_lookup', { host: 'a.example', type }, { dnsServers, lookup: unknown });
    expect(await look(none.dnsServers, 'MX')).toMatch(/^a\.example MX: no such name \(ENOTFOUND\), after \d+ ms$/);
    const failing = await nameServer({}, SERVFAIL);
    expect(await look(failing.dnsServers, 'A')).toMatch(/^a\.example A: the name servers failed \(ESERVFAIL\)/);
  });

  test('adds addresses that only this system has', async () => {
    const { dnsServers } = await nameServer({}, NXDOMAIN);
    const lines = await run('localhost', 'dns_lookup', { host: 'localhost', type: 'A' }, { dnsServers });
    expect(lines).toMatch(/^localhost A: no such name .*; this system \(hosts file or similar\): 127\.0\.0\.1$/);
  });

  test('sends no query for a host that is not listed', async () => {
    const { dnsServers, asked } = await nameServer({}, NXDOMAIN);
    await expect(run('a.example', 'dns_lookup', { host: 'b.a.example' }, { dnsServers })).rejects.toThrow(
      new ToolRefused('b.a.example is not on the list: KORA_HTTP_CHECK_ALLOW would have to list b.a.example.'),
    );
    expect(asked).toEqual([]);
    expect(await run('10.0.0.0/8', 'dns_lookup', { host: '10.0.0.1' }, { dnsServers })).toContain('is an address');
    expect(asked).toEqual([]);
  });

  test('does not wait for silent servers beyond the time limit', async () => {
    const silent = createSocket('udp4').bind(0, '127.0.0.1');
    await once(silent, 'listening');
    onTestFinished(() => void silent.close());
    const dnsServers = [`127.0.0.1:${silent.address().port}`];
    const look = (setup: Setup) => run('a.example', 'dns_lookup', { host: 'a.example' }, { dnsServers, ...setup });
    expect(await look({ timeLimitMs: 200 })).toContain('a.example A: time ran out');
    const controller = new AbortController();
    const reason = new Error('enough');
    silent.once('message', () => controller.abort(reason));
    await expect(look({ signal: controller.signal })).rejects.toBe(reason);
  });
});
