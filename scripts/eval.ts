/**
 * `npm run eval`: runs the scenarios of test/scenarios.ts with a live model. Requests that the provider refused are
 * counted separately from wrong answers. Exits with 2 if the provider answered nothing.
 */
import { randomBytes } from 'node:crypto';
import { loadConfig } from '@kora-wake/shared/runtime/config';
import { createLogger } from '@kora-wake/shared/runtime/log';
import { freeLedger } from '@kora-wake/shared/store/budget-ledger';
import { redactor } from '@kora-wake/shared/wake/redact';
import { agent } from '../apps/worker/src/investigation/agent.ts';
import { anthropicModel } from '../apps/worker/src/investigation/model.ts';
import { SYSTEM_PROMPT } from '../apps/worker/src/investigation/prompt.ts';
import { SCENARIOS, type Scenario, score } from '../test/scenarios.ts';
import { scenarioTools, scenarioWake } from '../test/support/scenario.ts';

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
  const errors = score(report, scenario.expect);
  const outcome = report.kind === 'fallback' ? 'notAnswered' : errors.length === 0 ? 'right' : 'wrong';
  results[outcome]++;
  console.log(`${outcome === 'notAnswered' ? 'not answered' : outcome.padEnd(12)}  ${scenario.name}`);
  for (const error of errors) console.log(`              ${error}`);
}
const answered = results.right + results.wrong;
if (answered === 0) console.error('kora-wake: the provider answered nothing, so there is no result.');
else
  console.log(
    `${results.right} of ${answered} right with ${normal.model}; ${results.notAnswered} not answered; $${costUsd.toFixed(4)}`,
  );
process.exitCode = answered === 0 ? 2 : results.wrong > 0 ? 1 : 0;

function investigate(scenario: Scenario) {
  return agent({
    model,
    models: { normal, warn_75: warn75, downshift_90: downshift90 },
    ledger: freeLedger,
    tools: async () => ({ tools: scenarioTools(scenario), missing: [] }),
    systemPrompt: SYSTEM_PROMPT,
    redact: redactor(config.redact),
    timeoutMs: config.investigationTimeoutMs,
    maxToolRounds: config.maxToolRounds,
    retryDelayMs: 1_000,
    newNonce: () => randomBytes(8).toString('hex'),
    watcher: { call: () => undefined, tool: () => undefined },
    log: createLogger('eval', 'silent', process.stdout),
  }).investigate(scenarioWake(scenario, Date.now()), new AbortController().signal);
}
