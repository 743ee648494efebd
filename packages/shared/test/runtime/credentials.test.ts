import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { knownValues } from '../../src/runtime/credentials.ts';
import { ENV_GROUPS } from '../../src/runtime/env-table.ts';
import { redactor } from '../../src/wake/redact.ts';
import { wakeOf } from '../../src/wake/wake.ts';

type Env = Record<string, string>;

const redacted = (text: string, env: Env) => redactor([], knownValues(env))(text);

function mcpFile(servers: unknown): Env {
  const path = join(mkdtempSync(join(tmpdir(), 'kora-mcp-')), 'mcp.json');
  writeFileSync(path, JSON.stringify({ mcpServers: servers }));
  return { KORA_MCP_CONFIG: path };
}

describe('a credential of the environment is redacted', () => {
  const secrets = ENV_GROUPS.flatMap(({ variables }) => variables).filter(({ secret }) => secret);

  test.each(secrets)('$name, also beside one that wins', ({ name }) => {
    const others = Object.fromEntries(secrets.map((other) => [other.name, 'another-value']));
    expect(redacted('the word is hunter2', { ...others, [name]: 'hunter2' })).toBe('the word is [redacted credential]');
  });

  test.each<[string, Env]>([
    ['hunter2', { REDIS_URL: 'redis://app:hunter2@h' }],
    ['hunter@2', { REDIS_URL: 'redis-sentinel://a/0?sentinelUsername=u&sentinelPassword=hunter%402#m' }],
    ['hunter@2', { HTTPS_PROXY: 'http://kora:hunter%402@proxy:3128' }],
    ['hunter%402', { https_proxy: 'http://kora:hunter%402@proxy:3128' }],
    ['a-long-user-name', { ANTHROPIC_BASE_URL: 'https://a-long-user-name:x@gateway' }],
    ['tok-123456789', { OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20tok-123456789,x=y' }],
    ['swordfish-12', { STRIPE_SECRET: 'swordfish-12' }],
    ['swordfish-and-more', { GITHUB_TOKEN: 'swordfish-and-more' }],
    ['swordfish-12', { DATABASE_URL: 'postgres://app:swordfish-12@db/app' }],
    ['swordfish@12', { DATABASE_URL: 'postgres://app:swordfish@12@db/app' }],
  ])('%s of %j', (secret, env) => {
    expect(redacted(`x ${secret} y`, env)).toBe('x [redacted credential] y');
  });

  test.each<[string, unknown, Env]>([
    ['swordfish-12', { a: { command: 'x', env: { ANY_NAME: 'swordfish-12' } } }, {}],
    ['swordfish-12', { a: { command: 'x', args: ['--key', 'swordfish-12'] } }, {}],
    ['swordfish-12', { a: { url: 'https://h', headers: { 'x-any': 'Bearer swordfish-12' } } }, {}],
    ['swordfish-12', { a: { url: 'https://h?k=swordfish-12' } }, {}],
    ['swordfish-12', { a: { url: 'https://h', headers: { 'x-any': `Bearer \${ANY}` } } }, { ANY: 'swordfish-12' }],
    ['swordfish-12', { a: { url: 'https://h', headers: { 'x-any': `\${NONE:-swordfish-12}` } } }, {}],
    ['swordfish-12', { a: { url: 'https://h', headers: { authorization: `Basic ${btoa('me:swordfish-12')}` } } }, {}],
  ])('%s of the MCP servers %j', (secret, servers, env) => {
    expect(redacted(`x ${secret} y`, { ...mcpFile(servers), ...env })).toBe('x [redacted credential] y');
  });

  test('in its base64 form at any place, percent-encoded, and inside JSON', () => {
    const secret = 'p"ss/wörd+1234 x';
    const env = { KORA_API_TOKEN: secret };
    const forms = [
      ...['', 'a', 'ab', 'user:'].map((before) => Buffer.from(`${before}${secret}`).toString('base64')),
      Buffer.from(secret).toString('base64url'),
      encodeURIComponent(secret),
      encodeURIComponent(secret).replaceAll('%20', '+').toLowerCase(),
      JSON.stringify({ o: secret }),
    ];
    // At most the characters that also depend on the bytes around stay.
    for (const form of forms)
      expect(redacted(`x ${form} y`, env)).toMatch(/^x .{0,12}\[redacted credential\].{0,4} y$/);
  });

  test('as a whole if a shorter one is a part of it', () => {
    const env = { KORA_API_TOKEN: 'swordfish', KORA_ANTHROPIC_API_KEY: 'swordfish-and-rod' };
    expect(redacted('x swordfish-and-rod y', env)).toBe('x [redacted credential] y');
  });
});

describe('a value that is likely no credential stays', () => {
  test.each<[string, Env]>([
    ['production', { APP_SECRET: 'production' }],
    ['short1', { APP_SECRET: 'short1' }],
    ['/home/kora/project', { PWD: '/home/kora/project' }],
    ['a-long-plain-value', { APP_NAME: 'a-long-plain-value' }],
    ['postgres', { DATABASE_URL: 'postgres://postgres:postgres@db/app' }],
    ['Bearer', mcpFile({ a: { url: 'https://h', headers: { authorization: 'Bearer swordfish-12' } } })],
  ])('%s of %j', (value, env) => {
    expect(redacted(`x ${value} y`, env)).toBe(`x ${value} y`);
  });

  test('in probe, category and severity, but not in the other fields', () => {
    const name = 'checkout-service';
    const redact = redactor([], knownValues({ APP_SECRET: name }));
    const wake = wakeOf({ probe: name, category: name, severity: name, title: name }, 'w-1', 0, redact);
    expect(wake).toMatchObject({ probe: name, category: name, severity: name, title: '[redacted credential]' });
  });

  test('but our own credentials are redacted there too', () => {
    const redact = redactor([], knownValues({ KORA_API_TOKEN: 'swordfish' }));
    expect(wakeOf({ probe: 'swordfish' }, 'w-1', 0, redact).probe).toBe('[redacted credential]');
  });
});

test('a file of MCP servers that cannot be read is no fault here', () => {
  expect(knownValues({ KORA_MCP_CONFIG: '/no/such/file' })).toEqual({ certain: [], likely: [] });
});
