/** A policy file that three running apps read again, and rows that they decide by it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PolicyState } from '@kora-wake/shared/policy/state';
import { type Account, readAccount } from '@kora-wake/shared/store/account';
import { expect } from 'vitest';
import { Status } from '../../apps/api/src/contract.ts';
import { doubles, environment, expectCleanStop, startAllApps, startTailerAndWorker } from '../support/doubles.ts';
import { append, eventually, test, wakeRow } from '../support/fixtures.ts';

const policyOf = (rules: string) => `version: 1\nrules:\n${rules}\n`;

test('a policy is read again after SIGHUP, unless it has faults, and the status shows it', async ({ ns, logPath }) => {
  const policyPath = join(logPath, '..', 'policy.yaml');
  writeFileSync(policyPath, policyOf('  - { match: { probe: fly }, consecutive: 2 }'));
  const { tailer, worker, api, url } = await startAllApps(environment(ns, logPath, { KORA_POLICY_PATH: policyPath }));
  const apps = [tailer, worker, api];
  const reload = () => {
    for (const { child } of apps) child.kill('SIGHUP');
  };
  /** The policies of API, worker and tailer, once all of them have what the predicate wants. */
  const policies = (wanted: (policy: PolicyState | null) => boolean) =>
    eventually(async () => {
      const { policy, workers, tailers } = Status.parse(await (await fetch(`${url}/v1/status`)).json());
      const all = [policy, ...workers.map((each) => each.policy), ...tailers.map((each) => each.policy)];
      return all.length === 3 && all.every(wanted) && all;
    });
  const counted = (wanted: Partial<Account>) =>
    eventually(async () => {
      const account = await readAccount(ns.redis, ns.keys);
      return Object.entries(wanted).every(([name, n]) => Reflect.get(account, name) === n);
    });

  append(logPath, wakeRow({ probe: 'fly', title: 'one' }));
  await tailer.until('wake.buffered');
  append(logPath, wakeRow({ probe: 'fly', title: 'two' }));
  await tailer.until('wake.enqueued');
  await counted({ rows: 2, buffered: 1, enqueued: 1 });
  const [before] = await policies((policy) => policy?.problem === null && policy.version !== '');

  writeFileSync(policyPath, policyOf('  - { match: { probe: fly }, window: 5 }'));
  reload();
  for (const app of apps) await app.until('policy.invalid');
  const faulty = await policies((policy) => policy?.problem?.includes(':3: rule 1: window') === true);
  expect(faulty.map((policy) => policy?.version)).toEqual(faulty.map(() => before?.version));

  const mute = '  - { match: { probe: db }, mute: [{ cron: "* * * * *", for: 2m, reason: tests }] }';
  writeFileSync(policyPath, policyOf(mute));
  reload();
  for (const app of apps) await app.until('policy.reloaded');
  append(logPath, wakeRow({ probe: 'db', title: 'muted' }));
  expect(await tailer.until('wake.muted')).toMatchObject({ probe: 'db', reason: 'tests', rows: 1 });
  const after = await policies((policy) => policy?.problem === null && policy.version !== before?.version);
  expect(new Set(after.map((policy) => policy?.version)).size).toBe(1);
  await counted({ rows: 3, muted: 1, unaccounted: 0 });
  await expectCleanStop(apps);
});

test('without a policy file SIGHUP stops an app', async ({ ns, logPath }) => {
  const { tailer, worker, api } = await startAllApps(environment(ns, logPath));
  const apps = [tailer, worker, api];
  for (const { child } of apps) child.kill('SIGHUP');
  expect(await Promise.all(apps.map(({ exited }) => exited))).toEqual([0, 0, 0]);
});

test('a rule says whether an unchanged alert is investigated again, also after a reload', async ({
  ns,
  folder,
  logPath,
}) => {
  const { slack, anthropic, env } = await doubles();
  const policyPath = `${folder}/policy.yaml`;
  writeFileSync(policyPath, 'version: 1\n');
  const usual = environment(ns, logPath, env);
  const { tailer, worker } = await startTailerAndWorker({
    ...usual,
    KORA_PROBE_DEBOUNCE_SECONDS: '0',
    KORA_POLICY_PATH: policyPath,
  });
  const send = async (...options: Array<Parameters<typeof wakeRow>[0]>) => {
    const before = slack.accepted.length;
    append(logPath, ...options.map((each) => wakeRow(each)));
    await eventually(() => slack.accepted.length === before + options.length);
  };
  await send({}, { probe: 'vercel' });
  await send({});
  expect(anthropic.requests).toHaveLength(3);

  writeFileSync(policyPath, 'version: 1\nrules:\n  - { match: { probe: "f*" }, reinvestigate: on_change }\n');
  worker.child.kill('SIGHUP');
  await worker.until('policy.reloaded');
  await send({}, { probe: 'vercel' });
  expect(anthropic.requests).toHaveLength(4);
  await eventually(async () => {
    const { outcomes, unaccounted } = await readAccount(ns.redis, ns.keys);
    return outcomes.diagnosis === 4 && outcomes.unchanged === 1 && unaccounted === 0;
  });
  for (const { child, exited } of [tailer, worker]) {
    child.kill('SIGTERM');
    await exited;
  }
});
