/** Answers that are compressed, and answers that are not sent again because they did not change. */
import { once } from 'node:events';
import { get, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { expect, onTestFinished } from 'vitest';
import { type Namespace, test } from '../../../test/support/fixtures.ts';
import { api, bearer, deliveredWake, HOUR, TOKEN } from './api.ts';

async function serve(ns: Namespace) {
  const { app } = await api(ns, TOKEN);
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  const open = async (path: string, headers: Record<string, string> = {}) => {
    const request = get({ port, host: '127.0.0.1', path, headers: { ...bearer(TOKEN), ...headers }, agent: false });
    onTestFinished(() => void request.destroy());
    const [response] = await once(request, 'response');
    response.on('error', () => undefined);
    return response;
  };
  const read = async (path: string, headers: Record<string, string> = {}) => {
    const response = await open(path, headers);
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk);
    const { statusCode: status, headers: received }: { statusCode: number; headers: IncomingHttpHeaders } = response;
    return { status, headers: received, body: Buffer.concat(chunks) };
  };
  return { open, read };
}

const GZIP = { 'accept-encoding': 'gzip, deflate, br' };

test('long answers are compressed, the event stream is not', async ({ ns }) => {
  const { open, read } = await serve(ns);
  for (let i = 0; i < 50; i++) await deliveredWake(ns, `w-${i}`, HOUR);
  const path = '/v1/investigations';
  const [plain, small] = [await read(path), await read(path, GZIP)];
  expect([plain.headers['content-encoding'], small.headers['content-encoding']]).toEqual([undefined, 'gzip']);
  expect(gunzipSync(small.body).equals(plain.body)).toBe(true);
  expect(small.body.length).toBeLessThan(plain.body.length / 5);
  const stream = await open('/v1/events', { ...GZIP, accept: 'text/event-stream' });
  expect(stream.headers['content-encoding']).toBeUndefined();
});

test('an answer that did not change is not sent again', async ({ ns }) => {
  const { read } = await serve(ns);
  await deliveredWake(ns, 'w-1', HOUR);
  for (const headers of [{}, GZIP]) {
    const first = await read('/v1/investigations', headers);
    const known = { ...headers, 'if-none-match': String(first.headers.etag) };
    const second = await read('/v1/investigations', known);
    expect([second.status, second.body.length, second.headers['cache-control']]).toEqual([304, 0, 'no-store']);
    await deliveredWake(ns, `w-${Object.keys(headers).length + 2}`, HOUR);
    const third = await read('/v1/investigations', known);
    expect([third.status, third.headers.etag === first.headers.etag]).toEqual([200, false]);
    const refused = await read('/v1/investigations', { ...known, authorization: 'Bearer wrong' });
    expect(refused.status).toBe(401);
  }
});
