import { describe, expect } from 'vitest';
import { z } from 'zod';
import { callsTools, diagnose, finds, message } from '../../../../test/support/anthropic.ts';
import { test } from '../../../../test/support/fixtures.ts';
import { json } from '../../../../test/support/http-double.ts';
import { defineTool, type Tool, ToolRefused } from '../../src/tools/tool.ts';
import { investigating } from '../investigating.ts';
import { found, look } from './looking.ts';

describe('a tool', () => {
  /** Its type says text, but it is an object that contains itself. */
  function circularText(): string {
    const circular = JSON.parse('{}');
    circular.self = circular;
    return circular;
  }

  test.for<[string, Tool['run'], string, string]>([
    ['throws', async () => Promise.reject(new RangeError('no such thing')), 'execution_error', 'no such thing'],
    [
      'is not allowed',
      async () => Promise.reject(new ToolRefused('not on the list')),
      'not_allowed',
      'not on the list',
    ],
    ['throws what is no error', async () => Promise.reject(null), 'execution_error', 'it failed without a reason'],
    ['returns 50 MB', async () => 'x'.repeat(50_000_000), 'ok', 'in the middle are cut'],
    ['returns what is no text', async () => JSON.parse('{"a":1}'), 'ok', '{"a":1}'],
    ['returns what refers to itself', async () => circularText(), 'execution_error', 'circular'],
    ['returns control characters', async () => '\u0000\u0007\uD800', 'ok', ''],
  ])('that %s does not end the investigation', async ([_name, run, status, shown], { ns }) => {
    const answers = [callsTools({ name: 'look' }), finds({ ...found, evidence: [] })];
    const { investigate, asked, toolCalls } = await investigating(ns, answers, { tools: [look(run)] });
    expect(await investigate()).toMatchObject({ kind: 'diagnosis', verdict: 'likely' });
    expect(toolCalls).toMatchObject([{ name: 'look', status }]);
    const [result] = asked()[1].messages.at(-1).content;
    expect(result.content).toContain(shown);
    expect(result.content.length).toBeLessThan(40_000);
  });

  test('that was not offered is refused and recorded', async ({ ns }) => {
    const { investigate, toolCalls } = await investigating(ns, [callsTools({ name: 'restart_app' }), finds(found)], {
      tools: [look()],
    });
    await investigate();
    expect(toolCalls).toMatchObject([{ name: 'restart_app', status: 'not_allowed' }]);
  });

  test('checks its input, and names the wrong field', async ({ ns }) => {
    const tool = defineTool({
      name: 'look',
      description: 'Looks.',
      input: z.object({ host: z.string() }),
      run: async ({ host }) => host,
    });
    const { investigate, asked } = await investigating(
      ns,
      [callsTools({ name: 'look', input: { host: 5 } }), diagnose],
      {
        tools: [tool],
      },
    );
    await investigate();
    expect(asked()[1].messages.at(-1).content[0]).toMatchObject({
      is_error: true,
      content: expect.stringContaining('host'),
    });
  });

  /** A call with an input that the SDK's types do not allow, after a blank text. */
  const callsWith = (input: unknown) => {
    const call = { type: 'tool_use', id: 'toolu_0', name: 'look', input };
    return json(200, message('', { content: [{ type: 'text', text: '' }, call], stop_reason: 'tool_use' }));
  };

  test.for<[string, unknown]>([
    ['a text with an object', '{"what": "api"}'],
    ['an object', { what: 'api' }],
  ])('gets its input from %s', async ([_name, input], { ns }) => {
    const { investigate, asked, toolCalls } = await investigating(ns, [callsWith(input), finds(found)], {
      tools: [look()],
    });
    expect(await investigate()).toMatchObject({ verdict: 'confirmed' });
    expect(toolCalls).toMatchObject([{ status: 'ok', input: { what: 'api' } }]);
    expect(asked()[1].messages[1].content).toMatchObject([{ type: 'tool_use', input: { what: 'api' } }]);
  });

  test.for(['what: api', '"api"', '[1]', '', 5, null, ['api'], true])(
    'does not run with the input %j, and the LLM can correct it',
    async (input, { ns }) => {
      const answers = [callsWith(input), callsTools({ name: 'look' }), finds({ ...found, evidence: [] })];
      const { investigate, asked, toolCalls } = await investigating(ns, answers, { tools: [look()] });
      expect(await investigate()).toMatchObject({ kind: 'diagnosis' });
      expect(toolCalls).toMatchObject([{ status: 'execution_error', excType: 'InvalidInput' }, { status: 'ok' }]);
      expect(asked()[1].messages[1].content).toMatchObject([{ type: 'tool_use', input: {} }]);
      expect(asked()[1].messages[2].content[0]).toMatchObject({
        is_error: true,
        content: expect.stringContaining('must be a JSON object'),
      });
    },
  );

  test('whose schema the server refuses is left out alone', async ({ ns }) => {
    const refusal = json(400, { error: { message: 'tools.1.custom.input_schema: JSON schema is invalid' } });
    const { investigate, asked, log } = await investigating(ns, [refusal, callsTools({ name: 'look' }), finds(found)], {
      tools: [look(), look(async () => '', 'odd')],
    });
    expect(await investigate()).toMatchObject({ verdict: 'confirmed' });
    expect(asked().map(({ tools }) => tools.length)).toEqual([2, 1, 1]);
    expect(log.lines).toMatchObject([{ event: 'engine.tool_refused', tool: 'odd' }]);
  });

  test('a request without tools contains no tool calls of earlier rounds', async ({ ns }) => {
    const refusal = json(400, { error: { message: 'tools are not supported' } });
    const { investigate, asked } = await investigating(ns, [callsTools({ name: 'look' }), refusal, finds(found)], {
      tools: [look()],
    });
    expect(await investigate()).toMatchObject({ verdict: 'confirmed' });
    expect(JSON.stringify(asked()[2])).not.toMatch(/tool_use|tool_result/);
  });

  test('a reply that breaks off in its tool calls is requested again without tools', async ({ ns }) => {
    const content = [{ type: 'tool_use', id: 'toolu_0', name: 'look', input: {} }];
    const broken = json(200, message('', { content, stop_reason: 'max_tokens' }));
    const { investigate, asked } = await investigating(ns, [broken, finds({ ...found, evidence: [] })], {
      tools: [look()],
    });
    expect(await investigate()).toMatchObject({ kind: 'diagnosis' });
    expect(asked()[1].tools).toBeUndefined();
  });

  test('all outputs together are limited', async ({ ns }) => {
    const many = callsTools(...Array.from({ length: 24 }, () => ({ name: 'look' })));
    const { investigate, double } = await investigating(ns, [many, finds(found)], {
      tools: [look(async () => 'x '.repeat(20_000))],
    });
    await investigate();
    expect(double.requests.at(-1)?.body.length).toBeLessThan(280_000);
  });
});
