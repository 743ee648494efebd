/** A policy that changes while a worker runs. */
import { writeFileSync } from 'node:fs';
import { readAccount } from '@kora-wake/shared/store/account';
import { expect } from 'vitest';
import { doubles, environment, startTailerAndWorker } from '../support/doubles.ts';
import { append, eventually, test, wakeRow } from '../support/fixtures.ts';

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
