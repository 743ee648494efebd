/** Lists of tools over several pages, from servers that write cursors and tools in many ways. */
import type { JsonObject } from '@kora-wake/shared/wake/json';
import { describe, expect } from 'vitest';
import { test } from '../../../../../test/support/fixtures.ts';
import { look, rpcError } from '../../../../../test/support/mcp-double.ts';
import { allTools, http, names, ownDouble, pool } from './pools.ts';

const tool = (name: string, more: JsonObject = {}) => ({ ...look, name, ...more });

describe('a list', () => {
  test.for<[string, unknown]>([
    ['is missing', undefined],
    ['is empty', ''],
    ['is null', null],
  ])('ends if the cursor %s', async ([, nextCursor], { log }) => {
    const double = await ownDouble();
    double.on['tools/list'] = ({ params }) =>
      params.cursor === undefined
        ? { tools: [tool('a')], nextCursor: 'second' }
        : JSON.parse(JSON.stringify({ tools: [tool('b')], nextCursor }));
    expect(names(await allTools(pool(log, http(double.url))))).toEqual(['e__a', 'e__b']);
    expect(double.requests.filter(({ method }) => method === 'tools/list').map(({ params }) => params)).toEqual([
      {},
      { cursor: 'second' },
    ]);
    expect(log.lines.filter(({ event }) => event === 'mcp.tools_left_out')).toEqual([]);
  });

  test.for<[string, Record<string, string>, string[], number]>([
    ['stays the same', { '': 'A', A: 'A' }, ['e__', 'e__A'], 2],
    ['goes round', { '': 'A', A: 'B', B: 'A' }, ['e__', 'e__A', 'e__B'], 3],
    ['comes back to a page in the middle', { '': 'A', A: 'B', B: 'C', C: 'B' }, ['e__', 'e__A', 'e__B', 'e__C'], 4],
  ])('ends if the cursor %s, and keeps the tools so far', async ([, next, expected, pages], { log }) => {
    const double = await ownDouble();
    double.on['tools/list'] = ({ params: { cursor = '' } }) => {
      const at = typeof cursor === 'string' ? cursor : '?';
      return { tools: [tool(at)], nextCursor: next[at] ?? null };
    };
    expect(names(await allTools(pool(log, http(double.url))))).toEqual(expected);
    expect(double.count('tools/list')).toBe(pages);
    const { leftOut } = await log.until('mcp.tools_left_out');
    expect(leftOut).toEqual([`all tools after page ${pages}: its cursor repeats an earlier one`]);
  });

  test('of a server that ignores the cursor has each tool once', async ({ log }) => {
    const double = await ownDouble();
    double.on['tools/list'] = () => ({ tools: [tool('a'), tool('b')], nextCursor: 'more' });
    expect(names(await allTools(pool(log, http(double.url))))).toEqual(['e__a', 'e__b']);
    expect(double.count('tools/list')).toBe(2);
  });

  test('has none of two different tools of one name, however often they are listed', async ({ log }) => {
    const double = await ownDouble();
    double.on['tools/list'] = ({ params }) => ({
      tools: [tool('a'), tool('b'), tool('a', { description: 'The other.' }), tool('a')],
      nextCursor: params.cursor === undefined ? 'more' : null,
    });
    expect(names(await allTools(pool(log, http(double.url))))).toEqual(['e__b']);
    expect((await log.until('mcp.tools_left_out')).leftOut).toEqual(['a is listed twice']);
  });

  test('has no tool that is once marked as read-only and once not', async ({ log }) => {
    const double = await ownDouble();
    double.on['tools/list'] = () => ({ tools: [tool('a'), tool('a', { annotations: { readOnlyHint: false } }), look] });
    expect(names(await allTools(pool(log, http(double.url))))).toEqual(['e__look']);
  });

  test.for<[string, () => JsonObject | ReturnType<typeof rpcError>, string]>([
    ['refuses its own cursor', () => rpcError(-32_602, 'invalid cursor'), 'all tools after page 1: invalid cursor'],
    ['answers it in a wrong shape', () => ({ tools: 7 }), 'all tools after page 1: Invalid result'],
  ])('keeps its first page if the server %s', async ([, second, note], { log }) => {
    const double = await ownDouble();
    double.on['tools/list'] = ({ params }) =>
      params.cursor === undefined ? { tools: [look], nextCursor: 'x' } : second();
    expect(names(await allTools(pool(log, http(double.url))))).toEqual(['e__look']);
    expect(String((await log.until('mcp.tools_left_out')).leftOut)).toContain(note);
  });

  test('with a cursor that is not a text keeps its tools', async ({ log }) => {
    const double = await ownDouble();
    double.on['tools/list'] = () => ({ tools: [look], nextCursor: 2 });
    expect(names(await allTools(pool(log, http(double.url))))).toEqual(['e__look']);
    expect((await log.until('mcp.tools_left_out')).leftOut).toEqual([
      'all tools after page 1: its cursor is not a text',
    ]);
  });

  test('loses only the tools that are wrong themselves', async ({ log }) => {
    const double = await ownDouble();
    const tools = [
      tool('nulls', {
        description: null,
        title: null,
        outputSchema: null,
        _meta: null,
        annotations: { readOnlyHint: true, title: null },
      }),
      tool('no_annotations', { annotations: null }),
      tool('no_schema', { inputSchema: null }),
      tool('typed', { inputSchema: { type: 'string' } }),
      tool('shape', { description: 7 }),
      { title: 'nameless' },
      null,
    ];
    double.on['tools/list'] = () => ({ tools });
    expect(names(await allTools(pool(log, http(double.url))))).toEqual(['e__nulls']);
    expect((await log.until('mcp.tools_left_out')).leftOut).toEqual([
      'no_annotations is not marked as read-only',
      'no_schema has a schema that the Messages API does not accept',
      'typed has a schema that the Messages API does not accept',
      'shape has a definition of another shape',
      'a tool without a name',
      'a tool without a name',
    ]);
  });

  test('may be null for no tools', async ({ log }) => {
    const double = await ownDouble();
    double.on['tools/list'] = () => ({ tools: null });
    expect(await allTools(pool(log, http(double.url)))).toEqual([]);
  });
});
