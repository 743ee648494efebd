/** The commands that act on incidents and the hold, with a running API. */
import { readHold } from '@kora-wake/shared/store/hold';
import { readIncident } from '@kora-wake/shared/store/incidents';
import { recordInvestigation } from '@kora-wake/shared/store/wake-record';
import { incidentIdOf } from '@kora-wake/shared/wake/incident';
import { expect } from 'vitest';
import { report } from '../../apps/api/test/api.ts';
import { runCommand } from '../../apps/cli/test/terminal.ts';
import { commit, fires } from '../support/commit.ts';
import { environment } from '../support/doubles.ts';
import { aWake, type Namespace, rowsOf, test } from '../support/fixtures.ts';
import { runApp } from '../support/process.ts';
import { apiUrl } from '../support/spawn.ts';

async function running(ns: Namespace, logPath: string) {
  const env = environment(ns, logPath);
  const url = await apiUrl(runApp('api', env));
  const wake = aWake({ id: 'w-cli', severity: 'warning' });
  await commit(ns, [wake], [fires(wake)]);
  await recordInvestigation(ns.redis, ns.keys, wake, report, Date.now());
  const command = (...args: string[]) => runCommand(args, { ...env, KORA_API_PORT: new URL(url).port });
  return { command, id: incidentIdOf(wake.id) };
}

test('incidents are listed, acknowledged, snoozed, judged and resolved', async ({ ns, logPath }) => {
  const { command, id } = await running(ns, logPath);
  expect((await command('incidents')).out).toMatch(
    new RegExp(`^  ${id}  fly / down: firing, warning, since \\S+, 1 alert$`),
  );
  expect(await command('incidents', 'acknowledge', id, '--reason', 'mine é')).toMatchObject({
    code: 0,
    out: expect.stringContaining('fly / down: acknowledged by '),
  });
  expect((await command('incidents', 'snooze', id, '--for', '2h')).out).toContain('snoozed');
  const { snoozedUntil } = (await readIncident(ns.redis, ns.keys, id)) ?? {};
  expect(Math.abs((snoozedUntil ?? 0) - Date.now() - 7_200_000)).toBeLessThan(60_000);
  expect((await command('incidents', 'feedback', id, '--verdict', 'wrong', '--cause', 'a full disk')).code).toBe(0);
  expect((await command('incidents', 'resolve', id)).out).toContain('closed (resolved)');
  expect(await command('incidents', 'resolve', id)).toMatchObject({
    code: 2,
    err: 'kora-wake incidents: This incident is closed already.',
  });
  expect((await command('incidents')).out).toBe('No incident is open.');
  expect((await command('incidents', '--all')).out).toContain('closed (resolved)');
  const rows = rowsOf(logPath).filter(({ seam }) => seam.startsWith('operator.'));
  expect(rows.map(({ seam, details }) => [seam, details.via, details.reason])).toEqual([
    ['operator.incident_acknowledged', 'cli', 'mine é'],
    ['operator.incident_snoozed', 'cli', null],
    ['operator.incident_feedback', 'cli', null],
    ['operator.incident_resolved', 'cli', null],
  ]);
});

test('a hold is set, shown and ended', async ({ ns, logPath }) => {
  const { command } = await running(ns, logPath);
  expect((await command('hold')).out).toBe('No hold is in force.');
  expect((await command('hold', '30m')).out).toMatch(/^All messages are held until \S+ by .+\.$/);
  const { until = 0 } = (await readHold(ns.redis, ns.keys)) ?? {};
  expect(Math.abs(until - Date.now() - 1_800_000)).toBeLessThan(60_000);
  expect((await command('hold')).out).toContain('held until');
  expect((await command('hold', 'end')).out).toBe('No hold is in force.');
});

test.for([
  [['incidents', 'ack', 'i-1'], "unknown action 'ack', expected one of acknowledge, snooze, resolve, feedback."],
  [['incidents', 'resolve'], 'resolve needs the id of an incident.'],
  [['incidents', 'snooze', 'i-1', '--for', 'long'], 'for: expected a number and s, m or h, such as 30m.'],
  [['incidents', 'feedback', 'i-1'], '--verdict: expected one of right, partly, wrong.'],
  [['hold', '5s'], 'a hold lasts from 60s to 24h.'],
  [['hold', 'later'], 'TIME: expected a number and s, m or h, such as 30m.'],
  [
    ['hold', '30m'],
    'the API does not answer at http://127.0.0.1:39871 (ECONNREFUSED). Start it, or set KORA_API_HOST and KORA_API_PORT.',
  ],
] as const)('%o is refused in a sentence', async ([args, sentence]) => {
  const { code, err } = await runCommand([...args], { KORA_API_PORT: '39871' });
  expect(code).toBe(2);
  expect(err.split('\n')[0]).toBe(`kora-wake ${args[0]}: ${sentence}`);
});
