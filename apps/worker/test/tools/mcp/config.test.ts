import { StartupError } from '@kora-wake/shared/runtime/errors';
import { describe, expect, test } from 'vitest';
import { parseMcpConfig } from '../../../src/tools/mcp/config.ts';

const parse = (mcpServers: unknown, env: Record<string, string | undefined> = {}) =>
  parseMcpConfig(JSON.stringify({ mcpServers }), env);

/** The faults, one a line, of a text that has some. */
function faultsOfText(text: string, env: Record<string, string | undefined> = {}): string[] {
  try {
    parseMcpConfig(text, env);
  } catch (error) {
    if (error instanceof StartupError) return error.message.split('\n').slice(1);
    throw error;
  }
  throw new Error('there was no fault');
}

const faultsOf = (mcpServers: unknown, env: Record<string, string | undefined> = {}) =>
  faultsOfText(JSON.stringify({ mcpServers }), env);

describe('servers', () => {
  test('over stdio and over HTTP are read, with defaults for missing fields', () => {
    expect(
      parse({
        files: { command: 'npx', args: ['-y', 'files', '/srv'], env: { A: 'b' }, cwd: '/srv', allow: ['read_*'] },
        bare: { type: 'stdio', command: 'bare' },
        logs: { type: 'http', url: 'https://logs.example/mcp', headers: { 'x-key': 'k' }, allow: ['*'] },
        more: { type: 'streamable-http', url: 'http://127.0.0.1:1/mcp' },
        untyped: { url: 'http://[::1]/mcp', allow: [] },
      }),
    ).toEqual([
      {
        kind: 'stdio',
        name: 'files',
        command: 'npx',
        args: ['-y', 'files', '/srv'],
        env: { A: 'b' },
        cwd: '/srv',
        allow: ['read_*'],
      },
      { kind: 'stdio', name: 'bare', command: 'bare', args: [], env: {}, allow: [] },
      { kind: 'http', name: 'logs', url: 'https://logs.example/mcp', headers: { 'x-key': 'k' }, allow: ['*'] },
      { kind: 'http', name: 'more', url: 'http://127.0.0.1:1/mcp', headers: {}, allow: [] },
      { kind: 'http', name: 'untyped', url: 'http://[::1]/mcp', headers: {}, allow: [] },
    ]);
  });

  test('may have keys of other clients', () => {
    const servers = parse({ a: { command: 'a', autoApprove: ['x'], timeout: 5 } });
    expect(servers).toEqual([{ kind: 'stdio', name: 'a', command: 'a', args: [], env: {}, allow: [] }]);
  });

  test('may have a startup timeout in milliseconds', () => {
    const servers = parse({
      a: { command: 'a', startupTimeout: 120_000 },
      b: { url: 'http://b', startupTimeout: 1_000 },
      c: { command: 'c', cwd: '/', startupTimeout: 600_000 },
    });
    expect(servers.map(({ startupTimeoutMs }) => startupTimeoutMs)).toEqual([120_000, 1_000, 600_000]);
    expect(servers[0]).not.toHaveProperty('startupTimeout');
  });

  test.each([0, -1, 30, 999, 600_001, 1_000.5, '30000', null, true])(
    'with %j as startup timeout are faults, because it may be meant as seconds',
    (startupTimeout) => {
      const rule = 'startupTimeout: must be a whole number of milliseconds from 1000 to 600000';
      expect(faultsOf({ a: { command: 'a', startupTimeout }, b: { url: 'http://b', startupTimeout } })).toEqual([
        `- a: ${rule}`,
        `- b: ${rule}`,
      ]);
    },
  );

  test('that are disabled are left out, whatever else is wrong with them', () => {
    expect(parse({ a: { disabled: true, url: `\${NOT_SET}` }, b: { disabled: false, command: 'b' } })).toHaveLength(1);
  });
});

describe('variables', () => {
  test('are replaced in every allowed field, by their default if they are not set or empty', () => {
    const env = { BIN: '/bin/x', KEY: 'k3y', EMPTY: '', HOST: 'h.example' };
    expect(
      parse(
        {
          a: {
            command: `\${BIN}`,
            args: [`--key=\${KEY}`, `\${NONE:-a b}\${EMPTY:-c}\${EMPTY}\${NONE:-}`, `\${KEY:-unused}`],
            env: { K: `\${KEY}-\${KEY}` },
          },
          b: { url: `https://\${HOST}/\${KEY}`, headers: { authorization: `Bearer \${KEY}` } },
        },
        env,
      ),
    ).toMatchObject([
      { command: '/bin/x', args: ['--key=k3y', 'a bc', 'k3y'], env: { K: 'k3y-k3y' } },
      { url: 'https://h.example/k3y', headers: { authorization: 'Bearer k3y' } },
    ]);
  });

  test('that are not set are faults, also if every object has a property of that name', () => {
    expect(faultsOf({ a: { command: `\${GONE}`, args: ['x', `\${constructor}`], env: { E: `\${GONE2}` } } })).toEqual([
      '- a: command: the variable GONE is not set and has no default',
      '- a: args.1: the variable constructor is not set and has no default',
      '- a: env.E: the variable GONE2 is not set and has no default',
    ]);
  });

  test('may have env: in front of their name', () => {
    const entry = { command: `\${env:A}`, args: [`\${env:NONE:-b}`] };
    expect(parse({ a: entry }, { A: 'x' })).toMatchObject([{ command: 'x', args: ['b'] }]);
  });

  test.each(['${input:key}', '${A:?}', '${', '${A', '${}', '${env:}', '${a.b}'])(
    'in another form are faults: %s',
    (text) => {
      expect(faultsOf({ a: { command: 'x', args: [text] } })).toEqual([
        '- a: args.0: has a ${…} that is not ${NAME}, ${env:NAME} or ${NAME:-default}',
      ]);
    },
  );

  test('are replaced only once', () => {
    expect(parse({ a: { command: `\${A}` } }, { A: `\${B}`, B: 'b' })).toMatchObject([{ command: `\${B}` }]);
  });
});

describe('faults', () => {
  test('of all servers are reported together', () => {
    expect(
      faultsOf({
        'bad name': { command: 'x' },
        none: {},
        list: [],
        both: { command: 'x', url: 'http://x' },
        sse: { type: 'sse', url: 'http://x' },
        typed: { type: 'http', command: 'x' },
        shape: { command: 'x', args: 'x', allow: [1] },
        ftp: { url: 'ftp://x' },
      }),
    ).toEqual([
      '- bad name: a name may only contain letters, digits, _ and -',
      '- none: needs a command or a url',
      '- list: must be an object',
      '- both: has a command and a url; only one is allowed',
      '- sse: type: must be stdio, http or streamable-http',
      '- typed: url: Invalid input: expected string, received undefined',
      '- shape: args: Invalid input: expected array, received string',
      '- shape: allow.0: Invalid input: expected string, received number',
      '- ftp: url: must be a URL that begins with http:// or https://',
    ]);
  });

  test('never contain a value', () => {
    const env = { SECRET: 'hunter2', NUL: 'hunter2\0', LINES: 'hunter2\nx' };
    const message = faultsOf(
      {
        a: { command: `\${NUL}`, args: [`\${NUL}`], env: { K: `\${NUL}` } },
        b: { url: `\${SECRET}` },
        c: { url: `https://me:\${SECRET}@x.example` },
        d: { url: 'https://x.example', headers: { 'x-key': `\${LINES}`, 'bad name': `\${SECRET}` } },
      },
      env,
    ).join('\n');
    expect(message).toBe(
      [
        '- a: command: must not have a NUL byte',
        '- a: args.0: must not have a NUL byte',
        '- a: env.K: must not have a NUL byte',
        '- b: url: must be a URL that begins with http:// or https://',
        '- c: url: must not contain a user or password; use headers',
        '- d: headers.x-key: is not a valid header',
        '- d: headers.bad name: is not a valid header',
      ].join('\n'),
    );
  });

  test.each([
    ['{"mcpServers": {"a": {"env": {"K": "hunter2"}},\n}', /^- not valid JSON/],
    ['hunter2', /^- not valid JSON/],
    ['', /^- not valid JSON/],
    ['[]', /^- Invalid input: expected object/],
    ['{}', /^- mcpServers: Invalid input/],
  ])('of the whole file are reported: %j', (text, expected) => {
    const faults = faultsOfText(text);
    expect(faults).toEqual([expect.stringMatching(expected)]);
    expect(faults.join()).not.toContain('hunter2');
  });
});
