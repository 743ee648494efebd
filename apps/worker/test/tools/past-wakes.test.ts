/** The tools for our own past: earlier wakes and investigations, and the audit log. */

import { recordInvestigation, recordOutcome } from '@kora-wake/shared/store/wake-record';
import { redact } from '@kora-wake/shared/wake/redact';
import { fallbackReport, NO_USAGE, type Report, repeatedReport } from '@kora-wake/shared/wake/report';
import { describe, expect } from 'vitest';
import { append, aWake, ending, type Namespace, test, wakeRow } from '../../../../test/support/fixtures.ts';
import { auditRowsTool } from '../../src/tools/audit-rows.ts';
import { pastWakesTools } from '../../src/tools/past-wakes.ts';
import type { Tool } from '../../src/tools/tool.ts';

const NOW = 1_800_000_000_000;
const MINUTE = 60_000;
const wake = aWake({ id: 'w-now', emittedAt: NOW });
const context = { wake, redact, signal: new AbortController().signal };

const told = (text: string): Report & { kind: 'diagnosis' } => ({
  kind: 'diagnosis',
  text,
  verdict: 'likely',
  model: 'm',
  usage: NO_USAGE,
  costUsd: 0,
  durationMs: 1,
  calls: [],
});

async function past({ redis, keys }: Namespace): Promise<void> {
  const record = (id: string, minutesAgo: number, report: Report, more = {}) =>
    recordInvestigation(
      redis,
      keys,
      aWake({ id, title: `title of ${id}`, ...more }),
      report,
      NOW - minutesAgo * MINUTE,
    );
  await record('w-1', 300, told('The token expired.'));
  await record('w-2', 60, fallbackReport('sdk_timeout'));
  await record('w-3', 30, told('The disk is full.'), { category: 'disk' });
  await record('w-4', 20, told('Another probe.'), { probe: 'vercel' });
  await record('w-now', 0, told('This one.'));
  await redis.hset(keys.wake('w-1'), 'suppressed', 7);
  await recordOutcome(redis, keys, ending('w-1', 'diagnosis', NOW));
}

function tool(ns: Namespace, name: string): Tool {
  const found = pastWakesTools(ns.redis, ns.keys, () => NOW).find((each) => each.name === name);
  if (!found) throw new Error(`there is no ${name}`);
  return found;
}

describe('recent_wakes', () => {
  test('lists the wakes of the probe, newest first, without the wake itself', async ({ ns }) => {
    await past(ns);
    expect((await tool(ns, 'recent_wakes').run({}, context)).split('\n')).toEqual([
      '30 min ago: disk (critical): title of w-3; 0 more suppressed; in progress',
      '60 min ago: down (critical): title of w-2; 0 more suppressed; in progress',
      '5 h ago: down (critical): title of w-1; 7 more suppressed; ended as diagnosis',
    ]);
    expect(await tool(ns, 'recent_wakes').run({ scope: 'pair', limit: 1 }, context)).toMatch(/^60 min ago[^\n]*$/);
  });

  test('reports that there is none', async ({ ns }) => {
    expect(await tool(ns, 'recent_wakes').run({}, context)).toBe('there is no record of an earlier wake');
    expect(await tool(ns, 'past_investigations').run({}, context)).toBe('this was never investigated before');
    expect(await tool(ns, 'confirmed_causes').run({}, context)).toBe('nobody has named the cause of an earlier alert');
  });
});

test('past_investigations lists earlier diagnoses of the pair, and when the issue came back', async ({ ns }) => {
  await past(ns);
  expect(await tool(ns, 'past_investigations').run({}, context)).toBe(
    '60 min ago (not investigated): sdk_timeout\nIt came back 60 min later.\n\n5 h ago (likely): The token expired.\nIt came back 4 h later.',
  );
});

test('past_investigations leaves repeated diagnoses out', async ({ ns }) => {
  await recordInvestigation(ns.redis, ns.keys, { ...wake, id: 'w-1' }, told('The token expired.'), NOW - 300 * MINUTE);
  const again = repeatedReport(told('The token expired.'), { wakeId: 'w-1', at: NOW, since: NOW });
  await recordInvestigation(ns.redis, ns.keys, { ...wake, id: 'w-2' }, again, NOW - 60 * MINUTE);
  await ns.redis.hset(ns.keys.wake('w-2'), 'enqueuedAt', NOW - 60 * MINUTE);
  const found = await tool(ns, 'past_investigations').run({}, context);
  expect(found).toBe('5 h ago (likely): The token expired.\nIt came back 4 h later.');
});

test('what a person said about a diagnosis is shown with it, and its cause is evidence', async ({ ns }) => {
  await past(ns);
  const say = (id: string, feedback: object) =>
    ns.redis.hset(ns.keys.wake(id), 'feedback', JSON.stringify({ by: 'ada', at: NOW, ...feedback }));
  await say('w-1', { verdict: 'wrong', cause: 'the card had expired' });
  await say('w-2', { verdict: 'right' });
  const investigations = await tool(ns, 'past_investigations').run({}, context);
  expect(investigations).toContain('\nada said that the diagnosis was wrong. The real cause: the card had expired\n');
  expect(investigations).toContain('\nada said that the diagnosis was right.\n');
  const causes = tool(ns, 'confirmed_causes');
  expect(await causes.run({}, context)).toBe(
    '5 h ago: title of w-1\nada said that the diagnosis was wrong. The real cause: the card had expired',
  );
  expect(causes.secondhand).toBeUndefined();
  expect(tool(ns, 'past_investigations').secondhand).toBe(true);
});

test('a report is stored once, as long as the record', async ({ ns }) => {
  for (let i = 0; i < 2; i++) await recordInvestigation(ns.redis, ns.keys, wake, told('once'), NOW);
  expect(await ns.redis.zrevrange(ns.keys.historyOfPair('fly:down'), 0, -1)).toEqual(['w-now']);
  expect(await ns.redis.ttl(ns.keys.wake('w-now'))).toBeGreaterThan(30 * 86_400);
});

describe('audit_rows', () => {
  const at = (minutes: number) => new Date(NOW + minutes * MINUTE).toISOString();

  test('returns the rows around the wake, oldest first, and skips other lines', async ({ logPath }) => {
    const row = (title: string, minutes: number) => wakeRow({ title, emittedAt: at(minutes) });
    append(
      logPath,
      row('long before', -60),
      row('before', -5),
      'no row',
      '[1]',
      row('after', 2),
      row('long after', 60),
    );
    const shown = await auditRowsTool(logPath).run({}, context);
    expect(shown.split('\n').map((line) => JSON.parse(line).details.title)).toEqual(['before', 'after']);
    expect(await auditRowsTool(logPath).run({ contains: 'after', limit: 5 }, context)).not.toContain('"before"');
    expect(await auditRowsTool(logPath).run({ contains: 'nowhere' }, context)).toBe('no such row in that time');
  });

  test('finds rows by their redacted text, so that a search cannot guess a secret', async ({ logPath }) => {
    const secret = 'xoxb-1234567890-abcdefghij';
    const id = '12345678901234567890';
    append(logPath, wakeRow({ title: `it is ${secret}`, detail: 'ID', emittedAt: at(0) }).replace('"ID"', id));
    const search = (contains: string) => auditRowsTool(logPath).run({ contains }, context);
    for (const part of [secret, 'xoxb', '1234567890-']) expect(await search(part)).toBe('no such row in that time');
    expect(await search('it is [redacted')).toContain('it is [redacted Slack token]');
    expect(await search(id)).toContain(id);
  });

  test('reads only the end of a long log, and shortens long rows', async ({ logPath }) => {
    const filler = wakeRow({ detail: 'x'.repeat(100_000), emittedAt: at(-1) });
    append(logPath, ...Array.from({ length: 100 }, () => filler), wakeRow({ title: 'last', emittedAt: at(0) }));
    const lines = (await auditRowsTool(logPath).run({ limit: 30 }, context)).split('\n');
    expect(lines).toHaveLength(30);
    expect(lines.at(-1)).toContain('"last"');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(700);
  });

  test('fails if the log cannot be read', async ({ logPath }) => {
    await expect(auditRowsTool(logPath).run({}, context)).rejects.toThrow('ENOENT');
  });
});
