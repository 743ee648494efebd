import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { test } from '../../../../test/support/fixtures.ts';
import { luaScript } from '../../src/store/scripts.ts';

const folder = join(import.meta.dirname, '..', '..', 'lua');
const files = readdirSync(folder).filter((name) => name.endsWith('.lua'));

describe.each(files)('%s', (name) => {
  const text = readFileSync(join(folder, name), 'utf8');

  test('has a header that names its keys, arguments and result', () => {
    const header = text.slice(0, text.search(/^[^-]/m));
    expect(header).toMatch(/^-- [A-Z][^.]*\./);
    const body = text.replace(header, '');
    expect(header).toContain('-- KEYS:');
    if (body.includes('ARGV')) expect(header).toContain('ARGV:');
    expect(header.includes('-- Returns')).toBe(/^return\b/m.test(text));
  });

  test('is valid Lua together with the files that it includes', async ({ ns }) => {
    const lua = text.replace(/^-- @include (\S+)$/gm, (_line, lib) => readFileSync(join(folder, `${lib}.lua`), 'utf8'));
    expect(await ns.redis.script('LOAD', lua)).toMatch(/^[0-9a-f]{40}$/);
  });
});

test('a script that Redis has lost is sent again', async ({ ns }) => {
  const publish = luaScript('publish-event');
  await publish(ns.redis, [ns.keys.events], 'a');
  await ns.redis.script('FLUSH');
  await publish(ns.redis, [ns.keys.events], 'b');
  const types = (await ns.redis.xrange(ns.keys.events, '-', '+')).map(([, fields]) => fields[1]);
  expect(types).toEqual(['a', 'b']);
});

test('an unknown script is an error when it is named', () => {
  expect(() => luaScript('no-such-script')).toThrow('no-such-script');
});
