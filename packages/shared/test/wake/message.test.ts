import { describe, expect, test } from 'vitest';
import { investigationPrompt, wakeText } from '../../../../apps/worker/src/investigation/prompt.ts';
import { aWake } from '../../../../test/support/fixtures.ts';
import { ageNote, deliveryNote, directMessage, lateMs } from '../../src/wake/message.ts';
import { dmStatus } from '../../src/wake/outcome.ts';
import { redact, redactor } from '../../src/wake/redact.ts';
import { fallbackReport, NO_USAGE, type Report, repeatedReport } from '../../src/wake/report.ts';
import { escapeForSlack } from '../../src/wake/text.ts';

const wake = aWake({
  category: 'service_unhealthy',
  title: 'Fly app(s) unreachable: HTTP 401',
  detail: 'Fly probe reported status=unhealthy.',
  snapshotDetails: { apps_running: 0 },
  envelopeFixName: 'restart_unhealthy_machine',
});

function diagnosis(text: string): Report & { kind: 'diagnosis' } {
  return { kind: 'diagnosis', text, model: 'm', usage: NO_USAGE, costUsd: 0, durationMs: 1, calls: [] };
}

describe('the DM', () => {
  test.each([
    ['critical', '🚨'],
    ['warning', '⚠️'],
    ['info', 'ℹ️'],
    ['odd', '🔔'],
    ['CRITICAL', '🔔'],
  ])('of a %s wake is headed %s', (severity, emoji) => {
    expect(directMessage({ ...wake, severity }, diagnosis('It is down.\nNext step: look.'))).toBe(
      `${emoji} Probe alert · fly\nIt is down.\nNext step: look.`,
    );
  });

  test('with an earlier diagnosis says so before it, and since when it fails', () => {
    const [opened, reopened] = [Date.UTC(2026, 10, 26, 14), Date.UTC(2026, 10, 26, 15)];
    const repeated = (since: number, text = 'It is down.\nNext step: look.') =>
      repeatedReport(diagnosis(text), { wakeId: 'w-0', at: Date.UTC(2026, 10, 26, 14, 3), since });
    const end = 'so the diagnosis of 2026-11-26 14:03 UTC is repeated.\n\nIt is down.\nNext step: look.';
    expect(directMessage(wake, repeated(opened))).toBe(
      `🚨 Probe alert · fly\nStill failing since 2026-11-26 14:00 UTC; nothing has changed, ${end}`,
    );
    expect(directMessage(wake, repeated(reopened))).toBe(
      `🚨 Probe alert · fly\nFailing again since 2026-11-26 15:00 UTC; nothing has changed, ${end}`,
    );
    expect(directMessage(wake, repeated(opened), { isOver: true })).toMatch(
      /\nFailed since 2026-11-26 14:00 UTC; nothing had changed, .* was repeated\.\n\nIt is down\./,
    );
    const long = { ...repeated(opened, 'word '.repeat(2_000)), verdict: 'likely' as const };
    expect(directMessage(wake, long).length).toBeLessThanOrEqual(3_900);
    expect(directMessage(wake, long).length).toBeGreaterThan(3_800);
  });

  test('without a diagnosis is the issue verbatim and the reason', () => {
    expect(directMessage(wake, fallbackReport('sdk_timeout'))).toBe(
      '🚨 Probe alert · fly\nfly (critical): Fly app(s) unreachable: HTTP 401\n\nFly probe reported status=unhealthy.\n\nI was unable to investigate — engine returned: sdk_timeout',
    );
  });

  test('contains no secret that the LLM repeats', () => {
    expect(directMessage(wake, diagnosis('The key sk-ant-api03-AAAAAAAAAAAAAAAA is bad.'))).not.toContain('AAAAAAAA');
  });

  test('has no invisible characters and none that reverse the reading order', () => {
    const text = directMessage({ ...wake, title: '\u202Egnp.exe \u0000 \u2028 line' }, fallbackReport('refused'));
    expect(text).toContain('fly (critical): gnp.exe line');
  });

  test('of a huge issue keeps its heading and its reason, and notes the cut', () => {
    const huge = { ...wake, probe: 'p'.repeat(3_000), title: 't'.repeat(5_000), detail: 'y'.repeat(60_000) };
    const text = directMessage(huge, fallbackReport('sdk_5xx'));
    expect(text.length).toBeLessThanOrEqual(3_900);
    expect(text).toContain('more characters in the audit log)');
    expect(text).toMatch(/engine returned: sdk_5xx$/);
  });

  test('is never cut inside a character', () => {
    expect(
      directMessage({ ...wake, detail: `a${'😀'.repeat(30_000)}` }, fallbackReport('refused')).isWellFormed(),
    ).toBe(true);
  });
});

describe('Slack', () => {
  test('gets no control sequence', () => {
    expect(escapeForSlack('<!channel> <@U123> <https://evil.example|click> & co')).toBe(
      '&lt;!channel&gt; &lt;@U123&gt; &lt;https://evil.example|click&gt; &amp; co',
    );
  });

  test('gets at most 3,900 characters, and the reason is never cut', () => {
    const text = escapeForSlack(directMessage({ ...wake, detail: '&'.repeat(20_000) }, fallbackReport('sdk_5xx')));
    expect(text.length).toBeLessThanOrEqual(3_900);
    expect(text.length).toBeGreaterThan(3_700);
    expect(text).toMatch(
      /&amp; … \(\d+ more characters in the audit log\)\n\nI was unable to investigate — engine returned: sdk_5xx$/,
    );
  });

  test('gets no pointer to the audit log if the answer was cut', () => {
    expect(directMessage(wake, diagnosis('x'.repeat(20_000)))).toMatch(/x … \(\d+ more characters\)$/);
  });

  test('gets at most 3,900 characters with the note about the delivery and the link, which are never cut', () => {
    const hostile = { ...wake, probe: '&'.repeat(200), severity: '<'.repeat(200), title: '>'.repeat(1_000) };
    const note = deliveryNote({ lateMs: 7_500_000, older: 47, mayRepeat: true });
    const consoleUrl = `https://ops.example.com/${'x'.repeat(276)}`;
    const texts = [
      directMessage({ ...hostile, detail: '&'.repeat(20_000) }, fallbackReport('sdk_4xx_400'), { note, consoleUrl }),
      directMessage(hostile, { ...diagnosis('<'.repeat(20_000)), verdict: 'likely' }, { note, consoleUrl }),
    ];
    for (const text of texts) {
      expect(escapeForSlack(text).length).toBeLessThanOrEqual(3_900);
      expect(text).toContain(`\n${consoleUrl}/#/investigations/w-1\n\n`);
      expect(text.endsWith(note)).toBe(true);
    }
  });

  test('gets whole sentences, and the address of the rest', () => {
    const answer = `${'The database is slow. '.repeat(200)}Next step: look.`;
    const text = directMessage(wake, diagnosis(answer), { consoleUrl: 'https://ops.example.com/kora' });
    expect(text).toMatch(
      /The database is slow\. … \(\d+ more characters\)\nhttps:\/\/ops\.example\.com\/kora\/#\/investigations\/w-1$/,
    );
  });

  test('gets an answer in plain text on one screen, and an answer with a verdict whole', () => {
    const words = 'The certificate has expired. '.repeat(80).trim();
    const plain = directMessage(wake, diagnosis(words));
    expect(plain.length).toBeLessThanOrEqual(1_200 + '🚨 Probe alert · fly\n'.length);
    expect(directMessage(wake, { ...diagnosis(words), verdict: 'confirmed' })).toContain(words);
  });
});

test('dm_status separates a diagnosis from a fallback, and sent from not sent', () => {
  expect([dmStatus(diagnosis('x'), true), dmStatus(diagnosis('x'), false)]).toEqual(['sent', 'failed_send']);
  expect([dmStatus(fallbackReport('refused'), true), dmStatus(fallbackReport('refused'), false)]).toEqual([
    'engine_unavailable_fallback',
    'engine_unavailable_failed_send',
  ]);
});

describe('the note about the delivery', () => {
  const note = (lateMs: number, older: number, mayRepeat: boolean) => deliveryNote({ lateMs, older, mayRepeat });

  test('says how late the alert is, and for how many others it stands', () => {
    expect(note(299_000, 0, false)).toBe('');
    expect(note(720_000, 0, false)).toBe('\n\n(Sent 12 min late.)');
    expect(note(7_500_000, 47, false)).toBe(
      '\n\n(Sent 2 h 5 min late. This message stands for 47 earlier alerts of this probe and category that were not sent in time.)',
    );
    expect(note(0, 1, true)).toMatch(
      /stands for 1 earlier alert of this probe and category that was not .*\n\n\(Possible/s,
    );
  });

  test('trusts no clock that cannot be right', () => {
    const now = 10 * 3_600_000;
    expect(lateMs({ ...wake, emittedAt: now + 3_600_000 }, now)).toBe(0);
    expect(lateMs({ ...wake, emittedAt: now - 3_600_000 }, now)).toBe(3_600_000);
    expect(lateMs({ ...wake, emittedAt: now - 3_600_000, appendedAfter: now - 60_000 }, now)).toBe(60_000);
  });
});

describe('the prompt', () => {
  test('contains the issue, its snapshot and the task', () => {
    const prompt = investigationPrompt(wakeText(wake), ageNote(3 * 3_600_000 + 720_000));
    for (const part of [
      'fly',
      'service_unhealthy',
      'critical',
      wake.title,
      wake.detail,
      '{"apps_running":0}',
      'The probe wrote this 3 h 12 min ago. The issue may be over by now.',
      '2-4 sentences',
      'Next step:',
    ]) {
      expect(prompt).toContain(part);
    }
  });

  test.each([
    [true, 'restart_unhealthy_machine', 'envelope: restart_unhealthy_machine (ENABLED)'],
    [false, 'restart_unhealthy_machine', 'Diagnose only'],
    [true, '(none)', 'Diagnose only'],
  ])('with envelope enabled %s and named %s says: %s', (envelopeEnabled, envelopeFixName, posture) => {
    const prompt = wakeText({ ...wake, envelopeEnabled, envelopeFixName });
    expect(prompt).toContain(posture);
    expect(prompt.includes('(ENABLED)')).toBe(posture.includes('(ENABLED)'));
  });
});

describe('redaction of text within text', () => {
  const secrets = [
    'xoxb-1234567890-abcdefghij',
    'sk-ant-api03-AAAAAAAAAAAAAAAA',
    'AKIAIOSFODNN7EXAMPLE',
    'ghp_0123456789abcdefghij0123456789abcdef',
    'Bearer abcdefghijklmnopqrstuvwx',
    'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abcdefghijk',
    'dp.st.prd.abcdefghijklmnopqrstuvwxyz',
    'postgres://app:hunter2secret@db.example.com/app',
  ];

  test.each(secrets)('finds %s after a line break or a tab of JSON, and behind invisible characters', (secret) => {
    const core = secret.slice(8, 20);
    for (const text of [`env:\n${secret}\n`, `a\t${secret}`, `${secret.slice(0, 6)}\u200b${secret.slice(6)}`]) {
      expect(redact(text)).not.toContain(secret);
      expect(redact(JSON.stringify({ out: text }))).not.toContain(core.includes('hunter2') ? 'hunter2' : core);
    }
  });

  test('finds an address whose slashes are escaped', () => {
    expect(redact('postgres:\\/\\/app:hunter2secret@db')).not.toContain('hunter2');
    expect(redact('https:\\/\\/hooks.slack.com\\/services\\/T0\\/B0\\/abcdef')).not.toContain('abcdef');
  });

  test('removes the configured values, whatever their shape', () => {
    expect(redactor([], { certain: ['swordfish'], likely: [] })('the word is swordfish')).toBe(
      'the word is [redacted credential]',
    );
  });

  test('removes only one key if the secret has no end', () => {
    const text = `-----BEGIN PRIVATE KEY-----\nMIIEvQ\nabc\n{"title":"a later row"}`;
    expect(redact(text)).toContain('a later row');
    expect(redact(text)).not.toContain('MIIEvQ');
  });
});

describe('redaction', () => {
  test.each([
    ['xoxb-1234567890-abcdefghij'],
    ['xapp-1-A012-345-abcdef'],
    ['sk-ant-api03-AAAAAAAAAAAAAAAA'],
    ['AKIAIOSFODNN7EXAMPLE'],
    ['ghp_abcdefghijklmnopqrstuvwxyz0123456789'],
    ['github_pat_11ABCDEFG0123456789_abcdefghij'],
    ['FlyV1 fm2_lJPECAAAAAAAAAAAxBAAAAAAAAAAAA'],
    ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-DEF_123'],
    ['https://hooks.slack.com/services/T000/B000/XXXX'],
    ['dp.st.prd.abcdefghijklmnopqrstuvwxyz'],
    ['-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----'],
    ['-----BEGIN PRIVATE KEY-----\nMIIE and then it was cut'],
  ])('takes out %s', (secret) => {
    expect(redact(`before ${secret}`)).toMatch(/^before \[redacted [\w ]+\]$/);
  });

  test('removes the password from a URL and keeps the rest', () => {
    expect(redact('postgres://app:hunter2@db.example:5432/x')).toBe('postgres://app:[redacted]@db.example:5432/x');
  });

  test.each([
    ['Fly app(s) unreachable: HTTP 401'],
    ['https://example.com/a:b@c'],
    ['w-aafbf18837039499248563670ba27017'],
  ])('leaves %s alone', (text) => {
    expect(redact(text)).toBe(text);
  });
});
