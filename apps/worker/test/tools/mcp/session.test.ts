/** Sessions that expire, and the reasons of failures over HTTP. */
import { describe, expect, vi } from 'vitest';
import { test } from '../../../../../test/support/fixtures.ts';
import { type Answer, hang, json } from '../../../../../test/support/http-double.ts';
import { look, type McpDouble, text } from '../../../../../test/support/mcp-double.ts';
import { ToolRefused } from '../../../src/tools/tool.ts';
import { allTools, http, named, names, never, ownDouble, pool, poolWith, run } from './pools.ts';

const notFound = json(404, { error: 'gone' });

/** An answer that comes when the test lets it, and a promise of its request. */
function held(answer: Answer) {
  const asked = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const late: Answer = async (request, response, socket) => {
    asked.resolve();
    await released.promise;
    await answer(request, response, socket);
  };
  return { late, asked: asked.promise, release: () => released.resolve() };
}

const sessionsOf = (double: McpDouble, method: string) =>
  double.requests.filter((request) => request.method === method).map(({ session }) => session);

describe('an expired session', () => {
  test.for<[string, Answer]>([
    ['404', json(404, { jsonrpc: '2.0', id: null, error: { code: -32_001, message: 'Session not found' } })],
    ['404 without a body', (_request, response) => void response.writeHead(404).end()],
    [
      '400 that names the session',
      json(400, { error: { code: -32_000, message: 'Bad Request: No valid session ID provided' } }),
    ],
  ])('is opened again, and the call repeated: %s', async ([, expired], { log }) => {
    const double = await ownDouble({ expired });
    const tool = named(await allTools(pool(log, http(double.url))), 'e__look');
    double.expire();
    expect(await run(tool)).toBe('seen');
    expect(sessionsOf(double, 'initialize')).toEqual([undefined, undefined]);
    expect(sessionsOf(double, 'tools/call')).toEqual(['session-1', 'session-2']);
    await log.until('mcp.session_expired', (line) => line.mcpServer === 'e');
    // It was never missing, and no call failed.
    expect(log.lines.filter(({ level }) => Number(level) >= 40)).toEqual([]);
  });

  test('may expire again and again, once for each call', async ({ log }) => {
    const double = await ownDouble();
    const tool = named(await allTools(pool(log, http(double.url))), 'e__look');
    for (const _ of [1, 2, 3]) {
      double.expire();
      expect(await run(tool)).toBe('seen');
    }
    expect(double.count('initialize')).toBe(4);
  });

  test('that expires again at once fails the call after one repetition', async ({ log }) => {
    const double = await ownDouble();
    const mcp = pool(log, http(double.url));
    const tool = named(await allTools(mcp), 'e__look');
    double.on['tools/call'] = () => notFound;
    await expect(run(tool)).rejects.toThrow('the MCP server e: HTTP 404 Not Found: {"error":"gone"}');
    expect([double.count('tools/call'), double.count('initialize')]).toEqual([2, 2]);
    await log.until('mcp.call_failed', (line) => line.status === 404 && line.tool === 'look');
    expect(names(await allTools(mcp))).toEqual(['e__look']);
  });

  test('of two calls at once is opened again once', async ({ log }) => {
    const double = await ownDouble();
    const tool = named(await allTools(pool(log, http(double.url))), 'e__look');
    double.expire();
    expect(await Promise.all([run(tool), run(tool), run(tool)])).toEqual(['seen', 'seen', 'seen']);
    expect(double.count('initialize')).toBe(2);
  });

  test('also repeats a call that still runs in the old session', async ({ log }) => {
    const double = await ownDouble();
    const tool = named(await allTools(pool(log, http(double.url))), 'e__look');
    const { late, asked, release } = held(notFound);
    double.on['tools/call'] = () => late;
    const running = run(tool);
    await asked;
    double.on['tools/call'] = () => text('seen in the new one');
    double.expire();
    expect(await run(tool)).toBe('seen in the new one');
    expect(await running).toBe('seen in the new one');
    expect(double.count('initialize')).toBe(2);
    release();
  });

  test('is opened again for a new list of tools, so that no server is missing', async ({ log }) => {
    const double = await ownDouble();
    const mcp = pool(log, http(double.url));
    await allTools(mcp);
    double.expire();
    const now = performance.now.bind(performance);
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now() + 61_000);
    try {
      expect(await mcp.tools(never)).toMatchObject({ tools: [{ name: 'e__look' }], missing: [] });
    } finally {
      clock.mockRestore();
    }
    expect(double.count('initialize')).toBe(2);
    expect(log.lines.filter(({ event }) => event === 'mcp.unavailable')).toEqual([]);
  });

  test('does not repeat a call of a tool that the new session has in another form', async ({ log }) => {
    const double = await ownDouble();
    const tool = named(await allTools(pool(log, http(double.url))), 'e__look');
    double.expire();
    double.on['tools/list'] = () => ({ tools: [{ ...look, description: 'Looks, and sends it to the moon.' }] });
    await expect(run(tool)).rejects.toThrow(ToolRefused);
    expect(double.count('tools/call')).toBe(1);
  });

  test('that cannot be opened again fails the call, and the log has the reason', async ({ log }) => {
    const double = await ownDouble();
    const tool = named(await allTools(pool(log, http(double.url))), 'e__look');
    double.expire();
    double.on.initialize = () => json(503, 'down for an hour');
    await expect(run(tool)).rejects.toThrow('is not available now');
    const line = await log.until('mcp.unavailable');
    expect(line).toMatchObject({ status: 503, error: expect.stringContaining('down for an hour') });
  });

  test('is waited for only until the time limit of the call', async ({ log }) => {
    const double = await ownDouble();
    const mcp = poolWith(log, { callMs: 300 }, http(double.url));
    const tool = named(await allTools(mcp), 'e__look');
    double.expire();
    double.on.initialize = () => hang;
    await expect(run(tool)).rejects.toThrow('is not available now');
    // The start itself goes on.
    expect(log.lines.filter(({ event }) => event === 'mcp.unavailable')).toEqual([]);
  });

  test('is not waited for after the signal aborts', async ({ log }) => {
    const double = await ownDouble();
    const tool = named(await allTools(pool(log, http(double.url))), 'e__look');
    const { late, asked } = held(hang);
    double.expire();
    double.on.initialize = () => late;
    const call = new AbortController();
    const answer = run(tool, {}, call.signal);
    await asked;
    call.abort();
    await expect(answer).rejects.toThrow('is not available now');
    expect(double.count('tools/call')).toBe(1);
    // The start itself goes on.
    expect(log.lines.filter(({ event }) => event === 'mcp.unavailable')).toEqual([]);
  });
});

describe('a 404', () => {
  test('of a server without sessions is not an expired session', async ({ log }) => {
    const double = await ownDouble({ hasSessions: false });
    const tool = named(await allTools(pool(log, http(double.url))), 'e__look');
    double.on['tools/call'] = () => notFound;
    await expect(run(tool)).rejects.toThrow('HTTP 404 Not Found');
    expect([double.count('tools/call'), double.count('initialize')]).toEqual([1, 1]);
  });

  test('to the request for the stream of notifications opens no new session', async ({ log }) => {
    const asked = Promise.withResolvers<void>();
    const double = await ownDouble({
      stream: (request, response, socket) => {
        asked.resolve();
        void notFound(request, response, socket);
      },
    });
    const mcp = pool(log, http(double.url));
    const tool = named(await allTools(mcp), 'e__look');
    await asked.promise;
    await log.until('mcp.error', (line) => line.status === 404);
    expect(await run(tool)).toBe('seen');
    expect(double.count('initialize')).toBe(1);
  });
});

test('a 400 that does not name the session is not an expired session', async ({ log }) => {
  const double = await ownDouble();
  const tool = named(await allTools(pool(log, http(double.url))), 'e__look');
  double.on['tools/call'] = () => json(400, 'no such index');
  await expect(run(tool)).rejects.toThrow('HTTP 400 Bad Request: "no such index"');
  expect([double.count('tools/call'), double.count('initialize')]).toEqual([1, 1]);
});

describe('the log has the reason and the HTTP status', () => {
  test.for([401, 403, 404, 429, 500, 503])('of a server that refuses the handshake: %d', async (status, { log }) => {
    const double = await ownDouble();
    double.on.initialize = () => json(status, { message: 'not for you' });
    expect(await pool(log, http(double.url)).tools(never)).toEqual({ tools: [], missing: ['e'] });
    const line = await log.until('mcp.unavailable');
    expect(line).toMatchObject({ level: 40, status, error: expect.stringMatching(`HTTP ${status} .*not for you`) });
  });

  test('of a server that refuses the list', async ({ log }) => {
    const double = await ownDouble();
    double.on['tools/list'] = () => json(500, 'no list');
    await pool(log, http(double.url)).tools(never);
    expect(await log.until('mcp.unavailable')).toMatchObject({
      status: 500,
      error: expect.stringContaining('no list'),
    });
  });

  test('of a call that fails, for the model too, without configured credentials', async ({ log }) => {
    const double = await ownDouble();
    const server = http(double.url, { headers: { 'x-key': 'swordfish-12' } });
    const tool = named(await allTools(pool(log, server)), 'e__look');
    double.on['tools/call'] = () => json(502, 'upstream refused swordfish-12');
    await expect(run(tool)).rejects.toThrow('the MCP server e: HTTP 502 Bad Gateway: "upstream refused');
    const line = await log.until('mcp.call_failed');
    expect(line).toMatchObject({ level: 40, mcpServer: 'e', tool: 'look', status: 502 });
    expect(line.error).toContain('HTTP 502 Bad Gateway: "upstream refused [hidden]"');
  });

  test('of the last failure, and not of an earlier one', async ({ log }) => {
    const double = await ownDouble();
    const mcp = pool(log, http(double.url));
    const tool = named(await allTools(mcp), 'e__look');
    double.on['tools/call'] = () => json(502, 'earlier');
    double.on['tools/list'] = () => ({ tools: 7 });
    await expect(run(tool)).rejects.toThrow('HTTP 502');
    const line = await log.until('mcp.unavailable');
    expect(line.error).toContain('Invalid result for tools/list');
    expect(line.status).toBeUndefined();
  });

  test('of a server that nobody listens for', async ({ log }) => {
    const double = await ownDouble();
    await double.close();
    await pool(log, http(double.url)).tools(never);
    expect(await log.until('mcp.unavailable')).toMatchObject({
      code: 'ECONNREFUSED',
      error: 'TypeError: fetch failed (ECONNREFUSED)',
    });
  });
});

describe('startupTimeout', () => {
  test.for(['initialize', 'tools/list'])('ends a start whose %s is not answered', async (method, { log }) => {
    const double = await ownDouble();
    double.on[method] = () => hang;
    const mcp = pool(log, http(double.url, { startupTimeoutMs: 200 }));
    expect((await mcp.tools(never)).missing).toEqual(['e']);
    const line = await log.until('mcp.unavailable');
    expect(line.error).toBe('Error: it did not start within 200 ms');
  });

  test('does not end a server that has started', async ({ log }) => {
    const double = await ownDouble();
    double.on['tools/call'] = () => hang;
    const mcp = poolWith(log, { callMs: 1_500 }, http(double.url, { startupTimeoutMs: 1_000 }));
    await expect(run(named(await allTools(mcp), 'e__look'))).rejects.toThrow('timed out');
  });

  test('of one server does not delay the others', async ({ log }) => {
    const slow = await ownDouble();
    slow.on.initialize = () => hang;
    const mcp = pool(log, http(slow.url, { name: 'slow', startupTimeoutMs: 600_000 }), http((await ownDouble()).url));
    expect(await mcp.tools(never)).toMatchObject({ tools: [{ name: 'e__look' }], missing: ['slow'] });
    await log.until('mcp.connected', (line) => line.mcpServer === 'e');
  });
});
