/** Live events over a real socket: order, resuming, and bounded buffers. */
import { once } from 'node:events';
import { type ClientRequest, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { publish, readEvents } from '@kora-wake/shared/store/events';
import { expect, onTestFinished, vi } from 'vitest';
import { aWake, eventually, type Namespace, openWindow, test, testLog } from '../../../test/support/fixtures.ts';
import { api } from './api.ts';

interface Received {
  id: string;
  event: string;
  data: Record<string, unknown>;
}

async function serve(ns: Namespace) {
  const { app } = await api(ns);
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  const subscribe = async (lastEventId?: string) => {
    const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
    const request: ClientRequest = get({ port, host: '127.0.0.1', path: '/v1/events', headers });
    onTestFinished(() => void request.destroy());
    const [response]: IncomingMessage[] = await once(request, 'response');
    const events: Received[] = [];
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
    const received = () => events;
    return { request, response, received, gaps: () => gaps };
  };
  const send = (n: number) => publish(ns.redis, ns.keys, testLog().logger, 'dm.sent', sent(`w-${n}`));
  return { app, subscribe, send };
}

/** The payload of a `dm.sent` event. */
function sent(wakeId: string, probe = 'fly') {
  return { wakeId, probe, category: 'down', outcome: 'diagnosis' };
}

test('events arrive in order, with their payload', async ({ ns }) => {
  const { app, subscribe, send } = await serve(ns);
  await send(0);
  const one = await subscribe();
  expect(one.response?.headers['content-type']).toBe('text/event-stream');
  for (let i = 1; i <= 3; i++) await send(i);
  await openWindow(ns, aWake());
  await app.inject({ method: 'DELETE', url: '/v1/debounce/fly/down' });
  await eventually(() => one.received().length === 4);
  expect(one.received().map(({ event, data }) => [event, data])).toEqual([
    ['dm.sent', sent('w-1')],
    ['dm.sent', sent('w-2')],
    ['dm.sent', sent('w-3')],
    ['window.cleared', { probe: 'fly', category: 'down', wakeId: 'w-1' }],
  ]);
});

test('all subscribers get one event when a window ends', async ({ ns }) => {
  const { subscribe } = await serve(ns);
  const [one, two] = [await subscribe(), await subscribe()];
  await openWindow(ns, aWake({ probe: 'a:b' }));
  await ns.redis.zadd(ns.keys.windowEnds, Date.now() - 1, 'a%3Ab:down');
  await eventually(() => one.received().length === 1 && two.received().length === 1);
  expect(one.received()).toMatchObject([{ event: 'window.expired', data: { probe: 'a:b', category: 'down' } }]);
});

test('a subscriber that reconnects gets the events that it missed, each once', async ({ ns }) => {
  const { subscribe, send } = await serve(ns);
  const first = await subscribe();
  await send(1);
  await eventually(() => first.received().length === 1);
  first.request.destroy();
  for (let i = 2; i <= 5; i++) await send(i);
  const second = await subscribe(first.received()[0]?.id);
  await send(6);
  await eventually(() => second.received().length === 5);
  expect(second.received().map(({ data }) => data.wakeId)).toEqual(['w-2', 'w-3', 'w-4', 'w-5', 'w-6']);
});

test('a subscriber that missed more events than a buffer holds gets all, as fast as it reads', async ({ ns }) => {
  const { subscribe } = await serve(ns);
  const log = testLog().logger;
  const long = 'x'.repeat(2_000);
  const total = 3_000;
  await publish(ns.redis, ns.keys, log, 'dm.sent', sent('w-first'));
  const [first] = (await readEvents(ns.redis, ns.keys, '0-0', 1)).events;
  for (let n = 0; n < total; n++) await publish(ns.redis, ns.keys, log, 'dm.sent', sent(`w-${n}`, long));
  const late = await subscribe(first?.id);
  await publish(ns.redis, ns.keys, log, 'dm.sent', sent('w-last'));
  await eventually(() => late.received().length > total);
  const ids = Array.from({ length: total }, (_, n) => `w-${n}`);
  expect(late.received().map(({ data }) => data.wakeId)).toEqual([...ids, 'w-last']);
});

test('a subscriber gets a gap event if missed events are not stored any more, or if its id is not of this stream', async ({
  ns,
}) => {
  const { subscribe, send } = await serve(ns);
  await send(1);
  const old = await subscribe('1-1');
  const ahead = await subscribe('999999999999999-0');
  await send(2);
  await eventually(() => old.received().length === 2 && ahead.received().length === 1);
  expect(old.received().map(({ data }) => data.wakeId)).toEqual(['w-1', 'w-2']);
  expect([old.gaps(), ahead.gaps()]).toEqual([1, 1]);
});

test('an entry of the stream that is not a valid event is skipped', async ({ ns }) => {
  const { subscribe, send } = await serve(ns);
  const one = await subscribe();
  await ns.redis.xadd(ns.keys.events, '*', 'type', 'window.opened', 'pair', '%zz');
  await send(1);
  await eventually(() => one.received().length === 1);
  expect(one.received()[0]?.data).toMatchObject({ wakeId: 'w-1' });
});

test('a subscriber that connects after Redis lost events gets the new ones, and reads no others', async ({ ns }) => {
  const { subscribe, send } = await serve(ns);
  const one = await subscribe();
  await send(1);
  await eventually(() => one.received().length === 1);
  await ns.redis.del(ns.keys.events);
  const reads = vi.spyOn(ns.redis, 'xrange');
  const after = (id: string) => reads.mock.calls.filter(([, from]) => from === `(${id}`).length;
  const two = await subscribe();
  const lost = one.received()[0]?.id ?? '';
  await eventually(() => after(lost) >= 3);
  expect(after('0-0')).toBe(1);
  await send(2);
  await eventually(() => two.received().length === 1 && one.received().length === 2);
});

test('entries of an unknown type stop no subscriber', async ({ ns }) => {
  const { subscribe, send } = await serve(ns);
  for (let i = 0; i < 200; i++) await ns.redis.xadd(ns.keys.events, '*', 'type', 'of.tomorrow');
  const reads = vi.spyOn(ns.redis, 'xrange');
  const one = await subscribe();
  for (let i = 0; i < 200; i++) await ns.redis.xadd(ns.keys.events, '*', 'type', 'of.tomorrow');
  await eventually(() => reads.mock.calls.length >= 4);
  expect(reads.mock.calls.length).toBeLessThan(10);
  await send(1);
  await eventually(() => one.received().length === 1);
});

test('HEAD does not subscribe', async ({ ns }) => {
  const { app } = await api(ns);
  expect((await app.inject({ method: 'HEAD', url: '/v1/events' })).statusCode).toBe(404);
});

test('a subscriber that does not read is dropped, and the others continue', async ({ ns }) => {
  const { subscribe } = await serve(ns);
  const slow = await subscribe();
  const quick = await subscribe();
  slow.response?.pause();
  const long = 'x'.repeat(2_000);
  const log = testLog().logger;
  let sentCount = 0;
  // As fast as the quick subscriber reads, and far more than the buffers of a socket hold.
  for (let burst = 0; burst < 16; burst++) {
    const events = Array.from({ length: 300 }, () => sent(`w-${sentCount++}`, long));
    await Promise.all(events.map((event) => publish(ns.redis, ns.keys, log, 'dm.sent', event)));
    await eventually(() => quick.received().length === sentCount);
  }
  // The buffers of the socket still hold some events. The connection ends after them.
  const cutOff = new Promise((resolve) => {
    slow.response?.once('close', resolve);
  });
  slow.response?.resume();
  await cutOff;
  expect(slow.received().length).toBeLessThan(sentCount);
});

test('an id that is not valid is refused with a reason', async ({ ns }) => {
  const { app } = await api(ns);
  const response = await app.inject({ url: '/v1/events', headers: { 'last-event-id': 'yesterday' } });
  expect([response.statusCode, response.json().message]).toEqual([400, expect.stringContaining('id of an event')]);
});
