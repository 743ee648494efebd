/** The test alert of the API, the set-up checks and `kora-wake doctor`, with real apps. */
import { writeFileSync } from 'node:fs';
import { ErrorAnswer, Incidents, InvestigationDetail, Operations, TestAlert } from '@kora-wake/api/contract';
import { setHold } from '@kora-wake/shared/store/hold';
import { expect } from 'vitest';
import { doubles, environment, startAllApps } from '../support/doubles.ts';
import { eventually, test } from '../support/fixtures.ts';
import { runScript } from '../support/process.ts';

const CLI = 'apps/cli/dist/main.js';

test('a test alert goes the whole way, again and again, and the checks show what is set up', async ({
  ns,
  logPath,
}) => {
  const { slack, env: slackAndEngine } = await doubles();
  const env = environment(ns, logPath, slackAndEngine);
  const { url, worker } = await startAllApps(env);
  const get = async (path: string): Promise<unknown> => (await fetch(`${url}${path}`)).json();
  for (const number of [1, 2]) {
    const answer = await fetch(`${url}/v1/test`, { method: 'POST' });
    expect(answer.status).toBe(202);
    const { wakeId, probe, category } = TestAlert.parse(await answer.json());
    expect([probe, category]).toEqual(['kora-wake', expect.stringMatching(/^test-[0-9a-f]{8}$/)]);
    await eventually(async () => {
      const wake = InvestigationDetail.parse(await get(`/v1/investigations/${wakeId}`));
      return wake.outcome === 'diagnosis' && wake.title.startsWith('🧪 Test alert from ');
    });
    expect(slack.accepted).toHaveLength(number);
    expect(JSON.stringify(slack.accepted.at(-1))).toContain('🧪');
  }
  // The second one ended the first one's incident.
  await eventually(async () => {
    const { entries } = Incidents.parse(await get('/v1/incidents?state=all'));
    return entries.map(({ state }) => state).join() === 'firing,closed';
  });
  const { entries } = Operations.parse(await get('/v1/operations'));
  expect(entries.map(({ what }) => what)).toEqual(['test_sent', 'test_sent']);

  const port = new URL(url).port;
  const doctor = () => runScript(CLI, ['doctor'], { ...env, KORA_API_PORT: port });
  const text = ({ lines }: ReturnType<typeof doctor>) => lines.map(({ msg }) => msg).join('\n');
  const healthy = await eventually(async () => {
    const run = doctor();
    return (await run.exited) === 0 && /✓ AI .*last answer at/.test(text(run)) && run;
  });
  expect(text(healthy)).toMatch(/✓ Audit log +.* is watched, last alert at /);
  expect(text(healthy)).toMatch(/✓ Slack +team /);
  expect(text(healthy)).toMatch(/✓ Versions +all apps run /);
  expect(text(healthy)).toMatch(/– Policy +no file.*\n +Set KORA_POLICY_PATH/);

  worker.child.kill('SIGTERM');
  await worker.exited;
  const ill = doctor();
  expect(await ill.exited).toBe(1);
  expect(text(ill)).toMatch(/✗ Workers +no worker runs: alerts wait\n +Start a worker\./);
});

test('a test alert whose way is blocked, or that follows another one at once, is refused with the reason', async ({
  ns,
  logPath,
  folder,
}) => {
  const { env: slackAndEngine } = await doubles();
  const policyPath = `${folder}/policy.yaml`;
  writeFileSync(
    policyPath,
    'version: 1\nrules: [{ match: { probe: kora-wake }, mute: [{ cron: "* * * * *", for: 1h, reason: drills }] }]\n',
  );
  const { url, api, tailer, worker } = await startAllApps(
    environment(ns, logPath, { ...slackAndEngine, KORA_POLICY_PATH: policyPath }),
  );
  const send = async () => {
    const answer = await fetch(`${url}/v1/test`, { method: 'POST' });
    return [answer.status, ErrorAnswer.parse(await answer.json()).message];
  };
  expect(await send()).toEqual([409, expect.stringContaining('The policy mutes test alerts now (drills).')]);
  writeFileSync(policyPath, 'version: 1\nrules: [{ match: { probe: kora-wake }, consecutive: 3 }]\n');
  tailer.child.kill('SIGHUP');
  api.child.kill('SIGHUP');
  await Promise.all([api.until('policy.reloaded'), tailer.until('policy.reloaded')]);
  await setHold(ns.redis, ns.keys, 3_600, 'ada');
  expect(await send()).toEqual([
    409,
    expect.stringMatching(/^All messages are held until .* UTC \(ada\): end the hold/),
  ]);
  await setHold(ns.redis, ns.keys, 0, 'ada');
  worker.child.kill('SIGTERM');
  await worker.exited;
  const sent = await fetch(`${url}/v1/test`, { method: 'POST' });
  // The policy waits for three alerts.
  expect(TestAlert.parse(await sent.json()).wakeId).toMatch(/^w-/);
  expect(await send()).toEqual([409, expect.stringMatching(/^A test alert is on its way \(w-/)]);
  tailer.child.kill('SIGTERM');
  await tailer.exited;
  expect(await send()).toEqual([503, expect.stringContaining('start a tailer')]);
});
