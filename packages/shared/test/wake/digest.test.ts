/** The messages of a storm: Slack accepts each of them, and they name every alert, whatever its name is. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { refusalOf } from '../../../../test/support/slack-limits.ts';
import {
  digestMessage,
  namesForDigest,
  namesForPart,
  partText,
  type StormFacts,
  stormLine,
} from '../../src/wake/digest.ts';
import { INCIDENT_STATES } from '../../src/wake/incident.ts';
import { debounceId } from '../../src/wake/pair.ts';
import { fallbackReport, NO_USAGE, type Report } from '../../src/wake/report.ts';
import type { StormMember } from '../../src/wake/storm.ts';

const T0 = Date.UTC(2026, 10, 26, 14, 3);

function member(probe: string, category: string, more: Partial<StormMember> = {}): StormMember {
  return {
    probe,
    category,
    pair: debounceId(probe, category),
    notice: '',
    isNamed: false,
    incidentId: 'i-1',
    lastWakeId: 'w-1',
    state: 'firing',
    severity: 'warning',
    rows: 1,
    isMember: true,
    isWaiting: true,
    ...more,
  };
}

const STORM: StormFacts = {
  id: 's-1',
  cause: 'storm',
  state: 'firing',
  severity: 'warning',
  openedAt: T0,
  closedAt: null,
  by: null,
  snoozedUntil: null,
  members: [],
};

const diagnosis: Report = {
  kind: 'diagnosis',
  text: 'The router of rack 4 is down.\nNext step: `ssh rack4` and restart it.',
  model: 'm',
  usage: NO_USAGE,
  costUsd: 0.01,
  durationMs: 1_000,
  calls: [],
};

const about = { report: undefined, isInvestigated: false, note: '', line: 'x', hasButtons: true };

/** All messages that name the members: the digest, then its replies. */
function messages(members: StormMember[]): string[] {
  const first = namesForDigest(members);
  const assigned = members.map((each) => (first.includes(each) ? { ...each, notice: 'n-1' } : each));
  const texts = [digestMessage({ ...STORM, members: assigned }, 'n-1', about).text];
  for (let left = members.filter((each) => !first.includes(each)); left.length > 0; ) {
    const names = namesForPart(left);
    expect(names.length).toBeGreaterThan(0);
    texts.push(partText(names, ''));
    left = left.filter((each) => !names.includes(each));
  }
  return texts;
}

describe('a digest', () => {
  test('says how many alerts came, names them with their counts, critical ones first, and has the diagnosis', () => {
    const members = [
      member('fly', 'deploy', { rows: 1_200 }),
      member('dns', 'lookup', { severity: 'critical' }),
      member('web', 'health', { state: 'closed' }),
    ];
    const storm = { ...STORM, severity: 'critical', members };
    const { text, blocks } = digestMessage(storm, '', { ...about, report: diagnosis, line: stormLine(storm) });
    expect(text).toBe(`🚨 Alert storm · 3 alerts, 1 critical
The router of rack 4 is down.
Next step: \`ssh rack4\` and restart it.

• dns / lookup, critical
• deploy: fly ×1200
• health: web ✓
(✓ over)

(Since 2026-11-26 14:03 UTC · 2 firing · 1 over)`);
    expect(JSON.stringify(blocks)).toContain('"style":{"code":true}');
    expect(refusalOf(text, blocks)).toBeUndefined();
  });

  test('says that it is over, that people take care of it, and which alerts have newer messages', () => {
    const members = [member('a', 'b', { state: 'closed' }), member('c', 'd', { isMember: false })];
    expect(stormLine({ ...STORM, members, state: 'acknowledged', by: 'ada' })).toBe(
      'Acknowledged by ada · since 2026-11-26 14:03 UTC · 1 over · 1 with newer messages',
    );
    expect(stormLine({ ...STORM, members, state: 'closed', closedAt: T0 + 720_000 })).toMatch(
      /^Over 2026-11-26 14:15 UTC after 12 min · /,
    );
  });

  test('without a diagnosis gives the reason; a storm of a hold says so', () => {
    const { text } = digestMessage({ ...STORM, cause: 'hold', members: [member('a', 'b')] }, '', {
      ...about,
      report: fallbackReport('sdk_timeout'),
    });
    expect(text).toContain('1 alert came during the hold');
    expect(text).toContain('I was unable to investigate the common cause — engine returned: sdk_timeout');
  });

  test('cannot mention anybody, and hides secrets in names', () => {
    const token = `ghp_${'a1B2'.repeat(9)}`;
    const [text = ''] = messages([member('<!channel>', `x ${token}`)]);
    expect(text).toContain('&lt;!channel&gt;');
    expect(text).not.toContain(token);
  });
});

test('Slack accepts all messages, also after their counts have grown, and each alert is named in one', () => {
  const word = fc.string({ unit: 'binary', minLength: 1, maxLength: 200 });
  const name = fc.oneof(word, fc.constantFrom('&'.repeat(200), '<!channel>', 'a, b', 'x\n• fake / alert', 'é'));
  const anyMember = fc.record({
    probe: name,
    category: name,
    rows: fc.constantFrom(1, 2, 9_999, 123_456),
    severity: fc.constantFrom('critical', 'warning'),
    state: fc.constantFrom(...INCIDENT_STATES),
  });
  fc.assert(
    fc.property(
      fc.array(anyMember, { minLength: 1, maxLength: 200 }),
      fc.constantFrom(undefined, diagnosis),
      (given, report) => {
        const members = given.map(({ probe, category, ...more }) => member(probe, category, more));
        const first = namesForDigest(members);
        const assigned = members.map((each) => ({
          ...each,
          notice: first.includes(each) ? 'n-1' : '',
          rows: 1_234_567,
        }));
        const storm = { ...STORM, members: assigned };
        const { text, blocks } = digestMessage(storm, 'n-1', { ...about, report, line: stormLine(storm) });
        expect(refusalOf(text, blocks)).toBeUndefined();
        let left = members.filter((each) => !first.includes(each));
        let names = first.length;
        for (; left.length > 0; names += 0) {
          const part = namesForPart(left);
          expect(part.length).toBeGreaterThan(0);
          const grown = part.map((each) => ({ ...each, rows: 1_234_567 }));
          expect(
            refusalOf(
              partText(grown, '\n\n(Possible duplicate: Slack did not confirm an earlier attempt.)'),
              undefined,
            ),
          ).toBeUndefined();
          left = left.filter((each) => !part.includes(each));
          names += part.length;
        }
        expect(names).toBe(members.length);
        // As many lines begin with the mark of a name as there are names or categories: a name cannot add one.
        const shown = text.split('\n').filter((line) => line.startsWith('• ')).length;
        expect(shown).toBeLessThanOrEqual(members.length);
      },
    ),
    { interruptAfterTimeLimit: 2_000, numRuns: 2_000 },
  );
});
