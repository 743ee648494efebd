/** The message of an incident in each state, as a person reads it. The expected texts are in the folder `messages`. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { aWake } from '../../../../test/support/fixtures.ts';
import { readable } from '../../../../test/support/readable-blocks.ts';
import { refusalOf } from '../../../../test/support/slack-limits.ts';
import { type BlockExtras, buttonsFor, type DmBlock, dmBlocks } from '../../src/wake/blocks.ts';
import { INCIDENT_STATES } from '../../src/wake/incident.ts';
import { type IncidentFacts, incidentLine } from '../../src/wake/incident-line.ts';
import { deliveryNote, directMessage } from '../../src/wake/message.ts';
import { isRepeating, NOTICE_KINDS, noticeNote } from '../../src/wake/notice.ts';
import { VERDICTS } from '../../src/wake/outcome.ts';
import { type EngineErrorCode, fallbackReport, NO_USAGE, type Report } from '../../src/wake/report.ts';
import { escapeForSlack } from '../../src/wake/text.ts';
import type { Wake } from '../../src/wake/wake.ts';

const T0 = Date.UTC(2026, 10, 26, 14, 3);
const MINUTE_MS = 60_000;

const wake = aWake({
  category: 'service_unhealthy',
  title: 'Fly app(s) unreachable: HTTP 401',
  detail: 'Fly probe reported status=unhealthy.',
  emittedAt: T0,
  links: { runbook: 'https://wiki.example.com/fly' },
});

const report: Report = {
  kind: 'diagnosis',
  text: 'The Fly API refuses the probe with 401: its token expired at midnight.\nNext step: run `fly tokens create`.',
  verdict: 'confirmed',
  evidence: [{ source: 'call-1', quote: 'HTTP 401 token expired' }],
  model: 'm',
  usage: NO_USAGE,
  costUsd: 0.0049,
  durationMs: 12_840,
  calls: [{ route: 'probe_investigation', model: 'm', usage: NO_USAGE, durationMs: 12_000 }],
  toolCalls: [{ source: 'call-1', name: 'http_check', status: 'ok', durationMs: 300 }],
};

const facts: IncidentFacts = {
  state: 'firing',
  startedAt: T0,
  closedAt: null,
  closeReason: null,
  by: null,
  snoozedUntil: null,
  rows: 15,
  wakes: 1,
  flaps: 0,
};
const over = { ...facts, state: 'closed' as const, closedAt: T0 + 72 * MINUTE_MS };

/** Text and blocks, as a worker sends or edits them. */
function message(incident: IncidentFacts, extras: BlockExtras = {}, said: Report = report, about: Wake = wake) {
  const line = incidentLine(incident);
  const all = { consoleUrl: 'https://ops.example.com', line, ...extras };
  const isOver = incident.state === 'closed';
  return {
    text: escapeForSlack(directMessage(about, said, { ...all, note: `${extras.note ?? ''}\n\n(${line})` })),
    blocks: [...dmBlocks(about, said, { ...all, isOver }), ...buttonsFor('i-1', incident.state, said)] as DmBlock[],
  };
}

const fallback = (code: EngineErrorCode): Report => ({
  ...fallbackReport(code, 900),
  calls: [
    {
      route: 'probe_investigation',
      model: 'm',
      usage: NO_USAGE,
      durationMs: 900,
      error: code,
      reason: '529 overloaded_error: try again later',
    },
  ],
});

const STATES: Record<string, ReturnType<typeof message>> = {
  firing: message(facts),
  consecutive: message({ ...facts, rows: 3 }, {}, report, { ...wake, buffered: 2 }),
  acknowledged: message({ ...facts, state: 'acknowledged', by: 'ada' }),
  snoozed: message({ ...facts, state: 'snoozed', by: 'ada', snoozedUntil: T0 + 60 * MINUTE_MS }),
  recovered: message({ ...over, closeReason: 'recovered' }),
  resolved: message({ ...over, closeReason: 'resolved', by: 'ada' }),
  expired: message({ ...over, closeReason: 'expired', flaps: 2 }),
  late: message(facts, { note: deliveryNote({ lateMs: 12 * MINUTE_MS, older: 2, mayRepeat: false }) }),
  'possible duplicate': message(facts, { note: deliveryNote({ lateMs: 0, older: 0, mayRepeat: true }) }),
  judged: message(over, { feedback: { verdict: 'wrong', cause: 'the card had expired', by: 'ada', at: T0 } }),
  reminder: message(
    { ...facts, state: 'acknowledged', by: 'ada' },
    { note: noticeNote('reminder', 240 * MINUTE_MS, 'ada') },
  ),
  'snooze ended': message(facts, { note: noticeNote('snooze_ended', 75 * MINUTE_MS, null) }),
  escalation: message(facts, { note: noticeNote('escalation', 10 * MINUTE_MS, null) }),
  reposted: message(facts, { note: noticeNote('reposted', 10 * MINUTE_MS, null) }),
  fallback: message(facts, {}, fallback('sdk_5xx')),
  'fallback without a server': message(facts, {}, fallbackReport('engine_unavailable')),
};

describe('the message of an incident', () => {
  test.each(Object.entries(STATES))('%s', async (name, { text, blocks }) => {
    const file = `messages/${name.replaceAll(' ', '-')}.txt`;
    await expect(`${readable(blocks)}\n`).toMatchFileSnapshot(file);
    expect(refusalOf(text, blocks)).toBeUndefined();
  });

  test.each([
    'engine_unavailable',
    'cost_ladder_halted',
    'sdk_timeout',
    'sdk_auth',
    'sdk_rate_limited',
    'sdk_5xx',
    'sdk_4xx_413',
    'sdk_transport',
    'empty_response_text',
    'refused',
    'tool_use_max_iterations_exceeded',
  ] as const)('says in a sentence why there is no diagnosis: %s', (code) => {
    const { text, blocks } = message(facts, {}, fallbackReport(code));
    expect(text).toContain(`engine returned: ${code}`);
    expect(readable(blocks)).toMatch(
      /^Not investigated: the AI .*\.$|^Not investigated: this month's AI budget is spent\.$/m,
    );
  });
});

test('Slack accepts the message of any alert, diagnosis and note in any state', () => {
  const long = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.constantFrom(
      '',
      ' ',
      '\n',
      '<!channel>',
      '`',
      '&'.repeat(9_000),
      '😀'.repeat(5_000),
      '\u0000\u202e',
      'x `y z` '.repeat(900),
    ),
  );
  const anyReport = fc.oneof(
    fc
      .record({ text: long, quote: long, verdict: fc.constantFrom(...VERDICTS), cost: fc.constantFrom(null, 0, 1e9) })
      .map(({ text, quote, verdict, cost }) =>
        Object.assign(structuredClone(report), {
          text: `${text}\nNext step: ${quote}`,
          verdict,
          evidence: [{ source: quote, quote }],
          costUsd: cost,
          toolCalls: [{ source: 's', name: quote, status: 'ok', durationMs: 1 }],
        }),
      ),
    fc.constantFrom(fallback('sdk_5xx'), fallback('engine_exception:X'), fallbackReport('refused')),
  );
  const notes = NOTICE_KINDS.filter(isRepeating).map((kind) => noticeNote(kind, 1e12, 'x'.repeat(100)));
  fc.assert(
    fc.property(
      fc.record({ probe: long, category: long, severity: long, title: long, detail: long }),
      fc.record({ emittedAt: fc.constantFrom(T0, 0, -1, Number.NaN, 8.64e15), name: long }),
      anyReport,
      fc.constantFrom(...INCIDENT_STATES),
      fc.constantFrom('', ...notes),
      (texts, { emittedAt, name }, said, state, note) => {
        const about = aWake({ ...texts, emittedAt, links: { [name]: 'https://example.com/a' } });
        const incident = { ...facts, state, by: texts.probe, snoozedUntil: T0, rows: 1e9, flaps: 1e6 };
        const feedback = { verdict: 'wrong' as const, cause: texts.detail, by: texts.probe, at: T0 };
        const { text, blocks } = message(incident, { note, feedback }, said, about);
        expect(refusalOf(text, blocks)).toBeUndefined();
      },
    ),
    { interruptAfterTimeLimit: 2_000, numRuns: 10_000 },
  );
});
