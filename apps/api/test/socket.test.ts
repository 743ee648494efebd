/** Clicks through Socket Mode: the socket is opened again after each end. */
import { expect, onTestFinished, test } from 'vitest';
import { eventually, testLog } from '../../../test/support/fixtures.ts';
import { slackSocketDouble } from '../../../test/support/slack-socket.ts';
import { slackSocket } from '../src/socket.ts';

async function connecting(...next: Array<number | string>) {
  const double = await slackSocketDouble();
  double.next.push(...next);
  const log = testLog();
  const handled: unknown[] = [];
  const failing = { clicks: false };
  const socket = slackSocket({
    appToken: 'xapp-1-test',
    apiUrl: double.apiUrl,
    clicks: {
      handle: async (payload) => {
        if (failing.clicks) throw new Error('Redis is away');
        handled.push(payload);
      },
    },
    firstDelayMs: 50,
    log: log.logger,
  });
  onTestFinished(socket.close);
  return { double, log, handled, failing, socket };
}

test('a click is applied before it is acknowledged, and one that fails is not acknowledged', async () => {
  const { double, log, handled, failing, socket } = await connecting();
  await log.until('slack.socket_open');
  expect(socket.state).toEqual({ isConnected: true, connections: 1 });
  double.click({ type: 'block_actions' }, 'e1');
  await eventually(() => double.acknowledged.length === 1);
  expect(handled).toEqual([{ type: 'block_actions' }]);
  failing.clicks = true;
  double.click({ type: 'block_actions' }, 'e2');
  await log.until('slack.click_failed');
  failing.clicks = false;
  double.click({ type: 'block_actions' }, 'e3');
  await eventually(() => double.acknowledged.length === 2);
  expect(double.acknowledged).toEqual(['e1', 'e3']);
});

test('a refresh, and a socket that breaks, are followed by a new socket at once', async () => {
  const { double, log, handled } = await connecting();
  await log.until('slack.socket_open');
  double.refresh();
  await eventually(() => double.opened.length === 2 && double.sockets.size === 1);
  for (const socket of double.sockets) socket.terminate();
  await eventually(() => double.opened.length === 3 && double.sockets.size === 1);
  await eventually(() => log.lines.filter(({ event }) => event === 'slack.socket_open').length === 3);
  double.click({ after: 'two ends' }, 'e1');
  await eventually(() => double.acknowledged.length === 1);
  expect(handled).toEqual([{ after: 'two ends' }]);
});

test.for([500, 429, 'internal_error', 'invalid_auth', 'not_allowed_token_type'])(
  'it is opened again after a refusal: %s',
  async (refusal) => {
    const { double, log, socket } = await connecting(refusal, refusal);
    await log.until('slack.socket_failed');
    await log.until('slack.socket_open');
    expect(double.opened).toHaveLength(3);
    expect(socket.state.isConnected).toBe(true);
  },
);

test('it ends when it is closed, and while it waits', async () => {
  const { double, log, socket } = await connecting();
  await log.until('slack.socket_open');
  await socket.close();
  await eventually(() => double.sockets.size === 0);
  expect(socket.state.isConnected).toBe(false);
  const waiting = await connecting(...Array.from({ length: 50 }, () => 500));
  await waiting.log.until('slack.socket_failed');
  await waiting.socket.close();
  const { length } = waiting.double.opened;
  expect(length).toBeLessThan(50);
});
