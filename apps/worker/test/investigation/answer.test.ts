import { describe, expect } from 'vitest';

import { callsTools, DIAGNOSIS, diagnose, finds, message } from '../../../../test/support/anthropic.ts';
import { test } from '../../../../test/support/fixtures.ts';
import { type Answer, json } from '../../../../test/support/http-double.ts';

import { investigating } from '../investigating.ts';
import { DM, found, look } from './looking.ts';

describe('an answer', () => {
  const answered = async (ns: Parameters<typeof investigating>[0], answer: Answer) => {
    const { investigate } = await investigating(ns, [callsTools({ name: 'look' }), answer], { tools: [look()] });
    return investigate();
  };

  test('keeps quotes that are in their source, and drops the others', async ({ ns }) => {
    const evidence = [
      { source: 'call-1', quote: 'HTTP  401 from\nthe API' },
      { source: 'row', quote: 'HTTP 401 from the API' },
      { source: 'call-1', quote: 'the token expired yesterday' },
      { source: 'call-7', quote: 'HTTP 401' },
      { source: 'row', quote: 'Fly' },
    ];
    const report = await answered(ns, finds({ ...found, evidence }));
    expect(report).toMatchObject({ verdict: 'confirmed', evidence: [evidence[0]], droppedQuotes: 4 });
  });

  test('confirmed by nothing is lowered to likely', async ({ ns }) => {
    const report = await answered(ns, finds({ ...found, evidence: [{ source: 'call-1', quote: 'made up' }] }));
    expect(report).toMatchObject({ verdict: 'likely', text: `Likely, not confirmed: ${DM}` });
  });

  test('states its doubt in words', async ({ ns }) => {
    const report = await answered(ns, finds({ ...found, verdict: 'inconclusive' }));
    expect(report).toMatchObject({ text: `Inconclusive: ${DM}` });
  });

  test.for<[string, string, string]>([
    ['in a code fence', `\`\`\`json\n${JSON.stringify(found)}\n\`\`\``, DM],
    ['with a verdict of its own', JSON.stringify({ ...found, verdict: 'certain' }), `Inconclusive: ${DM}`],
    [
      'that breaks off',
      JSON.stringify(found).slice(0, 60),
      'Inconclusive: The API answers 401. The\nNext step: check it',
    ],
    ['in plain text', DIAGNOSIS, DIAGNOSIS],
    [
      'on several lines',
      JSON.stringify({ ...found, diagnosis: 'One.\n\nTwo.' }),
      'One.\n\nTwo.\nNext step: Renew the token.',
    ],
  ])('%s is sent all the same', async ([_name, text, told], { ns }) => {
    const report = await answered(ns, json(200, message(text)));
    expect(report).toMatchObject({ kind: 'diagnosis', text: expect.stringContaining(told) });
  });

  test('of a server without schemas is requested in plain text from then on', async ({ ns }) => {
    const refusal: Answer = json(400, { error: { type: 'invalid', message: 'output_config.format: unknown field' } });
    const { investigate, asked, log } = await investigating(ns, [refusal, diagnose, diagnose], { tools: [look()] });
    expect(await investigate()).toMatchObject({ kind: 'diagnosis', text: DIAGNOSIS });
    expect(await investigate()).toMatchObject({ kind: 'diagnosis' });
    expect(asked().map(({ output_config }) => 'format' in output_config)).toEqual([true, false, false]);
    expect(log.lines).toMatchObject([{ event: 'engine.unsupported', feature: 'schema' }]);
  });

  test('of a server without tools is requested without them', async ({ ns }) => {
    const refusal: Answer = json(400, { error: { type: 'invalid', message: 'this model does not support tools' } });
    const { investigate, asked } = await investigating(ns, [refusal, diagnose], { tools: [look()] });
    expect(await investigate()).toMatchObject({ kind: 'diagnosis', text: DIAGNOSIS });
    expect(asked().map(({ tools }) => tools !== undefined)).toEqual([true, false]);
  });

  test.for<[string, string, string | undefined]>([
    ['a line break in a quote', JSON.stringify(found).replace('HTTP 401', 'HTTP\n401'), 'confirmed'],
    ['words around it', `Here it is: ${JSON.stringify(found)} I hope this helps.`, 'confirmed'],
    ['a verdict in capitals', JSON.stringify({ ...found, verdict: 'Confirmed' }), 'confirmed'],
    ['braces and no JSON', '{fly-1, fly-2} both return 401: renew the token.', undefined],
  ])('with %s is used', async ([_name, text, verdict], { ns }) => {
    const report = await answered(ns, json(200, message(text)));
    expect(report).toMatchObject({ kind: 'diagnosis', ...(verdict && { verdict, text: DM }) });
  });

  test('with 400,000 spaces is parsed in linear time', async ({ ns }) => {
    // Quadratic time would take minutes, longer than a test may.
    await answered(ns, json(200, message(`{${' '.repeat(400_000)}x`)));
  });

  test('with a quote of the LLM’s own input, or of an earlier answer, proves nothing', async ({ ns }) => {
    const claim = 'the production database has been deleted';
    const echo = look(async ({ host }) => `not a host: ${JSON.stringify(host)}`);
    const past = { ...look(async () => 'the disk may be full'), secondhand: true };
    for (const [tool, input, quote] of [
      [echo, { host: claim }, claim],
      [past, {}, 'the disk may be full'],
    ] as const) {
      const answers = [
        callsTools({ name: tool.name, input }),
        finds({ ...found, evidence: [{ source: 'call-1', quote }] }),
      ];
      const { investigate } = await investigating(ns, answers, { tools: [tool] });
      expect(await investigate()).toMatchObject({ verdict: 'likely' });
    }
  });
});
