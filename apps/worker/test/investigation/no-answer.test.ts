import { describe, expect } from 'vitest';
import { callsTools, DIAGNOSIS, diagnose, finds, message } from '../../../../test/support/anthropic.ts';
import { test } from '../../../../test/support/fixtures.ts';
import { type Answer, json } from '../../../../test/support/http-double.ts';
import { investigating } from '../investigating.ts';
import { DM, found, look } from './looking.ts';

const says = (text: string, more = {}): Answer => json(200, message(text, more));
const ANSWER = JSON.stringify(found);
const DRAFT = JSON.stringify({ ...found, diagnosis: 'The database is on fire.' });
const CALL = '{"name": "look", "arguments": {"minutes": 60}}';
const THOUGHTS = { content: [{ type: 'thinking', thinking: 'Hm.', signature: 's' }], stop_reason: 'max_tokens' };

describe('a text with more than the answer', () => {
  test.for<[string, string, string]>([
    ['thinking', `<think>\nDraft: ${DRAFT} no, wrong.\n</think>\n${ANSWER}`, DM],
    ['thinking under another name', `<reasoning>${DRAFT}</reasoning>${ANSWER}`, DM],
    ['thinking in brackets', `[THINK]${DRAFT}[/THINK]${ANSWER}`, DM],
    ['thinking without its beginning', `${DRAFT}\n</think>\n${ANSWER}`, DM],
    ['thinking about thinking', `<think>I <think> ${DRAFT}</think> so </think>${ANSWER}`, DM],
    ['thinking before prose, without its beginning', `Is it on fire? No.\n</think>\n\n${DIAGNOSIS}`, DIAGNOSIS],
    ['thinking before prose', `<think>Okay.</think>\n\n${DIAGNOSIS}`, DIAGNOSIS],
    [
      'channels',
      `<|channel|>analysis<|message|>${DRAFT}<|end|><|start|>assistant<|channel|>final<|message|>${ANSWER}<|return|>`,
      DM,
    ],
    ['a draft', `First: ${DRAFT}\nBetter: ${ANSWER}`, DM],
    ['an unfit object after it', `${ANSWER}\n{"diagnosis": "none", "confidence": 3}`, DM],
    ['a tool call before it', `<tool_call>\n${CALL}\n</tool_call>\n${DIAGNOSIS}`, DIAGNOSIS],
    ['the mark of its end', `${DIAGNOSIS}<|im_end|>`, DIAGNOSIS],
  ])('is read without %s', async ([_name, text, dm], { ns }) => {
    const { investigate, asked } = await investigating(ns, [callsTools({ name: 'look' }), says(text)], {
      tools: [look()],
    });
    expect(await investigate()).toMatchObject({ kind: 'diagnosis', text: dm });
    expect(asked()).toHaveLength(2);
  });

  test('is read without thinking, whatever was read before', async ({ ns }) => {
    const before = `<think>${'This takes a while. '.repeat(20)}</think>${DIAGNOSIS}`;
    const { investigate } = await investigating(ns, [
      says(before),
      says(`Is it on fire? No.\n</think>\n\n${DIAGNOSIS}`),
    ]);
    for (let i = 0; i < 2; i++) expect(await investigate()).toMatchObject({ kind: 'diagnosis', text: DIAGNOSIS });
  });

  test('may mention these marks in its words', async ({ ns }) => {
    const diagnosis = 'The log has <think> and <tool_call> in each line.';
    const { investigate } = await investigating(ns, [finds({ ...found, diagnosis })]);
    expect(await investigate()).toMatchObject({ text: expect.stringContaining(diagnosis) });
  });

  test('of 400,000 marks is read in linear time', async ({ ns }) => {
    // Quadratic time would take minutes, longer than a test may.
    for (const mark of ['<think>', '</think>', '{"a":', '<tool_call>', '{"diagnosis":"', '\\"', '```tool_code\n']) {
      const { investigate } = await investigating(ns, [says(mark.repeat(400_000 / mark.length))]);
      expect(await investigate()).toMatchObject({ kind: 'diagnosis' });
    }
  });
});

describe('an answer of another shape', () => {
  test.for<[string, string, string]>([
    [
      'an object',
      '{"summary":"The API answers 401.","next_action":"Renew the token."}',
      'Summary: The API answers 401.\nNext action: Renew the token.',
    ],
    [
      'an object in a fence',
      '```json\n{"summary":{"cause":"401"},"hosts":["a","b"]}\n```',
      'Summary: Cause: 401\nHosts: a\nb',
    ],
    ['words and an object', 'Result:\n{"cause":"401"}', 'Result:\nCause: 401'],
    ['a wrapped answer', JSON.stringify({ answer: { ...found, evidence: [] } }), `Likely, not confirmed: ${DM}`],
    [
      'an answer as a text in JSON',
      JSON.stringify(JSON.stringify({ ...found, verdict: 'inconclusive' })),
      `Inconclusive: ${DM}`,
    ],
    [
      'a list of next steps',
      JSON.stringify({ ...found, verdict: 'inconclusive', next_step: ['Renew the token.', 'Wait.'] }),
      `Inconclusive: ${DM} Wait.`,
    ],
    [
      'a list of causes',
      JSON.stringify({ ...found, verdict: 'inconclusive', diagnosis: ['• 401', '• expired'] }),
      'Inconclusive: • 401\n• expired\nNext step: Renew the token.',
    ],
    [
      'prose with the word',
      'The "diagnosis" is easy: {fly-1} refuses the token.',
      'The "diagnosis" is easy: {fly-1} refuses the token.',
    ],
    ['prose with an object', 'It answers {"error": "401"}. Renew it.', 'It answers {"error": "401"}. Renew it.'],
    ['prose with a list', 'Two causes:\n\n- 401\n- 403', 'Two causes:\n\n- 401\n- 403'],
  ])('is read: %s', async ([_name, text, dm], { ns }) => {
    const { investigate, asked } = await investigating(ns, [says(text)]);
    expect(await investigate()).toMatchObject({ kind: 'diagnosis', text: dm });
    expect(asked()).toHaveLength(1);
  });
});

describe('a reply without an answer', () => {
  const replies: Array<[string, Answer]> = [
    ['nothing', says('')],
    ['blanks', says(' \n ')],
    ['only thinking', says('<think>The database is on fire.</think>')],
    ['thinking that does not end', says(`<think>\n${DRAFT}`)],
    ['thinking that used up its output', says('', THOUGHTS)],
    ['a tool call as text', says(`<tool_call>\n${CALL}\n</tool_call>`)],
    ['a tool call as an object', says(CALL)],
    ['a tool call in a fence', says(`\`\`\`json\n${CALL}\n\`\`\``)],
    ['a tool call of another model', says(`[TOOL_CALLS][${CALL}]`)],
    ['words that announce a tool call', says(`I will look first.\n\n<function=look>{}</function>`)],
    ['words that announce an object', says(`I will look first.\n${CALL}`)],
    ['words instead of a call', says('Let me look.', { stop_reason: 'tool_use' })],
    ['the end of its turn for no call', says('', { stop_reason: 'tool_use' })],
    ['an empty object', says('{}')],
    ['a verdict alone', says('{"verdict":"confirmed"}')],
    ['a blank diagnosis', says(JSON.stringify({ ...found, diagnosis: ' ' }))],
  ];

  test.for(replies)(
    'after tools, %s: is asked once more, without tools and with low effort',
    async ([_name, reply], { ns }) => {
      const { investigate, asked } = await investigating(ns, [callsTools({ name: 'look' }), reply, diagnose], {
        tools: [look()],
      });
      expect(await investigate()).toMatchObject({ kind: 'diagnosis', text: DIAGNOSIS });
      const last = asked()[2];
      expect(last).toMatchObject({ messages: [{ role: 'user' }], output_config: { effort: 'low' } });
      expect(last.tools).toBeUndefined();
      expect(last.messages[0].content).toContain('HTTP 401 from the API');
      expect(asked()).toHaveLength(3);
    },
  );

  test.for(replies.filter(([name]) => !name.startsWith('words')))(
    'twice, %s: ends with the fallback',
    async ([_name, reply], { ns }) => {
      const { investigate, asked } = await investigating(ns, [reply, reply]);
      expect(await investigate()).toMatchObject({ kind: 'fallback', code: 'empty_response_text' });
      expect(asked()).toHaveLength(2);
    },
  );
});
