import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { kill } from 'node:process';
import { describe, expect, vi } from 'vitest';
import { endBeforeCleanup, eventually, type TestLog, test } from '../../../../../test/support/fixtures.ts';
import { hang, httpDouble, json } from '../../../../../test/support/http-double.ts';
import { freePort } from '../../../../../test/support/ports.ts';
import type { StdioServer } from '../../../src/tools/mcp/config.ts';
import { type Tool, ToolRefused } from '../../../src/tools/tool.ts';
import { allTools, http, named, names, never, ownDouble, pool, poolWith, run } from './pools.ts';

const root = join(import.meta.dirname, '..', '..', '..', '..', '..');
const require = createRequire(import.meta.url);
const filesystem = require.resolve('@modelcontextprotocol/server-filesystem/dist/index.js');
const everything = require.resolve('@modelcontextprotocol/server-everything/dist/index.js');
const hostile = join(root, 'test/support/mcp-hostile.mjs');

function stdio(name: string, args: string[], more: Partial<StdioServer> = {}): StdioServer {
  return { kind: 'stdio', name, command: process.execPath, args, env: {}, allow: ['*'], ...more };
}

const hostileServer = (manner: string, more: Partial<StdioServer> = {}, file = '') =>
  stdio('h', [hostile, manner, file], more);

/** The output of `look` of the hostile server. */
const looked = async (log: TestLog, manner: string, more: Partial<StdioServer> = {}) =>
  run(named(await allTools(pool(log, hostileServer(manner, more))), 'h__look'));

/** The state of a process, or '' if it does not exist. `Z`: it has ended, but its parent has not reaped it yet. */
function processState(pid: number): string {
  try {
    return execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).trim();
  } catch {
    return '';
  }
}

describe('the filesystem server', () => {
  test('offers only tools that are on the allow-list and read-only', async ({ folder, log }) => {
    const home = realpathSync(folder);
    writeFileSync(join(home, 'a.txt'), 'the first\n');
    const tools = await allTools(pool(log, stdio('fs', [filesystem, home], { allow: ['read_*', 'list_*'] })));
    expect(names(tools)).toEqual([
      'fs__list_allowed_directories',
      'fs__list_directory',
      'fs__list_directory_with_sizes',
      'fs__read_file',
      'fs__read_media_file',
      'fs__read_multiple_files',
      'fs__read_text_file',
    ]);
    expect(await run(named(tools, 'fs__read_text_file'), { path: join(home, 'a.txt') })).toBe('the first\n');
    expect(await run(named(tools, 'fs__list_directory'), { path: home })).toContain('a.txt');
    await expect(run(named(tools, 'fs__read_text_file'), { path: '/etc/passwd' })).rejects.toThrow('Access denied');
  });

  test('never offers a tool that writes, even if it is on the allow-list', async ({ folder, log }) => {
    const tools = await allTools(pool(log, stdio('fs', [filesystem, realpathSync(folder)])));
    expect(names(tools)).toContain('fs__read_text_file');
    for (const name of ['write_file', 'edit_file', 'create_directory', 'move_file']) {
      expect(names(tools)).not.toContain(`fs__${name}`);
    }
    const { leftOut } = await log.until('mcp.tools_left_out');
    expect(leftOut).toContain('write_file is not marked as read-only');
  });
});

describe('the everything server', () => {
  const expected = ['e__echo', 'e__get-structured-content', 'e__get-sum', 'e__get-tiny-image'];
  const allow = ['echo', 'get-s*', 'get-tiny-*', 'toggle-*', 'trigger-*-request*', 'gzip*'];

  async function expectItWorks(tools: Tool[]) {
    expect(names(tools)).toEqual(expected);
    expect(await run(named(tools, 'e__echo'), { message: 'hello' })).toBe('Echo: hello');
    expect(await run(named(tools, 'e__get-sum'), { a: 2, b: 3 })).toContain('5');
    expect(await run(named(tools, 'e__get-tiny-image'))).toMatch(/\[image, \d+ bytes\]/);
    expect(await run(named(tools, 'e__get-structured-content'), { location: 'New York' })).toContain('temperature');
    await expect(run(named(tools, 'e__get-sum'), { a: 'two' })).rejects.toThrow(/validation/i);
  }

  test('works over stdio', async ({ log }) => {
    await expectItWorks(await allTools(pool(log, stdio('e', [everything, 'stdio'], { allow }))));
  });

  test('gets only its configured environment and safe variables', async ({ log }) => {
    vi.stubEnv('KORA_TEST_SECRET', 'not for servers');
    try {
      const tools = await allTools(pool(log, stdio('e', [everything], { env: { GIVEN: 'yes' }, allow: ['get-env'] })));
      const env = JSON.parse(await run(named(tools, 'e__get-env')));
      expect(env).toMatchObject({ GIVEN: 'yes' });
      expect(Object.keys(env)).not.toContain('KORA_TEST_SECRET');
    } finally {
      vi.unstubAllEnvs();
    }
  });

  test('works over HTTP, is missing while it is down, and comes back', async ({ log }) => {
    const port = await freePort();
    let server = await startEverything(port);
    const mcp = pool(log, http(`http://127.0.0.1:${port}/mcp`, { allow }));
    const tools = await allTools(mcp);
    await expectItWorks(tools);

    server.kill('SIGKILL');
    await once(server, 'exit');
    await expect(run(named(tools, 'e__echo'), { message: 'hello' })).rejects.toThrow('the MCP server e');
    expect(await mcp.tools(never)).toEqual({ tools: [], missing: ['e'] });
    await log.until('mcp.unavailable', (line) => line.code === 'ECONNREFUSED');

    server = await startEverything(port);
    expect(names(await allTools(mcp))).toEqual(expected);
    // The tool is listed as before, so the earlier offer can be called again.
    expect(await run(named(tools, 'e__echo'), { message: 'again' })).toBe('Echo: again');
  });

  async function startEverything(port: number) {
    const child = spawn(process.execPath, [everything, 'streamableHttp'], {
      env: { ...process.env, PORT: String(port) },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    endBeforeCleanup(async () => {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
    });
    await once(child.stderr, 'data');
    child.stderr.resume();
    return child;
  }
});

describe('the state of a server', () => {
  test('is connecting, then connected also while its tools are listed again, then failed', async ({ log }) => {
    const double = await ownDouble();
    const mcp = pool(log, http(double.url));
    expect(mcp.servers()).toEqual([{ name: 'e', state: 'connecting' }]);
    await allTools(mcp);
    expect(mcp.servers()).toEqual([{ name: 'e', state: 'connected' }]);
    const [asked, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    double.on['tools/list'] = async () => {
      asked.resolve();
      await released.promise;
      return json(503, 'down');
    };
    const now = performance.now.bind(performance);
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now() + 61_000);
    const again = mcp.tools(never);
    clock.mockRestore();
    await asked.promise;
    expect(mcp.servers()).toEqual([{ name: 'e', state: 'connected' }]);
    released.resolve();
    await again;
    expect(mcp.servers()).toEqual([{ name: 'e', state: 'failed' }]);
  });

  test('says that its allow-list is missing', ({ log }) => {
    const mcp = pool(log, hostileServer('polite', { allow: [] }), http('http://127.0.0.1:1'));
    expect(mcp.servers()).toContainEqual({ name: 'h', state: 'no_allow_list' });
  });
});

describe('an offered tool', () => {
  test('is on the allow-list, marked as read-only, and valid for the Messages API', async ({ log }) => {
    const allow = [
      'look',
      'look_[!a]*',
      'look_d*',
      'look_u*',
      'look_s*',
      'look_l*',
      'look_any',
      'look_twice',
      'look?a',
      'look*a',
    ];
    const tools = await allTools(pool(log, hostileServer('lies', { allow })));
    expect(names(tools)).toEqual(['h__look', expect.stringMatching(/^h__look_l{47}_[0-9a-f]{8}$/), 'h__look_says_so']);
    expect(named(tools, 'h__look_says_so').description).toHaveLength(2_000);
    expect(named(tools, 'h__look').inputSchema).toEqual({ type: 'object', properties: { what: { type: 'string' } } });
    const { leftOut } = await log.until('mcp.tools_left_out');
    expect(leftOut).toEqual([
      'look_destroys is not marked as read-only',
      'look_unmarked is not marked as read-only',
      'look_large has a schema that is too large',
      'look_deep has a schema that the Messages API does not accept',
      'look_any has a schema that the Messages API does not accept',
      'look_twice is listed twice',
    ]);
    expect(await log.until('mcp.names_collide')).toMatchObject({ names: ['h__look_a'] });
  });

  test('never comes from a server without an allow-list, which is not even started', async ({ folder, log }) => {
    const pids = join(folder, 'pids');
    const mcp = pool(log, hostileServer('stubborn', { allow: [] }, pids));
    expect(await mcp.tools(never)).toEqual({ tools: [], missing: [] });
    await log.until('mcp.no_allow_list', (line) => line.mcpServer === 'h');
    expect(existsSync(pids)).toBe(false);
  });

  test('never comes from a server without tools', async ({ log }) => {
    expect(await allTools(pool(log, hostileServer('toolless')))).toEqual([]);
  });

  test('is one of at most 128 from at most 20 pages', async ({ log }) => {
    expect(await allTools(pool(log, hostileServer('pages')))).toHaveLength(128);
    await log.until('mcp.tools_left_out', (line) => line.of === 20 * 200 - 128 + 1);
  });

  test('is the only thing that a server gets from us: its requests are refused', async ({ log }) => {
    const seen = JSON.parse(await looked(log, 'introspect'));
    expect(seen.initialized.capabilities).toEqual({});
    expect(seen.refusals).toEqual([-32601, -32601, -32601]);
  });
});

describe('a tool that its server changed after it was offered', () => {
  test.for(['description', 'schema', 'writes', 'gone'])('is refused: %s', async (how, { log }) => {
    const mcp = pool(log, hostileServer('changes'));
    const tools = await allTools(mcp);
    expect(await run(named(tools, 'h__look'), { what: 'it' })).toBe('seen it');
    await run(named(tools, 'h__change'), { how });
    await expect(run(named(tools, 'h__look'))).rejects.toThrow(ToolRefused);
    // The changed tool can be offered again.
    const offered = names(await allTools(mcp));
    expect(offered.includes('h__look')).toBe(how === 'description' || how === 'schema');
  });

  test('is refused without a notification once the listing is a minute old', async ({ log }) => {
    const mcp = pool(log, hostileServer('changes'));
    const tools = await allTools(mcp);
    await run(named(tools, 'h__change'), { how: 'writes', unsaid: true });
    expect(names(await allTools(mcp))).toEqual(['h__change', 'h__look']);
    const now = performance.now.bind(performance);
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now() + 61_000);
    try {
      expect(names(await allTools(mcp))).toEqual(['h__change']);
    } finally {
      clock.mockRestore();
    }
    await expect(run(named(tools, 'h__look'))).rejects.toThrow(ToolRefused);
  });

  test('is not called while the tools are listed again', async ({ log }) => {
    const mcp = pool(log, hostileServer('restless'));
    expect(await mcp.tools(never)).toEqual({ tools: [], missing: ['h'] });
  });
});

describe('an answer', () => {
  test.for([
    ['structured', '{"up":false}'],
    ['nothing', '(nothing)'],
    [
      'blocks',
      'one\n[image, 1000 bytes]\n[audio, 2001 bytes]\n[resource link: file:///a]\nembedded \ufffd\n[blob, 10 bytes]\n{"only":"here"}',
    ],
  ])('becomes text: %s', async ([manner = '', text], { log }) => {
    expect(await looked(log, manner)).toBe(text);
  });

  test('ends at a mebichar', async ({ log }) => {
    const text = await looked(log, 'large');
    // Half a secret at its end would not be known as one.
    expect(text.length).toBeLessThan(1_024 * 1_024);
    expect(text.length).toBeGreaterThan(1_000_000);
    expect(text).toMatch(/… \(cut\)$/);
  });

  test('that is an error is thrown and shortened', async ({ log }) => {
    await expect(looked(log, 'fails')).rejects.toThrow(/^no such thing z{986}$/);
  });

  test.for([
    ['odd', 'Invalid result'],
    ['deep', 'call stack'],
  ])('of a shape that there is not harms nobody: %s', async ([manner = '', reason], { log }) => {
    const mcp = pool(log, hostileServer(manner));
    const tool = named(await allTools(mcp), 'h__look');
    await expect(run(tool)).rejects.toThrow(reason);
    expect(names(await allTools(mcp))).toEqual(['h__look']);
  });

  test('of 50 MB fails the call, and the server comes back', async ({ log }) => {
    // A busy machine may need more than the usual time limit for 50 MB.
    const mcp = poolWith(log, { callMs: 120_000 }, hostileServer('huge'));
    await expect(run(named(await allTools(mcp), 'h__look'))).rejects.toThrow('more than 8 MiB');
    expect((await mcp.tools(never)).missing).toEqual(['h']);
    expect(names(await allTools(mcp))).toEqual(['h__look']);
  });

  test('of 50 MB over HTTP makes the server missing', async ({ log }) => {
    const double = await httpDouble(({ body }, response) => {
      const { id, method } = JSON.parse(body || '{}');
      if (id === undefined) {
        response.writeHead(method ? 202 : 405).end();
        return;
      }
      response.writeHead(200, { 'content-type': 'application/json' });
      const serverInfo = { name: 'x', version: '1' };
      const initialized = { protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo };
      const result = method === 'initialize' ? initialized : { tools: [], _meta: { x: 'x'.repeat(50_000_000) } };
      response.end(JSON.stringify({ jsonrpc: '2.0', id, result }));
    });
    endBeforeCleanup(() => double.close());
    expect((await pool(log, http(double.url)).tools(never)).missing).toEqual(['e']);
    await log.until('mcp.unavailable', (line) => String(line.error).includes('more than 8 MiB'));
  });

  test('that does not come fails the call at its time limit', async ({ log }) => {
    const mcp = poolWith(log, { callMs: 200 }, hostileServer('mute'));
    await expect(run(named(await allTools(mcp), 'h__look'))).rejects.toThrow('timed out');
  });

  test('is not waited for after the signal aborts', async ({ log }) => {
    const tool = named(await allTools(pool(log, hostileServer('mute'))), 'h__look');
    const call = new AbortController();
    const answer = run(tool, {}, call.signal);
    call.abort();
    await expect(answer).rejects.toThrow('the MCP server h');
  });
});

describe('a server', () => {
  test('that floods stderr can be used, and its output in the log is limited', async ({ log }) => {
    const mcp = pool(log, hostileServer('floods', { env: { SECRET: 'hunter2-hunter2' } }));
    expect(await run(named(await allTools(mcp), 'h__look'))).toBe('seen nothing');
    const lines = log.lines.filter((line) => line.event === 'mcp.stderr');
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.length).toBeLessThanOrEqual(10);
    for (const line of lines) expect(String(line.stderr).length).toBeLessThanOrEqual(300);
    expect(JSON.stringify(log.lines)).toContain('[hidden]');
    expect(JSON.stringify(log.lines)).not.toContain('hunter2');
  });

  test('that writes other text to stdout too can be used', async ({ log }) => {
    expect(await looked(log, 'garbage')).toBe('seen nothing');
  });

  test('that writes only nonsense is disconnected', async ({ log }) => {
    const mcp = pool(log, hostileServer('babbles'));
    await mcp.tools(never);
    await log.until('mcp.unavailable');
    expect(log.lines.filter((line) => line.level === 20).length).toBeLessThanOrEqual(10);
  });

  test('that writes nonsense together with its listing is disconnected', async ({ log }) => {
    const mcp = pool(log, hostileServer('lists-then-babbles'));
    await mcp.tools(never);
    expect(await log.until('mcp.unavailable')).toMatchObject({ mcpServer: 'h' });
    expect(await mcp.tools(never)).toEqual({ tools: [], missing: ['h'] });
  });

  test('that never answers is missing, and delays others only for the wait limit', async ({ log }) => {
    const double = await httpDouble(hang);
    endBeforeCleanup(() => double.close());
    const mcp = pool(log, hostileServer('silent'), http(double.url), hostileServer('polite', { name: 'p' }));
    void mcp.tools(never);
    await log.until('mcp.connected', (line) => line.mcpServer === 'p');
    const { tools, missing } = await mcp.tools(never);
    expect(missing.sort()).toEqual(['e', 'h']);
    expect(names(tools)).toEqual(['p__look']);
    expect(await mcp.tools(AbortSignal.abort())).toMatchObject({ missing: ['h', 'e'] });
  });

  test('that cannot be started is missing, and no log line has its arguments', async ({ log }) => {
    const server = stdio('x', ['--token=hunter2'], { command: join(root, 'no-such-program'), env: { T: 'hunter2' } });
    const mcp = pool(log, server);
    expect(await mcp.tools(never)).toEqual({ tools: [], missing: ['x'] });
    expect(await log.until('mcp.unavailable')).toMatchObject({ retryInMs: 1_000, code: 'ENOENT', mcpServer: 'x' });
    await log.until('mcp.unavailable', (line) => line.retryInMs === 2_000);
    expect(JSON.stringify(log.lines)).not.toContain('hunter2');
  });

  test('that dies at its start is started again', async ({ folder, log }) => {
    const mcp = pool(log, hostileServer('dies-once-started', {}, join(folder, 'started')));
    expect((await mcp.tools(never)).missing).toEqual(['h']);
    await log.until('mcp.unavailable', (line) => String(line.error).includes('its process ended (exit code 1)'));
    await log.until('mcp.connected');
    expect(names((await mcp.tools(never)).tools)).toEqual(['h__look']);
  });

  test('that dies in a call fails it, is missing, and comes back', async ({ log }) => {
    const mcp = pool(log, hostileServer('dies'));
    const tool = named(await allTools(mcp), 'h__look');
    await expect(run(tool)).rejects.toThrow('its process ended (exit code 3)');
    expect(await mcp.tools(never)).toEqual({ tools: [], missing: ['h'] });
    await expect(run(tool)).rejects.toThrow('is not available now');
    expect(names(await allTools(mcp))).toEqual(['h__look']);
  });
});

describe('close', () => {
  test('ends a server and its child that ignore SIGTERM', { timeout: 60_000 }, async ({ folder, log }) => {
    const file = join(folder, 'pids');
    const mcp = pool(log, hostileServer('stubborn', {}, file));
    await allTools(mcp);
    const pids: number[] = await eventually(() => existsSync(file) && JSON.parse(readFileSync(file, 'utf8') || '0'));
    // If close() does not end them, the test fails, but leaves no processes behind.
    endBeforeCleanup(async () =>
      pids.filter((pid) => /^[RSD]/.test(processState(pid))).forEach((pid) => kill(pid, 'SIGKILL')),
    );
    expect(pids.map(processState).join()).toMatch(/^[SR].*,[SR]/);
    await mcp.close();
    expect(processState(pids[0] ?? 0)).toBe('');
    // The process that adopts orphans may not have reaped it yet.
    expect(processState(pids[1] ?? 0)).toMatch(/^(Z.*)?$/);
    expect(await mcp.tools(never)).toEqual({ tools: [], missing: ['h'] });
  });

  test('ends a connection that is being made, and fails running calls', async ({ log }) => {
    const mcp = pool(log, hostileServer('silent'), hostileServer('mute', { name: 'm' }));
    void mcp.tools(never);
    await log.until('mcp.connected', (line) => line.mcpServer === 'm');
    const { tools } = await mcp.tools(never);
    const answer = run(named(tools, 'm__look')).catch((error: Error) => error.message);
    await log.until('mcp.stderr', (line) => line.stderr === 'asked');
    await mcp.close();
    expect(await answer).toBe('the MCP server m: Connection closed');
    expect(execFileSync('ps', ['-eo', 'ppid,args'], { encoding: 'utf8' })).not.toMatch(
      new RegExp(`^\\s*${process.pid} .*mcp-hostile`, 'm'),
    );
  });
});
