import type { KeptStep } from '@kora-wake/shared/store/step-types';
import { NO_USAGE } from '@kora-wake/shared/wake/report';
import { describe, expect, test } from 'vitest';
import { recordedSteps } from '../src/kept-steps.ts';

const AT = '2026-11-26T14:03:00.000Z';
const CUT = 'begin\n… (90 bytes in the middle are cut) …\nend';

function llm(output: string, error?: string): KeptStep {
  return {
    kind: 'llm',
    route: 'probe_investigation',
    model: 'm',
    startedAt: AT,
    durationMs: 5,
    usage: NO_USAGE,
    ...(error !== undefined && { error }),
    input: '',
    output,
  };
}

function tool(name: string, input: string, excType?: string): KeptStep {
  const status = excType === undefined ? 'ok' : 'not_allowed';
  return {
    kind: 'tool',
    source: 'call-1',
    name,
    status,
    startedAt: AT,
    durationMs: 5,
    ...(excType !== undefined && { excType }),
    input,
    output: 'said',
  };
}

describe('kept steps', () => {
  test('become the answers of the AI and the outputs of tools', () => {
    const { answers, looks, offered } = recordedSteps([
      llm('', 'sdk_4xx_404'),
      llm('', 'sdk_timeout'),
      llm('→ look {"a":1}'),
      tool('look', '{"a":1}'),
      tool('gone', '{}', 'UnknownTool'),
      llm('no', 'refused'),
      llm('done'),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([404, 0, 200, 200, 200]);
    const messages = answers.map(({ body }) => JSON.parse(body));
    expect(messages[2]).toMatchObject({
      content: [
        { type: 'tool_use', name: 'look', input: { a: 1 } },
        { type: 'tool_use', name: 'gone', input: {} },
      ],
      stop_reason: 'tool_use',
    });
    expect(messages[3]).toMatchObject({ stop_reason: 'refusal' });
    expect(messages[4]).toMatchObject({ content: [{ type: 'text', text: 'done' }], stop_reason: 'end_turn' });
    expect(looks).toMatchObject([
      { name: 'look', input: { a: 1 }, said: 'said', how: 'ok' },
      { name: 'gone', how: 'refused' },
    ]);
    expect(offered.map(({ name }) => name)).toEqual(['look']);
  });

  test.each<[string, KeptStep[]]>([
    ['an answer', [llm('first'), llm(CUT)]],
    ['an input', [llm(''), tool('look', `{"a":"${CUT}"}`)]],
    ['a number of steps', [llm('first'), { kind: 'omitted', count: 3 }]],
  ])('in which %s was shortened cannot run again', (_what, steps) => {
    expect(() => recordedSteps(steps)).toThrow('step 2 was shortened or redacted');
  });
});
