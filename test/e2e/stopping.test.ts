/** Stopping the apps by signal, with work still running. */
import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { sourceId } from '@kora-wake/shared/store/keys';
import { describe, expect, onTestFinished } from 'vitest';
import { diagnose } from '../support/anthropic.ts';
import { doubles, environment, startTailerAndWorker } from '../support/doubles.ts';
import { append, counter, eventually, test, wakeRow } from '../support/fixtures.ts';
import type { Answer } from '../support/http-double.ts';
import { runApp } from '../support/process.ts';
import { apiUrl } from '../support/spawn.ts';

describe('stopping', () => {
  test('lets the running investigation finish, and its DM is sent', async ({ ns, logPath }) => {
    const { slack, anthropic, env } = await doubles();
    let answer = () => undefined as void;
    const late: Answer = (request, response, socket) =>
      new Promise((resolve) => {
        answer = () => {
          void diagnose(request, response, socket);
          resolve();
        };
      });
    anthropic.next.push(late);
    const all = environment(ns, logPath, env);
    const { worker } = await startTailerAndWorker(all);
    append(logPath, wakeRow());
    await eventually(() => anthropic.requests.length === 1);
    worker.child.kill('SIGTERM');
    await worker.until('app.stopping');
    answer();
    expect(await worker.exited).toBe(0);
    // The DM is sent by this worker if its time allows, otherwise by the next one.
    const next = runApp('worker', all);
    await next.until('worker.ready');
    await eventually(async () => (await counter(ns, 'outcome:diagnosis')) === 1);
    expect([anthropic.requests.length, slack.accepted.length]).toEqual([1, 1]);
  });

  test('writes the complete log before it exits, even if the reader is slow', async ({ ns, logPath }) => {
    const tailer = runApp('tailer', environment(ns, logPath));
    await tailer.until('tailer.following');
    tailer.child.stdout?.pause();
    const rows = Array.from({ length: 4_000 }, (_, i) => wakeRow({ probe: `probe-${i}` }));
    append(logPath, ...rows);
    await eventually(() => counter(ns, 'rows').then((n) => n === rows.length));
    tailer.child.kill('SIGTERM');
    await eventually(() => ns.redis.exists(ns.keys.lease(sourceId(logPath))).then((held) => held === 0));
    // Long enough for a process to exit that does not wait for its reader; shorter than the app waits (FLUSH_MS).
    await sleep(100);
    tailer.child.stdout?.resume();
    expect(await tailer.exited).toBe(0);
    expect(tailer.lines.filter(({ event }) => event === 'wake.enqueued')).toHaveLength(rows.length);
    expect(tailer.lines.at(-1)?.event).toBe('app.stopped');
  });

  test('is forced by a second signal', async ({ ns, logPath }) => {
    const { anthropic, env } = await doubles();
    anthropic.next.push(() => undefined);
    const all = environment(ns, logPath, env);
    const { worker } = await startTailerAndWorker(all);
    append(logPath, wakeRow());
    await eventually(() => anthropic.requests.length === 1);
    worker.child.kill('SIGTERM');
    await worker.until('app.stopping');
    worker.child.kill('SIGTERM');
    expect(await worker.exited).toBe(1);
  });
});

describe('the API stops', () => {
  test.for(['SIGTERM', 'SIGINT'] as const)(
    'on %s with open event streams and idle connections: it ends them',
    async (signal, { ns, logPath }) => {
      const api = runApp('api', environment(ns, logPath));
      const url = await apiUrl(api);
      const agent = new Agent({ keepAlive: true });
      onTestFinished(() => agent.destroy());
      const open = async (path: string) => {
        const [response]: IncomingMessage[] = await once(get(`${url}${path}`, { agent }), 'response');
        if (!response) throw new Error('no response');
        return response;
      };
      const idle = await open('/healthz');
      idle.resume();
      await once(idle, 'end');
      const streams = [await open('/v1/events'), await open('/v1/events')];
      const ended = streams.map(async (stream) => {
        stream.resume();
        await once(stream, 'end');
      });
      api.child.kill(signal);
      await Promise.all(ended);
      expect(await api.exited).toBe(0);
      const events = api.lines.flatMap(({ event }) => (typeof event === 'string' ? [event] : []));
      expect(events).toEqual(['api.listening', 'app.stopping', 'app.stopped']);
    },
  );

  test('while a client sends a body slowly, and while another has sent half a header', async ({ ns, logPath }) => {
    const api = runApp('api', environment(ns, logPath));
    const { port, host } = new URL(await apiUrl(api));
    const send = async (text: string) => {
      const socket = connect(Number(port), '127.0.0.1');
      socket.on('error', () => undefined);
      onTestFinished(() => void socket.destroy());
      await once(socket, 'connect');
      socket.write(text);
      return socket;
    };
    const upload = 'content-type: application/json\r\ncontent-length: 1000\r\nexpect: 100-continue\r\n\r\n';
    const slow = await send(`DELETE /v1/dead-letters/wakes/w-1 HTTP/1.1\r\nhost: ${host}\r\n${upload}`);
    // The API has read the header of this request.
    expect(String(await once(slow, 'data'))).toContain('100 Continue');
    slow.write('{');
    await send('GET /v1/me HTTP/1.1\r\nhost:');
    api.child.kill('SIGTERM');
    expect(await api.exited).toBe(0);
    expect(api.lines.at(-1)?.event).toBe('app.stopped');
  });
});
