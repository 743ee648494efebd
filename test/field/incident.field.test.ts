/** The life of an incident with the three built apps: its message, a click, repeats and the recovery, through kills of each process. */
import { expect } from 'vitest';
import { doubles, environment, startAllApps } from '../support/doubles.ts';
import { append, eventually, recoveredRow, rowsOf, test, wakeRow } from '../support/fixtures.ts';
import { runApp } from '../support/process.ts';
import { slackSocketDouble } from '../support/slack-socket.ts';
import { apiUrl } from '../support/spawn.ts';

test('a click acknowledges, repeats are counted on the message, and the message shows the recovery', async ({
  ns,
  logPath,
}) => {
  const { slack, env } = await doubles();
  const socket = await slackSocketDouble();
  slack.socket.url = socket.url;
  const all = environment(ns, logPath, { ...env, KORA_SLACK_APP_TOKEN: 'xapp-1-test' });
  const { tailer, worker, api } = await startAllApps(all);
  await eventually(() => ns.redis.exists(ns.keys.clicksTaken).then((n) => n === 1));

  append(logPath, wakeRow());
  await eventually(() => slack.accepted.length === 1);
  const [message] = slack.accepted;
  const last = () => message?.edits.at(-1)?.text ?? '';
  const blocks: any = message?.blocks;
  const { elements } = blocks.find(({ type }: { type: string }) => type === 'actions');
  expect(elements.map(({ action_id }: any) => action_id)).toEqual([
    'acknowledge',
    'snooze_1h',
    'snooze_8h',
    'resolve',
    'hold_all',
  ]);

  // A worker that dies between writing a row and removing it from the list has it written twice.
  await eventually(() => ns.redis.llen(ns.keys.incidentRows).then((n) => n === 0));
  worker.child.kill('SIGKILL');
  const click = {
    type: 'block_actions',
    user: { id: 'U1', username: 'ada' },
    container: { type: 'message', message_ts: message?.ts },
    actions: [{ ...elements[0], action_ts: String(Date.now() / 1_000) }],
  };
  socket.click(click, 'e1');
  await eventually(() => socket.acknowledged.length === 1);
  api.child.kill('SIGKILL');
  // The same click once more, over the socket of the next process.
  const next = runApp('api', { ...all, KORA_API_PORT: '0' });
  const url = await apiUrl(next);
  await next.until('slack.socket_open');
  socket.click(click, 'e2');
  await eventually(() => socket.acknowledged.length === 2);
  await runApp('worker', all).until('worker.ready');
  await eventually(() => last().includes('(Acknowledged by ada · firing since '));

  tailer.child.kill('SIGKILL');
  append(logPath, wakeRow(), wakeRow(), wakeRow());
  await runApp('tailer', all).until('tailer.following');
  await eventually(() => last().includes('· 3 repeats)'));
  await ns.redis.del(ns.keys.dedup('fly:service_unhealthy'));
  append(logPath, wakeRow({ title: 'after the window' }));
  await eventually(() => last().includes('· 4 repeats)'));
  append(logPath, recoveredRow({ probe: 'fly', category: 'service_unhealthy' }));
  await eventually(() => /\(Recovered .* after \d+ min · 4 repeats\)$/.test(last()));
  expect(slack.accepted).toHaveLength(1);

  const get = async (path: string): Promise<any> => (await fetch(`${url}${path}`)).json();
  const [incident] = (await get('/v1/incidents?state=all')).entries;
  expect(incident).toMatchObject({ state: 'closed', closeReason: 'recovered', rows: 5, wakes: 2 });
  const account = async () => (await get('/v1/account')) as { unaccounted: number; outcomes: Record<string, number> };
  await eventually(async () => (await account()).unaccounted === 0);
  expect((await account()).outcomes).toMatchObject({ diagnosis: 1, joined: 1 });
  const rows = () => rowsOf(logPath).map(({ seam }) => seam);
  await eventually(() => rows().includes('incident.closed'));
  const about = rows().filter((seam) => /^(incident|operator)\./.test(String(seam)));
  expect(about).toHaveLength(3);
  expect(new Set(about)).toEqual(new Set(['incident.opened', 'operator.incident_acknowledged', 'incident.closed']));
});
