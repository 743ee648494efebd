import { type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { parseAllowList } from '../../../src/tools/network/allow-list.ts';
import { networkTools } from '../../../src/tools/network/network-tools.ts';
import { ToolRefused } from '../../../src/tools/tool.ts';
import { check, closedPort, http, redirecting, run, type Setup, saying, tcp } from './servers.ts';

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
      /http:\/\/localhost:\d+\/x is not on the list: KORA_HTTP_CHECK_ALLOW would have to list localhost:\d+\./,
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
    expect(await check(`127.0.0.1:${start.port} 127.0.0.1:${goal.port}`, start.url)).toContain('here');
    await closed.promise;
  });

  test('to a closed port still returns the first response', async () => {
    const port = await closedPort();
    const start = await redirecting(() => `http://127.0.0.1:${port}/`);
    const text = await check(`127.0.0.1:${start.port} 127.0.0.1:${port}`, start.url);
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
    expect(await check(`[::1]:${port}`, `http://[::1]:${port}/`)).toContain(
      ` while connecting to [::1]:${port}, after`,
    );
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
