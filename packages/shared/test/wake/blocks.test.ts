import { describe, expect, test } from 'vitest';
import { aWake } from '../../../../test/support/fixtures.ts';
import { dmBlocks } from '../../src/wake/blocks.ts';
import { fallbackReport, NO_USAGE, type Report } from '../../src/wake/report.ts';
import { escapeForSlack } from '../../src/wake/text.ts';
import type { Wake } from '../../src/wake/wake.ts';

const wake = aWake({
  category: 'service_unhealthy',
  title: 'Fly app(s) unreachable: HTTP 401',
  detail: 'Fly probe reported status=unhealthy.',
});

const diagnosis = (text: string): Report => ({
  kind: 'diagnosis',
  text,
  verdict: 'likely',
  model: 'm',
  usage: NO_USAGE,
  costUsd: 0,
  durationMs: 1,
  calls: [],
});

function headerOf(changed: Partial<Wake>): string {
  const [header] = dmBlocks({ ...wake, ...changed }, diagnosis('It is down.'));
  return header?.type === 'header' ? header.text.text : '';
}

describe('the blocks of a DM', () => {
  test('name the issue, then the diagnosis, and the next step as a part of its own', () => {
    const blocks = dmBlocks(wake, diagnosis('It is down.\nNext step: run `fly auth login`, then `ok`.'));
    expect(blocks.slice(0, 3)).toEqual([
      {
        type: 'header',
        text: { type: 'plain_text', text: '🚨 fly · Fly app(s) unreachable: HTTP 401', emoji: false },
      },
      {
        type: 'rich_text',
        elements: [{ type: 'rich_text_section', elements: [{ type: 'text', text: 'It is down.' }] }],
      },
      {
        type: 'rich_text',
        elements: [
          {
            type: 'rich_text_section',
            elements: [
              { type: 'text', text: 'Next step: ', style: { bold: true } },
              { type: 'text', text: 'run ' },
              { type: 'text', text: 'fly auth login', style: { code: true } },
              { type: 'text', text: ', then ' },
              { type: 'text', text: 'ok', style: { code: true } },
              { type: 'text', text: '.' },
            ],
          },
          { type: 'rich_text_preformatted', elements: [{ type: 'text', text: 'fly auth login' }] },
        ],
      },
    ]);
  });

  test('show short links of the alert, and none that looks like ours', () => {
    const links = {
      runbook: 'https://wiki.example.com/fly',
      ' console ': 'https://evil.example/',
      long: `https://example.com/${'x'.repeat(1_980)}`,
    };
    const blocks = dmBlocks({ ...wake, links }, diagnosis('It is down.'), { consoleUrl: 'https://ops.example.com' });
    const urls = [...JSON.stringify(blocks).matchAll(/"url":"([^"]+)"/g)].map(([, url]) => url);
    expect(urls).toEqual(['https://ops.example.com/#/investigations/w-1', 'https://wiki.example.com/fly']);
  });

  test('keep planted control sequences as letters', () => {
    const planted = '<!channel> <@U1> *b* <https://evil.example|click>';
    const blocks = dmBlocks({ ...wake, title: planted, category: planted }, diagnosis(planted));
    expect(JSON.stringify(blocks)).not.toMatch(/"(?:mrkdwn|user|broadcast|channel|usergroup)"/);
    expect(JSON.stringify(blocks)).toContain(planted);
    expect(blocks.flatMap((block) => JSON.stringify(block).match(/"type":"link"/g) ?? [])).toEqual([]);
  });

  test('have a header within Slack’s limit, with probe and title, whatever their length', () => {
    const long = headerOf({ probe: 'p'.repeat(200), title: `The title ${'t'.repeat(1_000)}` });
    expect(long.length).toBeLessThanOrEqual(150);
    expect(long).toMatch(/^🚨 p{59}… · The title t+…$/);
    expect(escapeForSlack(headerOf({ title: '&'.repeat(1_000) })).length).toBeLessThanOrEqual(150);
    expect(headerOf({ title: `a${'😀'.repeat(200)}` }).isWellFormed()).toBe(true);
    expect(headerOf({ title: 'one\nline' })).toBe('🚨 fly · one line');
  });

  test('contain no secret of the title', () => {
    expect(headerOf({ title: 'key sk-ant-api03-AAAAAAAAAAAAAAAA' })).not.toContain('AAAAAAAA');
  });

  test('link to the rest of a shortened text', () => {
    const consoleUrl = 'https://ops.example.com';
    const [, text] = dmBlocks({ ...wake, detail: 'x'.repeat(9_000) }, fallbackReport('sdk_5xx'), { consoleUrl });
    const elements = text?.type === 'rich_text' ? text.elements[0]?.elements : undefined;
    expect(elements).toMatchObject([
      { type: 'text', text: expect.stringMatching(/more characters\)\n$/) },
      { type: 'link', url: `${consoleUrl}/#/investigations/w-1` },
      { type: 'text', text: expect.stringContaining('engine returned: sdk_5xx') },
    ]);
    const [, answer] = dmBlocks(wake, diagnosis('x'.repeat(9_000)), { consoleUrl });
    expect(answer?.type === 'rich_text' && answer.elements[0]?.elements.at(-1)?.type).toBe('link');
  });
});
