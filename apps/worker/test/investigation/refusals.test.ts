import { describe, expect } from 'vitest';
import { apiError, callsTools, diagnose } from '../../../../test/support/anthropic.ts';
import { test } from '../../../../test/support/fixtures.ts';
import { type Answer, json } from '../../../../test/support/http-double.ts';
import { investigating } from '../investigating.ts';
import * as server from './gateways.ts';
import { DM, look } from './looking.ts';

type Namespace = Parameters<typeof investigating>[0];

async function investigatingAt(ns: Namespace, rules: server.Rule[], tools = [look()]) {
  const answers = Array.from({ length: 40 }, () => server.gateway(...rules));
  return investigating(ns, answers, { tools });
}

describe('a server that refuses', () => {
  /** Requests of the first wake and of the second, and whether the tool could be called. */
  test.for<[string, server.Rule[], [number, number, boolean]]>([
    ['nothing', [], [2, 2, true]],
    ['output_config', [server.noOutputConfig], [3, 2, true]],
    ['the effort', [server.noEffort], [3, 2, true]],
    ['cache marks', [server.noCacheMarks], [3, 2, true]],
    ['the system prompt as blocks', [server.noBlocks], [3, 2, true]],
    ['fields one after the other', [server.noOutputConfig, server.noCacheMarks, server.noBlocks], [5, 2, true]],
    ['tools', [server.noTools], [2, 1, false]],
    ['tools, with status 404', [server.noToolsMarked404], [2, 1, false]],
    ['all features, without a name', [server.onlyPlain], [4, 1, false]],
    [
      'all features, each by name',
      [server.noOutputConfig, server.noCacheMarks, server.noBlocks, server.noTools],
      [5, 1, false],
    ],
    ['tools, as its own fault', [server.brokenByTools], [3, 1, false]],
    ['the history of tool calls', [server.noHistory], [3, 2, true]],
  ])('%s still gives a diagnosis, and the next wake knows', async ([_name, rules, [first, second, calls]], { ns }) => {
    const { investigate, asked, toolCalls } = await investigatingAt(ns, rules);
    expect(await investigate()).toMatchObject({ kind: 'diagnosis', text: expect.stringContaining(DM) });
    expect([asked().length, toolCalls.length > 0]).toEqual([first, calls]);
    expect(await investigate()).toMatchObject({ kind: 'diagnosis' });
    expect(asked().length - first).toBe(second);
  });

  test('one feature keeps the others', async ({ ns }) => {
    const { investigate, asked, calls, log } = await investigatingAt(ns, [server.noEffort]);
    await investigate();
    expect(asked()[1]).toMatchObject({
      output_config: { format: {} },
      tools: [{ cache_control: {} }],
      system: [{}, {}],
    });
    expect(asked()[1].output_config.effort).toBeUndefined();
    expect(calls.map(({ without }) => without)).toEqual([undefined, ['effort'], ['effort']]);
    expect(log.lines).toMatchObject([{ event: 'engine.unsupported', feature: 'effort', code: 'sdk_4xx_400' }]);
  });

  test('everything gets a request that every server understands, and nothing is remembered', async ({ ns }) => {
    const { investigate, asked, log } = await investigatingAt(ns, [server.unnamed(() => true)]);
    expect(await investigate()).toMatchObject({ kind: 'fallback', code: 'sdk_4xx_400' });
    expect(asked()).toHaveLength(4);
    expect(Object.keys(asked()[3]).toSorted()).toEqual(['max_tokens', 'messages', 'model', 'system']);
    expect(asked()[3].system).toEqual(expect.any(String));
    expect(JSON.stringify(asked()[3])).not.toContain('cache_control');
    await investigate();
    expect(asked()[4]).toMatchObject({ output_config: {}, tools: [{}] });
    expect(log.lines).toEqual([]);
  });

  test('one tool, by its name, keeps the others', async ({ ns }) => {
    const tools = [look(), look(undefined, 'k8s__query'), look(undefined, 'logs')];
    const { investigate, asked, log } = await investigatingAt(ns, [server.noBigTool('k8s__query')], tools);
    expect(await investigate()).toMatchObject({ verdict: 'confirmed' });
    const names = asked().map((body) => body.tools.map(({ name }: { name: string }) => name));
    expect(names).toEqual([
      ['look', 'k8s__query', 'logs'],
      ['look', 'logs'],
      ['look', 'logs'],
    ]);
    expect(log.lines).toMatchObject([{ event: 'engine.tool_refused', tool: 'k8s__query' }]);
    await investigate();
    expect(asked()).toHaveLength(5);
  });

  test('one tool after another gets none after the third', async ({ ns }) => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const { investigate, asked } = await investigatingAt(
      ns,
      names.map(server.noBigTool),
      names.map((name) => look(undefined, name)),
    );
    expect(await investigate()).toMatchObject({ kind: 'diagnosis' });
    expect(asked().length).toBeLessThanOrEqual(7);
    expect(asked().at(-1).tools).toBeUndefined();
  });

  test.for([401, 402, 403])('the credential or the payment, with %i, is not asked again', async (status, { ns }) => {
    const { investigate, calls } = await investigating(ns, [apiError(status), diagnose], { tools: [look()] });
    expect(await investigate()).toMatchObject({ kind: 'fallback' });
    expect(calls).toHaveLength(1);
  });
});

/** The table in docs/investigator.md. */
describe('the tools of a server like', () => {
  test.for<[string, server.Rule[], boolean]>([
    ['Ollama', [], true],
    ['llama.cpp', [server.brokenByTools], false],
    ['vLLM', [server.noToolParser], false],
    ['LiteLLM', [server.noOutputConfig, server.noHistory], true],
    ['OpenRouter', [server.noToolsMarked404], false],
    ['Bedrock behind a gateway', [server.noOutputConfig, server.noCacheMarks, server.noBlocks], true],
  ])('%s are used as far as they work', async ([_name, rules, hasTools], { ns }) => {
    const { investigate, toolCalls } = await investigatingAt(ns, rules);
    const verdict = hasTools ? 'confirmed' : 'likely';
    expect(await investigate()).toMatchObject({ kind: 'diagnosis', verdict });
    expect(await investigate()).toMatchObject({ kind: 'diagnosis', verdict });
    expect(toolCalls).toHaveLength(hasTools ? 2 : 0);
  });
});

describe('a refused later round', () => {
  const twice = [callsTools({ name: 'look' }), callsTools({ name: 'look' })];
  const long = look(async () => `HTTP 401 from the API ${'x '.repeat(15_000)}`);

  test.for<[string, Answer]>([
    ['400', json(400, { error: 'Bad Request' })],
    ['413', json(413, { error: 'Payload Too Large' })],
    ['422', json(422, { detail: 'no' })],
  ])('with %s is answered from the data so far', async ([_name, refusal], { ns }) => {
    const { investigate, asked, toolCalls } = await investigating(ns, [...twice, refusal, server.gateway()], {
      tools: [look()],
    });
    expect(await investigate()).toMatchObject({ kind: 'diagnosis', verdict: 'confirmed' });
    expect(toolCalls).toHaveLength(2);
    expect(asked()[3].messages[0].content.match(/HTTP 401 from the API/g)).toHaveLength(2);
  });

  test.for([400, 413])(
    'that was too long, with %i, is shortened, and the server keeps its features',
    async (status, { ns }) => {
      const rule = server.tooLong(20_000, status);
      const { investigate, asked, calls, log } = await investigatingAt(ns, [rule], [long]);
      expect(await investigate()).toMatchObject({ kind: 'diagnosis', verdict: 'confirmed' });
      const last = asked().at(-1);
      expect(JSON.stringify(last).length).toBeLessThan(20_000);
      expect(last.messages[0].content).toContain('in the middle are cut');
      expect(calls.at(-1)?.without).toContain('full data');
      expect(log.lines).toEqual([]);
    },
  );

  test('that stays too long ends with the fallback after a few requests', async ({ ns }) => {
    const refusal = json(400, { error: 'prompt is too long' });
    const { investigate, asked } = await investigating(ns, [...twice, ...Array.from({ length: 20 }, () => refusal)], {
      tools: [long],
    });
    expect(await investigate()).toMatchObject({ kind: 'fallback', code: 'sdk_4xx_400' });
    expect(asked().length).toBeLessThanOrEqual(8);
  });
});

test('a long alert is shortened if its first request is too long', async ({ ns }) => {
  const { investigate, wake } = await investigatingAt(ns, [server.tooLong(20_000)], []);
  const detail = 'down '.repeat(10_000);
  expect(await investigate(undefined, { ...wake, detail })).toMatchObject({
    kind: 'diagnosis',
    text: `Likely, not confirmed: ${DM}`,
  });
});
