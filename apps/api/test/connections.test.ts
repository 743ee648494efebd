/** Clients that send slowly, or guess tokens, over real sockets. */
import { once } from 'node:events';
import { get } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { expect, onTestFinished } from 'vitest';
import { eventually, type Namespace, test } from '../../../test/support/fixtures.ts';
import type { ApiOptions } from '../src/app.ts';
import { CONNECTION_LIMITS } from '../src/connections.ts';
import { api, bearer, TOKEN } from './api.ts';

async function serve(ns: Namespace, more: Partial<ApiOptions> = {}) {
  const { app } = await api(ns, TOKEN, 'a-token-that-only-reads', more);
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  /** Sends bytes and nothing else. Resolves with all that the API sent once it has closed the connection. */
  const answerTo = async (text: string) => {
    const socket = connect(port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    socket.on('error', () => undefined);
    let received = '';
    socket.on('data', (chunk) => {
      received += String(chunk);
    });
    socket.write(text);
    await once(socket, 'close');
    return received;
  };
  /** @param localAddress the address of the client */
  const ask = async (headers: Record<string, string>, localAddress = '127.0.0.1') => {
    const request = get({ port, host: '127.0.0.1', path: '/v1/account', headers, localAddress, agent: false });
    request.on('error', () => undefined);
    const [response] = await once(request, 'response');
    response.resume();
    return response as { statusCode: number; headers: Record<string, string | string[]> };
  };
  return { app, port, answerTo, ask };
}

/** A request whose body does not arrive completely. */
const upload = (path: string, headers: string) =>
  `DELETE ${path} HTTP/1.1\r\nhost: x\r\n${headers}content-type: application/json\r\ncontent-length: 1000\r\n\r\n{`;

test('a refused request is answered without its body, and its connection is closed', async ({ ns }) => {
  const { answerTo } = await serve(ns);
  const path = '/v1/dead-letters/wakes/w-1';
  const wrong = 'authorization: Bearer wrong\r\n';
  const chunked = upload(path, wrong)
    .replace('content-length: 1000', 'transfer-encoding: chunked')
    .replace('{', '400\r\n{');
  for (const [request, status] of [
    [upload(path, ''), 401],
    [upload(path, wrong), 401],
    [chunked, 401],
    [upload('/nowhere', ''), 401],
    [upload(path, 'authorization: Bearer a-token-that-only-reads\r\n'), 403],
    [upload(path, `authorization: Bearer ${TOKEN}\r\nsec-fetch-site: cross-site\r\n`), 403],
    ['GET /v1/account HTTP/1.1\r\nhost: x\r\n\r\n', 401],
  ] as const) {
    const answer = await answerTo(request);
    expect(answer).toContain(`HTTP/1.1 ${status} `);
    expect(answer).toMatch(/\r\nconnection: close\r\n/i);
  }
});

test('an answer that needs no body closes the connection on which the body is missing', async ({ ns }) => {
  const { answerTo } = await serve(ns);
  const answer = await answerTo(upload('/healthz', '').replace('DELETE', 'GET'));
  expect(answer).toContain('HTTP/1.1 200 ');
});

test('a slow header and a slow body end the connection, also with the right token', async ({ ns }) => {
  const connectionLimits = { ...CONNECTION_LIMITS, headerMs: 200, requestMs: 400, checkMs: 50 };
  const { answerTo } = await serve(ns, { connectionLimits });
  const slow = upload('/v1/dead-letters/wakes/w-1', `authorization: Bearer ${TOKEN}\r\n`);
  const answers = await Promise.all(['', 'GET /v1/account HTTP/1.1\r\nhost:', slow].map(answerTo));
  expect(answers).toEqual(answers.map(() => expect.stringContaining('HTTP/1.1 408 ')));
});

test('guesses are slowed down, but not the browser and the address of a person with the right token', async ({
  ns,
}) => {
  const never = 1e-9;
  const guessLimits = {
    client: { burst: 3, perSecond: never, waiting: 4 },
    overall: { burst: 100, perSecond: never, waiting: 10 },
  };
  const { app, ask } = await serve(ns, { guessLimits });
  const cookies = (await ask(bearer(TOKEN))).headers['set-cookie'] ?? [];
  expect(cookies[0]).toMatch(/^kora_client=[0-9a-f]{64}; Path=\/; HttpOnly; SameSite=Strict$/);
  const cookie = String(cookies[0]).split(';', 1)[0] ?? '';
  const answers: number[] = [];
  const guesses = Array.from({ length: 20 }, async (_, i) => {
    answers.push((await ask(bearer(`guess-${i}`)).catch(() => ({ statusCode: 0 }))).statusCode);
  });
  await eventually(async () => answers.length === 16);
  expect(answers.toSorted((a, b) => a - b)).toEqual([401, 401, 401, ...Array.from({ length: 13 }, () => 429)]);
  // A right token without proof waits too: its quick answer would tell a guesser that it is right.
  expect((await ask(bearer(TOKEN))).statusCode).toBe(429);
  expect((await ask(bearer(TOKEN), '127.0.0.2')).statusCode).toBe(200);
  expect((await ask({ ...bearer(TOKEN), cookie: `a=b; ${cookie}` })).statusCode).toBe(200);
  // The cookie alone opens nothing, and guesses with it are limited too.
  expect((await ask({ cookie })).statusCode).toBe(401);
  for (let i = 0; i < 3; i++) expect((await ask({ ...bearer('wrong'), cookie })).statusCode).toBe(401);
  expect((await ask({ ...bearer(TOKEN), cookie })).statusCode).toBe(429);
  expect((await ask({ ...bearer(TOKEN), cookie: 'kora_client=00' }, '127.0.0.3')).statusCode).toBe(200);
  await app.close();
  await Promise.all(guesses);
});

test('requests without a token are no guesses', async ({ ns }) => {
  const guessLimits = {
    client: { burst: 1, perSecond: 1e-9, waiting: 0 },
    overall: { burst: 1, perSecond: 1e-9, waiting: 0 },
  };
  const { ask } = await serve(ns, { guessLimits });
  for (let i = 0; i < 5; i++) expect((await ask({})).headers['www-authenticate']).toContain('Basic');
  expect((await ask(bearer(TOKEN))).statusCode).toBe(200);
});

test('a guesser that leaves makes room for the next request', async ({ ns }) => {
  const guessLimits = {
    client: { burst: 1, perSecond: 1e-9, waiting: 1 },
    overall: { burst: 100, perSecond: 1e-9, waiting: 100 },
  };
  const { port, ask } = await serve(ns, { guessLimits });
  expect((await ask(bearer('guess'))).statusCode).toBe(401);
  const wait = () => {
    const request = get({ port, host: '127.0.0.1', path: '/v1/account', headers: bearer('guess'), agent: false });
    onTestFinished(() => void request.destroy());
    const state = { request, statusCode: 0 };
    request.on('error', () => undefined).on('response', ({ statusCode = 0 }) => Object.assign(state, { statusCode }));
    return state;
  };
  const first = wait();
  await eventually(async () => (await ask(bearer('guess'))).statusCode === 429);
  first.request.destroy();
  // Now one request waits, and only the next one is refused.
  await eventually(async () => {
    const second = wait();
    const third = await ask(bearer('guess'));
    return second.statusCode === 0 && third.statusCode === 429;
  });
});
