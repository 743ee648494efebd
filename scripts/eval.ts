/**
 * `npm run eval`: runs the scenarios of test/scenarios.ts with a live model. Requests that the provider refused are
 * counted separately from wrong answers. Exits with 2 if the provider answered nothing.
 */
import { randomBytes } from 'node:crypto';
import { type Config, loadConfig } from '@kora-wake/shared/runtime/config';
import { createLogger } from '@kora-wake/shared/runtime/log';
import { closeRedis } from '@kora-wake/shared/runtime/redis';
import { freeLedger } from '@kora-wake/shared/store/budget-ledger';
import { redisKeys } from '@kora-wake/shared/store/keys';
import { listWakeRecords } from '@kora-wake/shared/store/wake-history';
import { redactor } from '@kora-wake/shared/wake/redact';
import { defineCommand, type Env, type Io } from '../apps/cli/src/command.ts';
import { commandConfig, openRedis } from '../apps/cli/src/redis-settings.ts';
import { agent } from '../apps/worker/src/investigation/agent.ts';
import { anthropicModel, type Model } from '../apps/worker/src/investigation/model.ts';
import { prices } from '../apps/worker/src/investigation/prices.ts';
import { SYSTEM_PROMPT } from '../apps/worker/src/investigation/prompt.ts';
import { judgedScenario, SCENARIOS, type Scenario, score } from '../test/scenarios.ts';
import { scenarioTools, scenarioWake } from '../test/support/scenario.ts';
import { runScript } from './script.ts';

await runScript(
  defineCommand({
    name: 'eval',
    summary: 'Asks a live model about each known situation, and scores its answers.',
    usage: '',
    options: {
      feedback: {
        type: 'boolean',
        default: false,
        about: 'also ask about alerts of which people named the cause, from REDIS_URL',
      },
    },
    run: async ({ values }, env, io) => evaluate(values.feedback, env, io),
  }),
);

/** @returns the exit code */
async function evaluate(withFeedback: boolean, env: Env, io: Io): Promise<number> {
  const { config } = loadConfig(env);
  const { credential, baseUrl } = config.anthropic;
  if (!credential) {
    io.err('kora-wake: set ANTHROPIC_API_KEY; an evaluation asks a live model.');
    return 2;
  }
  const { normal } = config.models;
  const model = anthropicModel({ credential, baseUrl });
  const results = { right: 0, wrong: 0, notAnswered: 0 };
  let costUsd = 0;

  const judged = withFeedback ? await judgedScenarios(env, io) : [];
  for (const scenario of [...SCENARIOS, ...judged]) {
    const report = await investigate(scenario, model, config);
    costUsd += report.costUsd ?? 0;
    const errors = score(report, scenario.expect);
    const outcome = report.kind === 'fallback' ? 'notAnswered' : errors.length === 0 ? 'right' : 'wrong';
    results[outcome]++;
    io.out(`${outcome === 'notAnswered' ? 'not answered' : outcome.padEnd(12)}  ${scenario.name}`);
    for (const error of errors) io.out(`              ${error}`);
  }
  const answered = results.right + results.wrong;
  if (answered === 0) io.err('kora-wake: the provider answered nothing, so there is no result.');
  else
    io.out(
      `${results.right} of ${answered} right with ${normal.model}; ${results.notAnswered} not answered; $${costUsd.toFixed(4)}`,
    );
  return answered === 0 ? 2 : results.wrong > 0 ? 1 : 0;
}

/** Alerts that are read for feedback. */
const MAX_READ = 2_000;

async function judgedScenarios(env: Env, io: Io): Promise<Scenario[]> {
  const config = await commandConfig(env, io);
  const redis = await openRedis(config);
  try {
    const { entries } = await listWakeRecords(redis, redisKeys(config.queuePrefix), {}, { limit: MAX_READ, since: 0 });
    return entries.flatMap((record) => judgedScenario(record) ?? []);
  } finally {
    await closeRedis(redis);
  }
}

function investigate(scenario: Scenario, model: Model, config: Config) {
  return agent({
    model,
    models: config.models,
    prices: prices(config.modelPrices),
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
