/**
 * `npm run eval`: the scenarios of test/scenarios.ts against a live model. What the provider refused is counted apart
 * from wrong answers, and a run in which nothing was answered is no result.
 */
import { randomBytes } from 'node:crypto';
import { loadConfig } from '@kora-wake/shared/runtime/config';
import { createLogger } from '@kora-wake/shared/runtime/log';
import { freeLedger } from '@kora-wake/shared/store/budget-ledger';
import { redactor } from '@kora-wake/shared/wake/redact';
import { readWake } from '@kora-wake/shared/wake/wake';
import { agent } from '../apps/worker/src/investigation/agent.ts';
import { anthropicModel } from '../apps/worker/src/investigation/model.ts';
import { SYSTEM_PROMPT } from '../apps/worker/src/investigation/prompt.ts';
import { SCENARIOS, type Scenario, score } from '../test/scenarios.ts';

const { config } = loadConfig(process.env);
const { credential, baseUrl } = config.anthropic;
if (!credential) {
  console.error('kora-wake: set ANTHROPIC_API_KEY; an evaluation asks a live model.');
  process.exit(2);
}
const { normal, warn75, downshift90 } = config.models;
const model = anthropicModel({ credential, baseUrl });
const results = { right: 0, wrong: 0, notAnswered: 0 };
let costUsd = 0;

for (const scenario of SCENARIOS) {
  const report = await investigate(scenario);
  costUsd += report.costUsd ?? 0;
  const faults = score(report, scenario.expect);
  const outcome = report.kind === 'fallback' ? 'notAnswered' : faults.length === 0 ? 'right' : 'wrong';
  results[outcome]++;
  console.log(`${outcome === 'notAnswered' ? 'not answered' : outcome.padEnd(12)}  ${scenario.name}`);
  for (const fault of faults) console.log(`              ${fault}`);
}
const answered = results.right + results.wrong;
if (answered === 0) console.error('kora-wake: the provider answered nothing; this is no result.');
else
  console.log(
    `${results.right} of ${answered} right with ${normal.model}; ${results.notAnswered} not answered; $${costUsd.toFixed(4)}`,
  );
process.exitCode = answered === 0 ? 2 : results.wrong > 0 ? 1 : 0;

function investigate({ row: { title, detail, probe = 'fly', snapshot = {} }, tools }: Scenario) {
  const row = {
    emitted_at: new Date().toISOString(),
    seam: 'probe.wake_requested',
    details: { probe, category: 'service_unhealthy', severity: 'critical', title, detail, snapshot_details: snapshot },
  };
  const wake = readWake(row, 'w-eval', Date.now());
  if (!wake) throw new Error(`the row of a scenario is no wake: ${title}`);
  return agent({
    model,
    models: { normal, warn_75: warn75, downshift_90: downshift90 },
    ledger: freeLedger,
    tools: async () => ({
      tools: Object.entries(tools).map(([name, said]) => ({
        name,
        description: `Looks at what its name says: ${name.replaceAll('_', ' ')}.`,
        inputSchema: { type: 'object', properties: { host: { type: 'string' }, url: { type: 'string' } } },
        run: () => (said === undefined ? new Promise<string>(() => undefined) : Promise.resolve(said)),
      })),
      missing: [],
    }),
    systemPrompt: SYSTEM_PROMPT,
    redact: redactor(config.redact),
    timeoutMs: config.investigationTimeoutMs,
    maxToolRounds: config.maxToolRounds,
    retryDelayMs: 1_000,
    newNonce: () => randomBytes(8).toString('hex'),
    watcher: { call: () => undefined, tool: () => undefined },
    log: createLogger('eval', 'silent', process.stdout),
  }).investigate(wake, new AbortController().signal);
}
