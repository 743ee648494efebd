/** `kora-wake replay`: runs an investigation again, with the answers of a file or with those that are kept of a wake. */
import { randomBytes, randomUUID } from 'node:crypto';
import { type Config, usedBy } from '@kora-wake/shared/runtime/config';
import { StartupError } from '@kora-wake/shared/runtime/errors';
import { proxiedFetch } from '@kora-wake/shared/runtime/proxy';
import { closeRedis, type RedisClient } from '@kora-wake/shared/runtime/redis';
import { freeLedger, type Ledger, ledger } from '@kora-wake/shared/store/budget-ledger';
import { redisKeys } from '@kora-wake/shared/store/keys';
import type { KeptStep } from '@kora-wake/shared/store/step-types';
import { readSteps } from '@kora-wake/shared/store/steps';
import { readWakeRecord, wakeFromRecord } from '@kora-wake/shared/store/wake-record';
import type { Wake } from '@kora-wake/shared/wake/wake';
import { type AgentOptions, agent } from '@kora-wake/worker/investigation/agent';
import { anthropicModel } from '@kora-wake/worker/investigation/model';
import { toolbox } from '@kora-wake/worker/tools/toolbox';
import { defineCommand, type Env, type Io, readNumber, UsageError } from '../command.ts';
import { agentOptions, printReport, wakeFrom } from '../investigation.ts';
import { recordedSteps } from '../kept-steps.ts';
import { commandConfig, openRedis, SILENT } from '../redis-settings.ts';
import { readConfig } from '../settings.ts';
import { readTranscript, replayingFetch, replayingTools, type Transcript, toolsAfter } from '../transcript.ts';

export const command = defineCommand({
  name: 'replay',
  summary: 'Runs an investigation again. Nothing is sent.',
  usage: 'FILE | --wake ID [--from STEP]',
  details: [
    'FILE is a transcript that "investigate --record FILE" wrote. It needs no network and no key.',
    'With --wake the answers of the AI and the tools are those that the console shows. Without --from nothing is asked.',
  ],
  positionals: 1,
  options: {
    wake: { type: 'string', value: 'ID', about: 'the wake whose kept steps are replayed; needs its Redis' },
    from: {
      type: 'string',
      value: 'STEP',
      about: 'ask the AI and the tools from this step on; needs ANTHROPIC_API_KEY',
    },
  },
  run: async ({ positionals: [file], values: { wake, from } }, env, io) => {
    if ((file === undefined) === (wake === undefined)) throw new UsageError('FILE is needed, or --wake ID; not both.');
    if (from !== undefined && wake === undefined) throw new UsageError('--from needs --wake.');
    if (file !== undefined) await replayFile(file, env, io);
    else await replayWake(wake ?? '', from === undefined ? undefined : readNumber('from', from, WHOLE), env, io);
    return 0;
  },
});

const WHOLE = { min: 1, whole: true };

/** The AI, the tools and the budget of the investigation. */
type Sources = Pick<AgentOptions, 'ledger' | 'tools'> & { fetch: typeof globalThis.fetch };

async function run(wake: Wake, nonce: string, sources: Sources, config: Config, env: Env, io: Io): Promise<void> {
  const { fetch, ...others } = sources;
  const { credential = { kind: 'apiKey', key: 'none' } as const, baseUrl } = config.anthropic;
  const report = await agent({
    ...agentOptions(config, env, nonce, io),
    model: anthropicModel({ credential, baseUrl, fetch }),
    ...others,
  }).investigate(wake, new AbortController().signal);
  printReport(wake, report, io);
}

async function replayFile(file: string, env: Env, io: Io): Promise<void> {
  const config = readConfig(env, io, usedBy('worker'));
  const transcript = readTranscript(file);
  const wake = wakeFrom(transcript.row, transcript.at, config, env);
  await run(wake, transcript.nonce, recordedSources(transcript, transcript.missing), config, env, io);
}

function recordedSources(recorded: Pick<Transcript, 'answers' | 'looks' | 'offered'>, missing: string[]): Sources {
  return {
    ledger: freeLedger,
    tools: async () => ({ tools: replayingTools(recorded), missing }),
    fetch: replayingFetch(recorded),
  };
}

/** @param from the first step that is not replayed, from 1; undefined: all are */
async function replayWake(id: string, from: number | undefined, env: Env, io: Io): Promise<void> {
  const config = await commandConfig(env, io, usedBy('worker'));
  const redis = await openRedis(config);
  try {
    const { wake, steps } = await readKept(redis, config, id);
    const nonce = randomBytes(8).toString('hex');
    if (from === undefined) return await run(wake, nonce, recordedSources(recordedSteps(steps), []), config, env, io);
    if (!config.anthropic.credential) throw new StartupError('set ANTHROPIC_API_KEY, or leave --from out.');
    if (steps[from - 1]?.kind !== 'llm') throw new UsageError(`--from: step ${from} is not a call of the AI.`);
    const recorded = recordedSteps(steps.slice(0, from - 1));
    const box = await toolbox(config, env, redis, redisKeys(config.queuePrefix), Date.now, SILENT);
    try {
      const tools: Sources['tools'] = async (_wake, signal) => {
        const offered = await box.tools(signal);
        return { ...offered, tools: toolsAfter(recorded, offered.tools) };
      };
      await run(wake, nonce, { ...(await liveAfter(recorded, redis, config)), tools }, config, env, io);
    } finally {
      await box.close();
    }
  } finally {
    await closeRedis(redis);
  }
}

async function readKept(redis: RedisClient, config: Config, id: string): Promise<{ wake: Wake; steps: KeptStep[] }> {
  const keys = redisKeys(config.queuePrefix);
  const record = await readWakeRecord(redis, keys, id);
  if (!record) throw new StartupError(`there is no wake ${id} in this Redis. Wakes are stored for 35 days.`);
  const steps = await readSteps(redis, keys, id);
  if (!steps) throw new StartupError(`the steps of ${id} were not kept (KORA_KEEP_STEPS), or are dropped.`);
  // Its first request was about many alerts, and their state has changed since.
  if (record.report?.storm !== undefined) throw new StartupError('the investigation of a storm cannot be replayed.');
  return { wake: wakeFromRecord(record), steps };
}

/** The recorded answers come first and cost nothing. The provider is asked for those that follow. */
async function liveAfter(
  { answers }: Pick<Transcript, 'answers'>,
  redis: RedisClient,
  config: Config,
): Promise<Pick<Sources, 'fetch' | 'ledger'>> {
  const [recorded, live] = [replayingFetch({ answers }), await proxiedFetch(config.proxy)];
  const paid = ledger(redis, redisKeys(config.queuePrefix), config.costMonthlyUsd, Date.now, randomUUID);
  let [requests, reservations] = [0, 0];
  const reserve: Ledger['reserve'] = (usd) => (reservations++ < answers.length ? freeLedger : paid).reserve(usd);
  return {
    fetch: (input, init) => (requests++ < answers.length ? recorded : live)(input, init),
    ledger: { ...paid, reserve },
  };
}
