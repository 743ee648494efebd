import { describe, expect, test } from 'vitest';
import { resultText, toolResult } from '../../../src/tools/mcp/result.ts';

const texts = (...values: string[]) => values.map((text) => ({ type: 'text', text }));
const shown = (result: unknown) => resultText(toolResult.parse(result));

describe('structured content', () => {
  test.each<[string, unknown, string]>([
    ['without text', { content: [], structuredContent: { up: false } }, '{"up":false}'],
    ['without content', { structuredContent: { up: false } }, '{"up":false}'],
    ['next to null', { content: null, structuredContent: { up: false }, isError: null }, '{"up":false}'],
    ['next to an empty text', { content: texts(''), structuredContent: { up: false } }, '{"up":false}'],
    ['next to white space', { content: texts(' \n', '\t'), structuredContent: { up: false } }, '{"up":false}'],
    ['next to a summary', { content: texts('1 result'), structuredContent: { up: false } }, '1 result\n{"up":false}'],
    ['that says more', { content: texts('{"a":1}'), structuredContent: { a: 1, b: 2 } }, '{"a":1}\n{"a":1,"b":2}'],
    [
      'next to an image',
      { content: [{ type: 'image', data: 'AAAA', mimeType: 'x' }], structuredContent: { a: 1 } },
      '[image, 3 bytes]\n{"a":1}',
    ],
    ['that is a list', { content: texts('two'), structuredContent: [1, 2] }, 'two\n[1,2]'],
    ['that is zero', { content: [], structuredContent: 0 }, '0'],
  ])('is shown: %s', (_, result, expected) => {
    expect(shown(result)).toBe(expected);
  });

  test.each<[string, unknown, string]>([
    ['as it is', { content: texts('{"a":1,"b":2}'), structuredContent: { a: 1, b: 2 } }, '{"a":1,"b":2}'],
    [
      'in another order',
      { content: texts('{ "b": 2, "a": 1.0 }'), structuredContent: { a: 1, b: 2 } },
      '{ "b": 2, "a": 1.0 }',
    ],
    ['after a summary', { content: texts('found:', '{"a":1}'), structuredContent: { a: 1 } }, 'found:\n{"a":1}'],
    [
      'in a resource',
      { content: [{ type: 'resource', resource: { uri: 'x', text: '{"a":1}' } }], structuredContent: { a: 1 } },
      '{"a":1}',
    ],
    ['without its wrapper', { content: texts('a b'), structuredContent: { result: 'a b' } }, 'a b'],
    ['item by item', { content: texts('{"a":1}', '2'), structuredContent: { result: [{ a: 1 }, 2] } }, '{"a":1}\n2'],
    ['as a text that is JSON', { content: texts('{"a":1}'), structuredContent: { content: '{"a":1}' } }, '{"a":1}'],
    ['null', { content: texts('x'), structuredContent: null }, 'x'],
  ])('is not shown twice: %s', (_, result, expected) => {
    expect(shown(result)).toBe(expected);
  });

  test('that is nested too deeply does not hide the text', () => {
    const structuredContent = JSON.parse(`${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`);
    expect(shown({ content: texts('x'), structuredContent })).toBe('x\n[data that is nested too deeply]');
  });
});

test('a result without any content is not a result', () => {
  for (const result of [{}, { content: null }, { toolResult: 1 }]) {
    expect(toolResult.safeParse(result).success).toBe(false);
  }
  expect(shown({ content: [] })).toBe('(nothing)');
});
