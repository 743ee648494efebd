/** What happens, as it happens: over a real socket, resumed, and never buffered without bound. */
import { once } from 'node:events';
import { type ClientRequest, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { publish, readEvents } from '@kora-wake/shared/store/events';
import { expect, onTestFinished, vi } from 'vitest';
import { aWake, eventually, type Namespace, openWindow, test, testLog } from '../../../test/support/fixtures.ts';
import { api } from './api.ts';

interface Heard {
  id: string;
  event: string;
  data: Record<string, unknown>;
}

async function listening(ns: Namespace) {
  const { app } = await api(ns);
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  const listen = async (lastEventId?: string) => {
    const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
    const request: ClientRequest = get({ port, host: '127.0.0.1', path: '/v1/events', headers });
    onTestFinished(() => void request.destroy());
    const [response]: IncomingMessage[] = await once(request, 'response');
    const events: Heard[] = [];
    let rest = '';
    let gaps = 0;
    response?.on('data', (chunk) => {
      const parts = (rest + String(chunk)).split('\n\n');
      rest = parts.pop() ?? '';
      for (const part of parts) {
        const [, id = '', event = '', data = ''] = /^id: (.+)\nevent: (.+)\ndata: (.+)$/.exec(part) ?? [];
        if (id) events.push({ id, event, data: JSON.parse(data) });
        if (part.startsWith('event: gap')) gaps++;
      }
    });
    response?.on('error', () => undefined);
    const heard = () => events;
    return { request, response, heard, gaps: () => gaps };
  };
  const tell = (n: number) => publish(ns.redis, ns.keys, testLog().logger, 'dm.sent', sent(`w-${n}`));
  return { app, listen, tell };
}

/** The payload of a `dm.sent` event. */
function sent(wakeId: string, probe = 'fly') {
  return { wakeId, probe, category: 'down', outcome: 'diagnosis' };
}

test('events arrive in their order, with what they are about', async ({ ns }) => {
  const { app, listen, tell } = await listening(ns);
  await tell(0);
  const one = await listen();
  expect(one.response?.headers['content-type']).toBe('text/event-stream');
  for (let i = 1; i <= 3; i++) await tell(i);
  await openWindow(ns, aWake());
  await app.inject({ method: 'DELETE', url: '/v1/debounce/fly/down' });
  await eventually(() => one.heard().length === 4);
  expect(one.heard().map(({ event, data }) => [event, data])).toEqual([
    ['dm.sent', sent('w-1')],
    ['dm.sent', sent('w-2')],
    ['dm.sent', sent('w-3')],
    ['window.cleared', { probe: 'fly', category: 'down', wakeId: 'w-1' }],
  ]);
});

test('a window that ends is told of once, to all', async ({ ns }) => {
  const { listen } = await listening(ns);
  const [one, two] = [await listen(), await listen()];
  await openWindow(ns, aWake({ probe: 'a:b' }));
  await ns.redis.zadd(ns.keys.windowEnds, Date.now() - 1, 'a%3Ab:down');
  await eventually(() => one.heard().length === 1 && two.heard().length === 1);
  expect(one.heard()).toMatchObject([{ event: 'window.expired', data: { probe: 'a:b', category: 'down' } }]);
});

test('a listener that comes back gets what it missed, and nothing twice', async ({ ns }) => {
  const { listen, tell } = await listening(ns);
  const first = await listen();
  await tell(1);
  await eventually(() => first.heard().length === 1);
  first.request.destroy();
  for (let i = 2; i <= 5; i++) await tell(i);
  const second = await listen(first.heard()[0]?.id);
  await tell(6);
  await eventually(() => second.heard().length === 5);
  expect(second.heard().map(({ data }) => data.wakeId)).toEqual(['w-2', 'w-3', 'w-4', 'w-5', 'w-6']);
});

test('a listener that missed more than it can be sent at once gets it all, at its own pace', async ({ ns }) => {
  const { listen } = await listening(ns);
  const log = testLog().logger;
  const long = 'x'.repeat(2_000);
  const total = 3_000;
  await publish(ns.redis, ns.keys, log, 'dm.sent', sent('w-first'));
  const [first] = (await readEvents(ns.redis, ns.keys, '0-0', 1)).events;
  for (let n = 0; n < total; n++) await publish(ns.redis, ns.keys, log, 'dm.sent', sent(`w-${n}`, long));
  const late = await listen(first?.id);
  await publish(ns.redis, ns.keys, log, 'dm.sent', sent('w-last'));
  await eventually(() => late.heard().length > total);
  const ids = Array.from({ length: total }, (_, n) => `w-${n}`);
  expect(late.heard().map(({ data }) => data.wakeId)).toEqual([...ids, 'w-last']);
});

test('a listener is told where some of what it missed is kept no longer, or its id is none of ours', async ({ ns }) => {
  const { listen, tell } = await listening(ns);
  await tell(1);
  const old = await listen('1-1');
  const ahead = await listen('999999999999999-0');
  await tell(2);
  await eventually(() => old.heard().length === 2 && ahead.heard().length === 1);
  expect(old.heard().map(({ data }) => data.wakeId)).toEqual(['w-1', 'w-2']);
  expect([old.gaps(), ahead.gaps()]).toEqual([1, 1]);
});

test('an entry of the stream that is not a valid event is skipped', async ({ ns }) => {
  const { listen, tell } = await listening(ns);
  const one = await listen();
  await ns.redis.xadd(ns.keys.events, '*', 'type', 'window.opened', 'pair', '%zz');
  await tell(1);
  await eventually(() => one.heard().length === 1);
  expect(one.heard()[0]?.data).toMatchObject({ wakeId: 'w-1' });
});

test('a listener that comes after Redis has lost events hears those to come, and asks for no others', async ({
  ns,
}) => {
  const { listen, tell } = await listening(ns);
  const one = await listen();
  await tell(1);
  await eventually(() => one.heard().length === 1);
  await ns.redis.del(ns.keys.events);
  const asked = vi.spyOn(ns.redis, 'xrange');
  const after = (id: string) => asked.mock.calls.filter(([, from]) => from === `(${id}`).length;
  const two = await listen();
  const lost = one.heard()[0]?.id ?? '';
  await eventually(() => after(lost) >= 3);
  expect(after('0-0')).toBe(1);
  await tell(2);
  await eventually(() => two.heard().length === 1 && one.heard().length === 2);
});

test('an entry that nobody here knows stops no listener', async ({ ns }) => {
  const { listen, tell } = await listening(ns);
  for (let i = 0; i < 200; i++) await ns.redis.xadd(ns.keys.events, '*', 'type', 'of.tomorrow');
  const asked = vi.spyOn(ns.redis, 'xrange');
  const one = await listen();
  for (let i = 0; i < 200; i++) await ns.redis.xadd(ns.keys.events, '*', 'type', 'of.tomorrow');
  await eventually(() => asked.mock.calls.length >= 4);
  expect(asked.mock.calls.length).toBeLessThan(10);
  await tell(1);
  await eventually(() => one.heard().length === 1);
});

test('HEAD does not listen', async ({ ns }) => {
  const { app } = await api(ns);
  expect((await app.inject({ method: 'HEAD', url: '/v1/events' })).statusCode).toBe(404);
});

test('a listener that does not read is dropped, and the others hear on', async ({ ns }) => {
  const { listen } = await listening(ns);
  const slow = await listen();
  const quick = await listen();
  slow.response?.pause();
  const long = 'x'.repeat(2_000);
  const log = testLog().logger;
  let told = 0;
  // As fast as the quick one hears, and far more than what stands in the buffers of a socket.
  for (let burst = 0; burst < 16; burst++) {
    const events = Array.from({ length: 300 }, () => sent(`w-${told++}`, long));
    await Promise.all(events.map((event) => publish(ns.redis, ns.keys, log, 'dm.sent', event)));
    await eventually(() => quick.heard().length === told);
  }
  // What was sent stands in the socket's own buffers; past them it is cut off.
  const cutOff = new Promise((resolve) => {
    slow.response?.once('close', resolve);
  });
  slow.response?.resume();
  await cutOff;
  expect(slow.heard().length).toBeLessThan(told);
});

test('an id that is none is refused with a reason', async ({ ns }) => {
  const { app } = await api(ns);
  const response = await app.inject({ url: '/v1/events', headers: { 'last-event-id': 'yesterday' } });
  expect([response.statusCode, response.json().message]).toEqual([400, expect.stringContaining('id of an event')]);
});
